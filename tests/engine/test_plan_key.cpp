// The plans' key: graphs that differ only in a primitive's settings never share a plan.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>
#include <set>

#include "engine/autodiff.h"
#include "engine/plan.h"
#include "engine/primitive.h"
#include "engine/walk.h"
#include "tests/engine/primitive_cases.h"

using namespace sg;
using namespace sg::test;

namespace {

Tensor index_4x4() { return tensor({0, 3, 1, 2, 2, 1, 3, 0, 1, 1, 0, 2, 3, 0, 2, 1}, {4, 4}, i64); }

/// The transposed of taking lines along an axis.
Tensor lines_added(const Tensor& lines, std::int64_t axis) {
  const Tensor table = zeros(lines.shape(), lines.dtype());
  return grad(sum(take(table, tensor({3, 0, 3, 1}, {4}, i64), axis) * lines), table);
}

/// One primitive with two settings, on inputs of the same shapes.
struct Settings {
  std::vector<Shape> shapes;
  Function first, second;
};

const std::map<std::string_view, Settings>& settings() {
  static const std::map<std::string_view, Settings> all = {
      {"full",
       {{{3}},
        [](const Tensors& x) { return x[0] * full({3}, 1.25, f64); },
        [](const Tensors& x) { return x[0] * full({3}, 2.25, f64); }}},
      {"sum",
       {{{4, 4}}, [](const Tensors& x) { return sum(x[0], {0}); }, [](const Tensors& x) { return sum(x[0], {1}); }}},
      {"max",
       {{{4, 4}}, [](const Tensors& x) { return max(x[0], {0}); }, [](const Tensors& x) { return max(x[0], {1}); }}},
      {"min",
       {{{4, 4}}, [](const Tensors& x) { return min(x[0], {0}); }, [](const Tensors& x) { return min(x[0], {1}); }}},
      {"argmax",
       {{{4, 4}},
        [](const Tensors& x) { return cast(argmax(x[0], 0), f64) + sum(x[0]); },
        [](const Tensors& x) { return cast(argmax(x[0], 1), f64) + sum(x[0]); }}},
      {"transpose",
       {{{3, 3, 3}},
        [](const Tensors& x) {
          return exp(transpose(x[0], {1, 0, 2}));
        },
        [](const Tensors& x) {
          return exp(transpose(x[0], {2, 1, 0}));
        }}},
      {"slice",
       {{{4, 4}},
        [](const Tensors& x) { return exp(slice(x[0], 0, 0, 2)); },
        [](const Tensors& x) { return exp(slice(x[0], 0, 0, 4, 2)); }}},
      {"flip",
       {{{4, 4}},
        [](const Tensors& x) { return exp(flip(x[0], {0})); },
        [](const Tensors& x) { return exp(flip(x[0], {1})); }}},
      {"pad",
       {{{2, 2}},
        [](const Tensors& x) {
          return exp(pad(x[0], {1, 0}, {0, 1}));
        },
        [](const Tensors& x) {
          return exp(pad(x[0], {0, 1}, {1, 0}));
        }}},
      {"dilate",
       {{{4, 4}},
        [](const Tensors& x) { return exp(dilate(x[0], 0, 1, 7)); },
        [](const Tensors& x) { return exp(dilate(x[0], 0, 2, 7)); }}},
      {"concat",
       {{{2, 2}, {2, 2}},
        [](const Tensors& x) {
          return exp(flatten(concat({x[0], x[1]}, 0)));
        },
        [](const Tensors& x) {
          return exp(flatten(concat({x[0], x[1]}, 1)));
        }}},
      {"gather",
       {{{4, 4}},
        [](const Tensors& x) { return exp(gather(x[0], index_4x4(), 0)); },
        [](const Tensors& x) { return exp(gather(x[0], index_4x4(), 1)); }}},
      {"take",
       {{{4, 4}},
        [](const Tensors& x) { return exp(take(x[0], index_4x4(), 0)); },
        [](const Tensors& x) { return exp(take(x[0], index_4x4(), 1)); }}},
      {"add_lines",
       {{{4, 4}},
        [](const Tensors& x) { return exp(lines_added(x[0], 0)); },
        [](const Tensors& x) { return exp(lines_added(x[0], 1)); }}},
      {"scatter_add",
       {{{4, 4}, {4, 4}},
        [](const Tensors& x) { return exp(scatter_add(x[0], index_4x4(), x[1], 0)); },
        [](const Tensors& x) { return exp(scatter_add(x[0], index_4x4(), x[1], 1)); }}},
      {"scatter_source",
       {{{4, 4}, {4, 4}},
        [](const Tensors& x) { return exp(scatter(x[0], index_4x4(), x[1], 0)); },
        [](const Tensors& x) { return exp(scatter(x[0], index_4x4(), x[1], 1)); }}},
      {"cumsum",
       {{{4, 4}},
        [](const Tensors& x) { return exp(cumsum(x[0], 0)); },
        [](const Tensors& x) { return exp(cumsum(x[0], 1)); }}},
      {"argsort",
       {{{4, 4}},
        [](const Tensors& x) { return exp(sort(x[0], 0).values); },
        [](const Tensors& x) { return exp(sort(x[0], 0, true).values); }}},
      {"fft",
       {{{3, 3, 2}},
        [](const Tensors& x) { return exp(fft(x[0], 0)); },
        [](const Tensors& x) { return exp(ifft(x[0], 0)); }}},
      {"rfft",
       {{{4, 4}},
        [](const Tensors& x) { return exp(flatten(rfft(x[0], 0))); },
        [](const Tensors& x) { return exp(flatten(rfft(x[0], 1))); }}},
      {"irfft",
       {{{3, 3, 2}},
        [](const Tensors& x) { return exp(flatten(irfft(x[0], 4, 0))); },
        [](const Tensors& x) { return exp(flatten(irfft(x[0], 4, 1))); }}},
      {"conv2d",
       {{{1, 2, 7, 7}, {2, 2, 3, 3}},
        [](const Tensors& x) {
          return square(conv2d(x[0], x[1], {.padding = {1, 1}}));
        },
        [](const Tensors& x) {
          return square(conv2d(x[0], x[1], {.padding = {2, 2}, .dilation = {2, 2}}));
        }}},
      {"conv_transpose2d",
       {{{1, 2, 5, 5}, {2, 2, 3, 3}},
        [](const Tensors& x) {
          return square(conv_transpose2d(x[0], x[1], {.padding = {1, 1}}));
        },
        [](const Tensors& x) {
          return square(conv_transpose2d(x[0], x[1], {.padding = {2, 2}, .dilation = {2, 2}}));
        }}},
      {"conv2d_weight_gradient",
       {{{1, 2, 7, 7}, {1, 2, 7, 7}},
        [](const Tensors& x) {
          return square(conv2d_weight_gradient(x[0], x[1], {3, 3}, {.padding = {1, 1}}));
        },
        [](const Tensors& x) {
          return square(conv2d_weight_gradient(x[0], x[1], {3, 3}, {.padding = {2, 2}, .dilation = {2, 2}}));
        }}},
      {"max_pool2d_index",
       {{{1, 2, 6, 6}},
        [](const Tensors& x) { return exp(max_pool2d(x[0])); },
        [](const Tensors& x) {
          return exp(max_pool2d(x[0], {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}));
        }}},
  };
  return all;
}

/// The value and the derivatives to the second order.
std::vector<std::vector<double>> results(const Function& f, const Tensors& inputs) {
  Tensors all{f(inputs)};
  const Tensors first = grad(sum(all[0]), inputs, {}, Unused::zeros);
  Tensor total = scalar(0, f64);
  for (const Tensor& g : first) total = total + sum(sin(g));
  const Tensors second = grad(total, inputs, {}, Unused::zeros);
  all.insert(all.end(), first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  eval(all);
  std::vector<std::vector<double>> values;
  for (const Tensor& t : all) values.push_back(t.to_vector<double>());
  return values;
}

/// The names of the primitives with attributes in a graph.
void collect_configured(const Tensor& root, std::set<std::string>& names) {
  const Walk walk(
      {root}, [](const Node&) { return false; }, [](const Node&) { return true; });
  for (const Node* node : walk.nodes()) {
    if (node->primitive() && !node->primitive()->attributes().empty()) names.emplace(node->primitive()->name());
  }
}

Tensors inputs_of(const std::vector<Shape>& shapes) {
  std::mt19937_64 random(5);
  Tensors inputs;
  for (const Shape& shape : shapes) inputs.push_back(uniform(random, shape, -1, 1));
  return inputs;
}

}  // namespace

TEST_CASE("a primitive with two settings gives in one process what it gives without plans from before") {
  for (const auto& [name, setting] : settings()) {
    INFO(name);
    const Tensors inputs = inputs_of(setting.shapes);
    std::set<std::string> names;
    collect_configured(setting.first(inputs), names);
    CHECK(names.contains(std::string(name)));
    std::vector<std::vector<std::vector<double>>> fresh, cached;
    {
      const FreshPlans afresh;
      fresh = {results(setting.first, inputs), results(setting.second, inputs)};
      CHECK_FALSE(last_evaluation().reused_plan);
    }
    for (int round = 0; round < 2; ++round) {
      cached = {results(setting.first, inputs), results(setting.second, inputs)};
      CHECK(cached == fresh);
    }
    CHECK(last_evaluation().reused_plan);
    CHECK(fresh[0][0] != fresh[1][0]);
  }
}

TEST_CASE("every primitive that has settings has a row of two of them") {
  std::set<std::string> names;
  for (const PrimitiveCase& row : primitive_cases()) {
    std::mt19937_64 random(7);
    Tensors inputs;
    for (const Shape& shape : row.shapes) inputs.push_back(uniform(random, shape, row.low, row.high));
    const Tensor y = row.function(inputs);
    collect_configured(y, names);
    if (is_floating(y.dtype())) {
      for (const Tensor& g : grad(sum(y), inputs, {}, Unused::zeros)) collect_configured(g, names);
    }
  }
  for (const std::string& name : names) {
    INFO(name);
    CHECK(settings().contains(name));
  }
}

TEST_CASE("two classes of one name are two primitives") {
  const Tensor a = tensor({2, 1, 1, 3}, {2, 2}, f64), b = tensor({1, 2}, {2, 1}, f64);
  std::set<const void*> identities;
  for (const Tensor& y : {a + a, a * a, exp(a), sin(a), sum(a, {0}), max(a, {0}), matmul(a, b)}) {
    identities.insert(y.node()->primitive() ? y.node()->primitive()->class_identity() : nullptr);
    if (y.node()->primitive()->name() == "reshape")
      identities.insert(y.node()->inputs()[0].node()->primitive()->class_identity());
  }
  CHECK_FALSE(identities.contains(nullptr));
  CHECK(identities.size() == 8);
}

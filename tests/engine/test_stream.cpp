// Streaming: regions give what whole tensors give, with the same bits on any number of threads, in little memory.
#include "engine/stream.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>

#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"
#include "engine/node.h"
#include "engine/primitive.h"
#include "engine/random.h"
#include "engine/walk.h"
#include "losses/route.h"
#include "losses/sobolev.h"
#include "nn/models/mlp.h"
#include "nn/optim/adam.h"
#include "tests/engine/primitive_cases.h"
#include "tests/engine/random_graph.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;

namespace {

Tensor add_all(const Tensors& parts) {
  Tensor sum = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) sum = sum + parts[i];
  return sum;
}

std::uint64_t first_seed() {
  const char* given = std::getenv("SOBOGRAD_TEST_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20261125;
}

/// A value, its gradients and a second derivative, in one plan.
Tensors results_of(const RandomGraph& graph, Streaming streaming) {
  const StreamingScope scope(streaming);
  const Tensors xs = graph.leaf_values(f64);
  const Tensor y = graph.build(xs);
  Tensors all{y};
  Tensor second;
  for (const Tensor& gradient : grad(y, xs, {}, Unused::zeros)) {
    all.push_back(gradient);
    const Tensor square_sum = sum(square(gradient));
    second = second.defined() ? second + square_sum : square_sum;
  }
  for (const Tensor& gradient : grad(second, xs, {}, Unused::zeros)) all.push_back(gradient);
  eval(all);
  return all;
}

/// The losses and weights of some steps on `points` points, f32.
std::vector<float> train(std::int64_t points, int order, int steps) {
  nn::MLP network({2, 40, 40, 1});
  network.initialise(1);
  nn::Adam adam(network, {.learning_rate = 1e-3});
  std::mt19937_64 random(5);
  const Tensor x = uniform(random, {points, 2}, -1, 1, f32), u = uniform(random, {points, 1}, -1, 1, f32),
               u1 = uniform(random, {points, 2}, -1, 1, f32), u2 = uniform(random, {points, 4}, -1, 1, f32);
  const Tensors targets{u, u1, u2};
  std::vector<float> result;
  for (int i = 0; i < steps; ++i) {
    Tensor loss = losses::sobolev(losses::derivatives([&](const Tensor& p) { return network(p); }, x, order),
                                  Tensors(targets.begin(), targets.begin() + order + 1));
    adam.minimise(loss);
    result.push_back(static_cast<float>(loss.item()));
  }
  for (const Tensor& value : network.parameter_values()) {
    for (float element : value.to_vector<float>()) result.push_back(element);
  }
  return result;
}

/// The most bytes that live at once in a step, the points and targets apart.
std::int64_t peak_of_step(std::int64_t points, int order) {
  nn::MLP network({2, 40, 40, 1});
  network.initialise(1);
  nn::Adam adam(network);
  std::mt19937_64 random(5);
  const Tensor x = uniform(random, {points, 2}, -1, 1, f32), u = uniform(random, {points, 1}, -1, 1, f32),
               u1 = uniform(random, {points, 2}, -1, 1, f32), u2 = uniform(random, {points, 4}, -1, 1, f32);
  const Tensors targets{u, u1, u2};
  std::int64_t before = 0;
  for (int i = 0; i < 2; ++i) {
    Tensor loss = losses::sobolev(losses::derivatives([&](const Tensor& p) { return network(p); }, x, order),
                                  Tensors(targets.begin(), targets.begin() + order + 1));
    before = kernels::memory_statistics().live_bytes;
    kernels::reset_peak();
    adam.minimise(loss);
  }
  return kernels::memory_statistics().peak_bytes - before;
}

class Threads {
 public:
  explicit Threads(int count) : before_(kernels::threads()) { kernels::set_threads(count); }
  ~Threads() { kernels::set_threads(before_); }

 private:
  int before_;
};

}  // namespace

TEST_CASE("random expressions and their derivatives are the same in blocks and whole", "[stream]") {
  const std::uint64_t seed = first_seed();
  std::int64_t streamed = 0;
  const GraphCheck check = [&](const RandomGraph& graph) {
    const Tensors whole = results_of(graph, Streaming::off), blocks = results_of(graph, Streaming::always);
    streamed += last_evaluation().regions > 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const double scale = 1 + max(abs(whole[i])).item();
      if (!(difference(whole[i], blocks[i]) <= 1e-11 * scale)) return fmt::format("result {} differs", i);
    }
    return std::string();
  };
  for (int i = 0; i < 150; ++i) {
    const RandomGraph graph = random_graph(seed + i, 10);
    if (check(graph).empty()) continue;
    const RandomGraph least = reduce(graph, check);
    FAIL_CHECK("SOBOGRAD_TEST_SEED=" << seed + i << ": " << check(least) << "\n" << least.as_cpp());
  }
  CHECK(streamed > 100);
}

TEST_CASE("rows that are turned and then joined are those of the whole tensor", "[stream]") {
  const std::int64_t batch = GENERATE(300, 5000);
  const Tensor x = random_normal({batch, 8, 8}, 0, 1, 1, 1, f64), w = random_normal({8, 8}, 0, 1, 1, 2, f64);
  const auto loss = [&](Tensor& turned) {
    turned = reshape(transpose(tanh(x), {0, 2, 1}), {batch * 8, 8});
    return sum(square(matmul(tanh(matmul(turned, w)), w)));
  };
  const auto results = [&](bool hold, bool value_first) {
    Tensor turned;
    const Tensor y = loss(turned);
    if (!hold) turned = Tensor();
    if (value_first) y.eval();
    return Tensors{y, grad(y, w)};
  };
  Tensors whole;
  {
    const StreamingScope scope(Streaming::off);
    whole = results(false, false);
    eval(whole);
  }
  for (const bool hold : {false, true}) {
    for (const bool value_first : {false, true}) {
      const Tensors in_blocks = results(hold, value_first);
      eval(in_blocks);
      for (std::size_t i = 0; i < whole.size(); ++i)
        CHECK(difference(in_blocks[i], whole[i]) <= 1e-11 * max(abs(whole[i])).item());
    }
  }
}

TEST_CASE("random expressions in blocks have the same bits on one thread and on two", "[stream]") {
  for (int i = 0; i < 30; ++i) {
    const RandomGraph graph = random_graph(first_seed() + i, 10);
    std::vector<std::vector<double>> bits;
    for (const int count : {1, 2}) {
      const Threads threads(count);
      bits.emplace_back();
      for (const Tensor& result : results_of(graph, Streaming::always)) {
        for (double value : result.to_vector<double>()) bits.back().push_back(value);
      }
    }
    CHECK(bits[0] == bits[1]);
  }
}

TEST_CASE("training on derivatives in blocks follows training on whole tensors", "[stream]") {
  for (const int order : {0, 1, 2}) {
    std::vector<float> whole;
    {
      const StreamingScope off(Streaming::off);
      whole = train(3001, order, 5);
      CHECK(last_evaluation().regions == 0);
    }
    const std::vector<float> blocks = train(3001, order, 5);
    REQUIRE(whole.size() == blocks.size());
    for (std::size_t i = 0; i < whole.size(); ++i) CHECK(is_close(blocks[i], whole[i], 1e-4));
  }
}

TEST_CASE("training in blocks has the same bits on 1, 2, 3 and 5 threads", "[stream]") {
  std::vector<std::vector<float>> runs;
  for (const int count : {1, 2, 3, 5}) {
    const Threads threads(count);
    runs.push_back(train(5003, 1, 3));
  }
  for (const std::vector<float>& run : runs) CHECK(run == runs[0]);
}

TEST_CASE("the memory of a training step does not depend on the number of points", "[stream]") {
  const Threads threads(2);
  for (const int order : {1, 2}) {
    const std::int64_t few = peak_of_step(20'000, order), many = peak_of_step(80'000, order);
    CHECK(many < few * 5 / 4);
    CHECK(many < 8 << 20);
  }
}

TEST_CASE("a value that somebody holds is written whole", "[stream]") {
  std::mt19937_64 random(9);
  const Tensor x = uniform(random, {4000, 8}, -1, 1, f32), w = uniform(random, {8, 64}, -1, 1, f32),
               v = uniform(random, {64, 64}, -1, 1, f32);
  Tensors held;
  const auto loss = [&] {
    const Tensor h = tanh(matmul(x, w));
    held.push_back(h);
    const Tensor value = sum(square(matmul(tanh(matmul(h, v)), v)));
    return sum(square(grad(value, w)));
  };
  const Tensor streamed = loss();
  streamed.eval();
  CHECK(last_evaluation().regions == 1);
  const StreamingScope off(Streaming::off);
  const Tensor whole = loss();
  CHECK(is_close(streamed.item(), whole.item(), 1e-5));
  CHECK(difference(held[0], held[1]) == 0);
}

TEST_CASE("what every kernel says of rows is true", "[stream]") {
  std::mt19937_64 random(11);
  int cut = 0;
  for (const PrimitiveCase& row : primitive_cases()) {
    INFO(row.name);
    Tensors inputs;
    for (const Shape& shape : row.shapes) inputs.push_back(uniform(random, shape, row.low, row.high));
    const Tensor y = row.function(inputs);
    // Every kernel of the row's graph, on its own inputs.
    const Walk walk(
        {y}, [](const Node&) { return false; }, [](const Node& node) { return !node.value(); });
    for (const Node* node : walk.nodes()) {
      if (node->value() || node->primitive()->kind() != Primitive::Kind::kernel) continue;
      const Primitive::Rows rows = node->primitive()->rows();
      if (rows == Primitive::Rows::none) continue;
      const auto rows_of = [&](std::size_t i) {
        const Tensor& x = node->inputs()[i];
        const bool whole = x.rank() == 0 || (rows == Primitive::Rows::first && i > 0);
        return whole ? 0 : x.shape()[0];
      };
      if (rows == Primitive::Rows::product) continue;  // its three ways stand in a test of their own
      const std::int64_t count = rows_of(0);
      if (count < 2) continue;
      const Tensor all = node->primitive()->apply(node->inputs(), handle(const_cast<Node*>(node)));
      if (rows != Primitive::Rows::sum && all.shape()[0] != count) continue;
      Tensors parts;
      for (std::int64_t r = 0; r < count; ++r) {
        Tensors one;
        for (std::size_t i = 0; i < node->inputs().size(); ++i) {
          one.push_back(rows_of(i) ? slice(node->inputs()[i], 0, r, r + 1).detach() : node->inputs()[i]);
        }
        Shape shape = node->shape;
        if (rows != Primitive::Rows::sum) shape[0] = 1;
        parts.push_back(make_node(node->primitive(), one, shape, node->dtype));
      }
      Tensor together = parts[0];
      if (rows == Primitive::Rows::sum) {
        for (std::size_t r = 1; r < parts.size(); ++r) together = together + parts[r];
      } else {
        together = concat(parts, 0);
      }
      CHECK(difference(cast(together, f64), cast(all, f64)) < 1e-13);
      ++cut;
    }
  }
  CHECK(cut > 4);
}

TEST_CASE("products are cut along a batch, along the left side's rows and along the inner axis", "[stream]") {
  std::mt19937_64 random(12);
  const auto same = [](const std::function<Tensor()>& make) {
    Tensors both;
    for (const Streaming streaming : {Streaming::off, Streaming::always}) {
      const StreamingScope scope(streaming);
      both.push_back(make().eval());
      CHECK((last_evaluation().regions > 0) == (streaming == Streaming::always));
    }
    CHECK(difference(both[0], both[1]) < 1e-12);
  };
  const Tensor a = uniform(random, {11, 4}, -1, 1), b = uniform(random, {11, 4}, -1, 1),
               w = uniform(random, {4, 3}, -1, 1), c = uniform(random, {11, 3, 4}, -1, 1);
  same([&] { return exp(matmul(exp(a), w)); });
  same([&] { return matmul(transpose(exp(a)), exp(b)); });
  same([&] { return exp(matmul(exp(c), transpose(exp(c)))); });
  same([&] { return exp(matmul(exp(c), w)); });
}

TEST_CASE("sums over rows that are only added up are one sum", "[stream]") {
  const NoGrad no_grad;  // else a later derivative might ask for the values
  std::mt19937_64 random(13);
  const Tensor x = uniform(random, {20000, 24}, -1, 1), y = uniform(random, {20000, 20}, -1, 1);
  const auto products = [&] {
    return Tensors{matmul(transpose(x), sin(y)), matmul(transpose(sin(x)), y), matmul(transpose(x), exp(y))};
  };
  const auto column_sums = [&] { return Tensors{sum(sin(x), {0}), sum(exp(x), {0})}; };
  const Tensor half = full({24, 20}, 0.5, f64).eval();
  // The last four need each sum by itself: it is kept, read twice, or added to what is no sum, or it is a largest
  // value.
  const std::vector<std::pair<std::string, std::function<Tensors()>>> cases{
      {"joined", [&] { return Tensors{add_all(products())}; }},
      {"joined, some in f64",
       [&] {
         return Tensors{add_all(products()), add_all(column_sums())};
       }},
      {"kept",
       [&] {
         const Tensors parts = products();
         return Tensors{parts[0] + parts[1], parts[1]};
       }},
      {"read twice",
       [&] {
         const Tensors parts = products();
         return Tensors{parts[0] + parts[1], matmul(transpose(parts[1]), parts[2])};
       }},
      {"no sum", [&] { return Tensors{products()[0] + half}; }},
      {"maximum",
       [&] {
         return Tensors{products()[0], max(sin(x), {0}) + column_sums()[0]};
       }},
  };
  for (const auto& [name, make] : cases) {
    INFO(name);
    std::vector<Tensors> results;
    for (const Streaming streaming : {Streaming::off, Streaming::automatic, Streaming::always}) {
      const StreamingScope scope(streaming);
      results.push_back(make());
      if (streaming == Streaming::automatic) {
        const std::string text = print_plan(results.back());
        CHECK(text.find("region: 20000 rows") != std::string::npos);
        CHECK((text.find("\nadd: ") == std::string::npos) == name.starts_with("joined"));
      }
      eval(results.back());
      for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(difference(results.back()[i], results[0][i]) < 1e-9);
    }
  }
}

TEST_CASE("a plan's text shows regions, blocks and what stays in cache", "[stream]") {
  const NoGrad no_grad;  // else a later derivative might ask for the values
  const Tensor x = full({4096, 32}, 0.5).eval(), w = full({32, 32}, 0.1).eval();
  const Tensor h = tanh(matmul(x, w));
  const std::string text = print_plan({sum(square(matmul(h, w) - x))});
  CHECK(text.find("region: 4096 rows in ") == 0);
  CHECK(text.find("[32, 32] for all rows -> ") != std::string::npos);
  CHECK(text.find("32] in cache") != std::string::npos);
  CHECK(text.find("[1, 1] summed") != std::string::npos);
  CHECK(static_cast<bool>(x.node()->value()));
  CHECK_FALSE(static_cast<bool>(h.node()->value()));
  CHECK(print_plan({x}).empty());
  const std::string programs = print_tile_programs({sum(square(matmul(h, w) - x))});
  CHECK(programs.find("  %1 = tanh %0\n  store %1 to output 0\n") != std::string::npos);
  CHECK(programs.find("  sum of %") != std::string::npos);
  CHECK(programs.find("matmul") == std::string::npos);
  CHECK(print_tile_programs({x}).empty());
}

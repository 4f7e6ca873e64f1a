// Transformations: mapping equals looping for every primitive, and what custom_derivative and checkpoint promise.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "engine/autodiff.h"
#include "engine/error.h"
#include "engine/kernels/memory.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "engine/stream.h"
#include "engine/transforms.h"
#include "tests/engine/primitive_cases.h"

using namespace sg;
using namespace sg::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// f applied to each slice along axis 0 of the mapped inputs, one after the other.
Tensor looped(const Function& f, const Tensors& xs, const std::vector<bool>& mapped, std::int64_t n) {
  Tensors results;
  for (std::int64_t row = 0; row < n; ++row) {
    Tensors slices;
    for (std::size_t i = 0; i < xs.size(); ++i) {
      slices.push_back(mapped[i] ? squeeze(slice(xs[i], 0, row, row + 1), 0) : xs[i]);
    }
    results.push_back(f(slices));
  }
  return stack(results, 0);
}

TensorFunction single(const Function& f) {
  return [f](const Tensors& xs) { return Tensors{f(xs)}; };
}

Function network(const Tensor& w1, const Tensor& w2) {
  return [w1, w2](const Tensors& x) { return sum(tanh(matmul(sin(matmul(unsqueeze(x[0], 0), w1)), w2))); };
}

}  // namespace

TEST_CASE("vmap: mapping every primitive equals looping it, and so do its derivatives", "[transforms]") {
  std::mt19937_64 generator(11);
  const std::int64_t n = 3;
  for (const PrimitiveCase& row : primitive_cases()) {
    // All inputs mapped, and each one alone.
    for (std::size_t only = 0; only <= row.shapes.size(); ++only) {
      std::vector<bool> mapped(row.shapes.size(), only == row.shapes.size());
      if (only < row.shapes.size()) mapped[only] = true;
      Tensors xs;
      Axes axes;
      for (std::size_t i = 0; i < row.shapes.size(); ++i) {
        Shape shape = row.shapes[i];
        if (mapped[i]) shape.insert(shape.begin(), n);
        xs.push_back(uniform(generator, shape, row.low, row.high));
        axes.push_back(mapped[i] ? 0 : unmapped);
      }
      INFO(row.name << ", input " << only << " of " << row.shapes.size());
      const Tensor loop = looped(row.function, xs, mapped, n), mapping = vmap(single(row.function), axes)(xs)[0];
      CHECK(difference(mapping, loop) < 1e-14);
      const Tensor cotangent = uniform(generator, loop.shape(), -1, 1);
      const Tensors by_loop = grad(loop, xs, cotangent, Unused::zeros);
      const Tensors by_mapping = grad(mapping, xs, cotangent, Unused::zeros);
      for (std::size_t i = 0; i < xs.size(); ++i) CHECK(difference(by_mapping[i], by_loop[i]) < 1e-13);
      // And the other way round: the gradient of each slice, mapped.
      if (!mapped[0]) continue;
      const Function slice_gradient = [&](const Tensors& slices) {
        return grad(sum(square(row.function(slices))), {slices[0]}, {}, Unused::zeros)[0];
      };
      CHECK(difference(vmap(single(slice_gradient), axes)(xs)[0], looped(slice_gradient, xs, mapped, n)) < 1e-12);
    }
  }
}

TEST_CASE("vmap: axes in and out, nested, with tensors from outside, over nothing", "[transforms]") {
  std::mt19937_64 generator(12);
  const Tensor a = uniform(generator, {4, 2, 3}, -1, 1), b = uniform(generator, {3, 5}, -1, 1);
  const auto product = [](const Tensor& x, const Tensor& y) { return matmul(x, y); };
  // Over the middle axis of a [4, 2, 3]: slices [4, 3] times b [3, 5], stacked last.
  const Tensor y = vmap(product, {1, unmapped}, -1)(a, b);
  REQUIRE(y.shape() == Shape{4, 5, 2});
  CHECK(difference(y, transpose(matmul(transpose(a, {1, 0, 2}), b), {1, 2, 0})) < 1e-14);
  // All pairs of dot products, by two maps.
  const Tensor u = uniform(generator, {6, 3}, -1, 1), v = uniform(generator, {7, 3}, -1, 1);
  const auto dot_with_all = [&](const Tensor& x) { return vmap([&](const Tensor& z) { return sum(x * z); })(v); };
  CHECK(difference(vmap(dot_with_all)(u), matmul(u, transpose(v))) < 1e-14);
  CHECK(vmap(dot_with_all)(zeros({0, 3}, f64)).shape() == Shape{0, 7});
  // A result that no slice has a part in is repeated.
  const Tensor same = vmap([&](const Tensor&) { return b; })(u);
  CHECK(difference(same, broadcast_to(b, {6, 3, 5})) == 0);
}

TEST_CASE("vmap: what cannot be mapped is refused", "[transforms]") {
  const Tensor x = ones({3, 2}), y = ones({4, 2});
  const auto add_all = [](const Tensor& a, const Tensor& b) { return a + b; };
  CHECK_THROWS_WITH(vmap(add_all)(x, y), ContainsSubstring("vmap: the mapped extents differ: 3 and 4"));
  CHECK_THROWS_WITH(vmap(add_all, {unmapped, unmapped})(x, y), ContainsSubstring("vmap: no input is mapped"));
  CHECK_THROWS_WITH(vmap(add_all, {0, 2})(x, y), ContainsSubstring("vmap: "));
  CHECK_THROWS_WITH(vmap(add_all, {0})(x, y), ContainsSubstring("vmap: 1 axes for 2 inputs"));
  CHECK_THROWS_WITH(vmap([](const Tensor& a) { return a * sum(a).item(); })(x), ContainsSubstring("not known while"));
}

TEST_CASE("per_sample_grad: a row's gradient is the gradient of that row's loss", "[transforms]") {
  std::mt19937_64 generator(13);
  const Tensor w1 = uniform(generator, {2, 5}, -1, 1), w2 = uniform(generator, {5, 1}, -1, 1);
  const Tensor x = uniform(generator, {6, 2}, -1, 1), t = uniform(generator, {6}, -1, 1);
  const auto loss = [&](const Tensors& row) { return square(network(w1, w2)(row) - row[1]); };
  const Tensors gradients = per_sample_grad(loss, {w1, w2}, {x, t});
  REQUIRE(gradients[0].shape() == Shape{6, 2, 5});
  for (std::int64_t n = 0; n < 6; ++n) {
    const Tensors row{squeeze(slice(x, 0, n, n + 1), 0), squeeze(slice(t, 0, n, n + 1), 0)};
    const Tensors alone = grad(loss(row), Tensors{w1, w2});
    CHECK(difference(squeeze(slice(gradients[0], 0, n, n + 1), 0), alone[0]) < 1e-14);
    CHECK(difference(squeeze(slice(gradients[1], 0, n, n + 1), 0), alone[1]) < 1e-14);
  }
  CHECK_THROWS_WITH(per_sample_grad([](const Tensors& row) { return row[0]; }, {w1}, {x}),
                    ContainsSubstring("per_sample_grad: the loss of a row must be a scalar"));
}

TEST_CASE("custom_derivative: the rules stand for the derivatives, to any order and in every mode", "[transforms]") {
  std::mt19937_64 generator(14);
  const Tensor x = uniform(generator, {4}, -1, 1), v = uniform(generator, {4}, -1, 1);
  // sin, whose derivative says three times the cosine.
  DerivativeRules rules;
  rules.vjp = [](const Tensors& in, const Tensor&, const Tensor& cotangent) {
    return Tensors{cotangent * cos(in[0]) * 3};
  };
  const auto by_vjp = custom_derivative([](const Tensors& in) { return sin(in[0]); }, rules);
  rules.jvp = [](const Tensors& in, const Tensor&, const Tensors& tangents) { return tangents[0] * cos(in[0]) * 3; };
  const auto by_both = custom_derivative([](const Tensors& in) { return sin(in[0]); }, rules);
  for (const auto& f : {by_vjp, by_both}) {
    const Tensor y = f({x});
    CHECK(difference(y, sin(x)) == 0);
    CHECK(difference(grad(y, x), cos(x) * 3) < 1e-14);
    CHECK(difference(grad(grad(y, x), x), sin(x) * -3) < 1e-14);
    CHECK(difference(jvp(y, {x}, {v}), v * cos(x) * 3) < 1e-14);
    const Tensors taylor = jet(square(y), x, v, 3);
    CHECK(difference(taylor[1], v * sin(x) * cos(x) * 6) < 1e-14);
    CHECK(difference(taylor[2], jvp(taylor[1], {x}, {v})) < 1e-13);
    CHECK(difference(taylor[3], jvp(taylor[2], {x}, {v})) < 1e-13);
    const Tensor rows = uniform(generator, {3, 4}, -1, 1);
    const auto slope = [&](const Tensor& row) { return grad(f({row}), row); };
    CHECK(difference(vmap(slope)(rows), cos(rows) * 3) < 1e-14);
    CHECK(difference(grad(vmap([&](const Tensor& row) { return f({row}); })(rows), rows), cos(rows) * 3) < 1e-14);
  }
  CHECK_THROWS_WITH(custom_derivative([](const Tensors& in) { return in[0]; }, {}),
                    ContainsSubstring("the vjp is missing"));
  DerivativeRules wrong;
  wrong.vjp = [](const Tensors&, const Tensor&, const Tensor& cotangent) { return Tensors{sum(cotangent)}; };
  CHECK_THROWS_WITH(grad(custom_derivative([](const Tensors& in) { return in[0]; }, wrong)({x}), x),
                    ContainsSubstring("custom_derivative: the vjp gives a cotangent f64 [] for an input f64 [4]"));
  wrong.vjp = [](const Tensors&, const Tensor&, const Tensor& cotangent) { return Tensors{cast(cotangent, f32)}; };
  CHECK_THROWS_WITH(grad(custom_derivative([](const Tensors& in) { return in[0]; }, wrong)({x}), x),
                    ContainsSubstring("a cotangent f32 [4] for an input f64 [4]"));
}

TEST_CASE("checkpoint: the same values and derivatives, by inputs and by what comes from outside", "[transforms]") {
  std::mt19937_64 generator(15);
  const Tensor w1 = uniform(generator, {3, 5}, -1, 1), w2 = uniform(generator, {5, 2}, -1, 1);
  const Tensor x = uniform(generator, {3}, -1, 1);
  const auto direct = network(w1, w2);
  const Tensor scale = exp(w2);  // taken from outside, and itself the result of something
  const auto inner = [&](const Tensors& in) { return direct(in) * sum(scale); };
  const auto again = checkpoint(inner);
  const Tensors wanted{x, w1, w2, scale};
  Tensor a = inner({x}), b = again({x});
  CHECK(difference(a, b) == 0);
  for (int order = 1; order <= 3; ++order) {
    INFO("order " << order);
    const Tensors by_a = grad(a, wanted, {}, Unused::zeros), by_b = grad(b, wanted, {}, Unused::zeros);
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(difference(by_a[i], by_b[i]) < 1e-12);
    a = sum(square(by_a[0])) + sum(by_a[1]);
    b = sum(square(by_b[0])) + sum(by_b[1]);
  }
  const Tensor v = uniform(generator, {3}, -1, 1);
  CHECK(difference(jvp(again({x}), {x}, {v}), jvp(inner({x}), {x}, {v})) < 1e-13);
  CHECK(difference(jet(again({x}), x, v, 3)[3], jet(inner({x}), x, v, 3)[3]) < 1e-11);
  // Mapped, with the mapped slice taken from outside as well.
  const Tensor rows = uniform(generator, {4, 3}, -1, 1);
  const auto slope = [&](bool recompute) {
    return vmap([&](const Tensor& row) {
      const auto f = [&](const Tensors& in) { return sum(exp(in[0] * row)); };
      const Tensor y = recompute ? checkpoint(f)({sin(row)}) : f({sin(row)});
      return grad(y, row);
    })(rows);
  };
  CHECK(difference(slope(true), slope(false)) < 1e-13);
}

TEST_CASE("checkpoint: a deep chain keeps less in memory until its derivative is taken", "[transforms]") {
  const StreamingScope whole(Streaming::off);  // blocks of rows would hardly need memory either way
  const auto peak = [](bool recompute) {
    const Tensor x = full({1 << 16}, 0.5).eval(), weight = eye(256);
    const auto piece = [&](const Tensors& in) {
      Tensor y = in[0];
      for (int i = 0; i < 8; ++i) y = reshape(matmul(reshape(sin(y), {256, 256}), weight), {1 << 16});
      return y;
    };
    Tensor y = x;
    for (int i = 0; i < 8; ++i) y = recompute ? checkpoint(piece)({y}) : piece({y});
    kernels::reset_peak();
    const std::int64_t before = kernels::memory_statistics().peak_bytes;
    grad(sum(y), x).eval();
    return kernels::memory_statistics().peak_bytes - before;
  };
  // 64 values of 256 KB against one for each of 8 pieces and 8 within the last.
  CHECK(peak(true) < peak(false) / 2);
}

TEST_CASE("depends_on_slice: true of what is made of a slice while vmap traces, and of nothing else", "[transforms]") {
  const Tensor outside = ones({2}) * 3;
  std::vector<bool> found;
  vmap([&](const Tensor& row) {
    const Tensor y = sin(row) + outside;
    found = {depends_on_slice(row), depends_on_slice(y), depends_on_slice(outside), depends_on_slice(outside + 1)};
    return y;
  })(ones({3, 2}));
  CHECK(found == std::vector<bool>{true, true, false, false});
  CHECK_FALSE(depends_on_slice(outside));
}

TEST_CASE("lines are taken by an index of each element of a batch, or by one for all") {
  const auto row = [](const Tensor& t, std::int64_t i) { return squeeze(slice(t, 0, i, i + 1), 0); };
  const Tensor x = random_uniform({3, 4, 5, 2}, -1, 1, 1, 0, f64),
               weight = random_uniform({3, 4, 6, 2}, -1, 1, 1, 1, f64);
  const std::vector<std::int64_t> places{4, 0, 0, 2, 4, 1, 3, 3, 3, 0, 1, 2, 2, 2, 1, 1, 0, 4};
  const Tensor each = tensor(std::span<const std::int64_t>(places), {3, 6}), one = row(each, 0);
  const auto taken = [](const Tensor& t, const Tensor& index) { return take(t, index, 1); };
  for (const bool mapped : {false, true}) {
    const auto loss = [&](const Tensor& t, const Tensor& w, const Tensor& index) {
      return grad(sum(square(taken(t, index)) * w), t);
    };
    const Tensor index = mapped ? each : one;
    Tensors values, gradients;
    for (std::int64_t i = 0; i < 3; ++i) {
      values.push_back(taken(row(x, i), mapped ? row(each, i) : one));
      gradients.push_back(loss(row(x, i), row(weight, i), mapped ? row(each, i) : one));
    }
    CHECK(difference(vmap(taken, {0, mapped ? 0 : unmapped})(x, index), stack(values)) == 0);
    CHECK(difference(vmap(loss, {0, 0, mapped ? 0 : unmapped})(x, weight, index), stack(gradients)) < 1e-15);
  }
}

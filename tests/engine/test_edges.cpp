// Edges: derivatives under NoGrad, at kinks and poles, of what is empty; extents that no memory could hold.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <limits>

#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/linalg.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "engine/transforms.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }

}  // namespace

TEST_CASE("under NoGrad, derivatives of a graph made outside are the same and keep no history", "[autodiff]") {
  const Tensor x = tensor({0.3, -0.7}, {2}, f64), rows = tensor({0.5, 0.2}, {1, 2}, f64);
  const Tensor y = tan(x), total = sum(tan(x) * asinh(x)), of_rows = sum(tan(rows) * rows, {1}, true);
  const Tensor again = sum(checkpoint([](const Tensors& in) { return sin(in[0]); })({x}));
  const auto all = [&] {
    const Tensor ones = ones_like(x);
    Tensors found{hessian(total, x),        hvp(total, x, ones), batched_hessian(of_rows, rows),
                  laplacian(of_rows, rows), jacobian(y, x),      grad(again, x),
                  jvp(again, {x}, {ones}),  grad(total, x),      batched_jacobian(of_rows, rows)};
    for (const Tensor& term : jet(y, x, ones, 3)) found.push_back(term);
    const auto loss = [&](const Tensors& row) { return sum(tan(row[0] * x)); };
    found.push_back(per_sample_grad(loss, {x}, {tensor({0.5, 0.25}, {2}, f64)})[0]);
    return found;
  };
  const Tensors with_history = all();
  Tensors without;
  {
    const NoGrad no_grad;
    without = all();
  }
  REQUIRE(without.size() == with_history.size());
  for (std::size_t i = 0; i < without.size(); ++i) {
    INFO(i);
    CHECK(difference(without[i], with_history[i]) < 1e-14);
    CHECK(max(abs(with_history[i])).item() > 0);
    if (i != 9) CHECK_THROWS_AS(grad(sum(without[i]), x), Error);  // jet's first one is y itself
  }
}

TEST_CASE("the slope of sqrt at 0 is infinite in every mode", "[autodiff]") {
  const Tensor x = tensor({0.0, 4.0}, {2}, f64), one = ones_like(x);
  const Tensors taylor = jet(sqrt(x), x, one, 2);
  CHECK(numbers(taylor[1]) == std::vector<double>{infinity, 0.25});
  CHECK(numbers(taylor[2]) == std::vector<double>{-infinity, -1.0 / 32});
  CHECK(numbers(grad(sum(sqrt(x)), x)) == std::vector<double>{infinity, 0.25});
  CHECK(numbers(jet(sqrt(x), x, tensor({0.0, 1.0}, {2}, f64), 1)[1]) == std::vector<double>{0, 0.25});
  const Tensor row = tensor({0.0}, {1, 1}, f64);
  CHECK(laplacian(sqrt(row), row).item() == -infinity);
  CHECK(std::isnan(jet(sqrt(-x - 1), x, one, 1)[1].to_vector<double>()[0]));
}

TEST_CASE("the slope of elu far to the left is exp(x)", "[autodiff]") {
  const Tensor x = tensor({-15.0, -20.0, -60.0}, {3}, f32);
  const std::vector<double> expected{std::exp(-15.0), std::exp(-20.0), std::exp(-60.0)};
  for (const Tensor& slope :
       {grad(sum(elu(x)), x), jvp(elu(x), {x}, {ones_like(x)}), jet(elu(x), x, ones_like(x), 1)[1]}) {
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(numbers(slope)[i] / expected[i] - 1) < 1e-6);
  }
}

TEST_CASE("remainder has the sign of the divisor", "[primitives]") {
  // The quotient rounds up to 375.
  const double rest = remainder(scalar(320.88178295178375, f64), scalar(0.85568475453809001, f64)).item();
  CHECK(rest > 0.85568475453);
  CHECK(rest <= 0.85568475453809001);
  CHECK(numbers(remainder(tensor({5.0, -5.0, 5.0, -5.0, 7.5}, {5}, f64),
                          tensor({infinity, infinity, -infinity, -infinity, -2.0}, {5}, f64))) ==
        std::vector<double>{5, infinity, -infinity, -5, -0.5});
}

TEST_CASE("where takes a condition of another dtype for what it is", "[primitives]") {
  CHECK(numbers(where(tensor({1e-50, 0.0}, {2}, f64), tensor({1.0, 1.0}, {2}), tensor({2.0, 2.0}, {2}))) ==
        std::vector<double>{1, 2});
  CHECK(numbers(where(tensor({0.5, 0.0}, {2}), tensor({1.0, 1.0}, {2}, i64), tensor({2.0, 2.0}, {2}, i64))) ==
        std::vector<double>{1, 2});
}

TEST_CASE("what is empty has values and derivatives where they are known", "[primitives]") {
  const Tensor empty = zeros({3, 0}, f64);
  CHECK(numbers(prod(empty, {1})) == std::vector<double>{1, 1, 1});
  CHECK(grad(sum(prod(empty, {1})), empty).shape() == Shape{3, 0});
  CHECK(numbers(logsumexp(empty, {1})) == std::vector<double>(3, -infinity));
  CHECK(softmax(empty, 1).shape() == Shape{3, 0});
  CHECK(log_softmax(empty, 1).shape() == Shape{3, 0});
}

TEST_CASE("checkpoint and custom_derivative take whole numbers and rules without a slope", "[transforms]") {
  const Tensor x = tensor({0.5, 1.0, 2.0}, {3}, f64), indices = tensor({2.0, 0.0, 0.0}, {3}, i64);
  const auto f = checkpoint([](const Tensors& in) { return square(take(in[0], in[1], 0)); });
  CHECK(numbers(grad(sum(f({x, indices})), x)) == std::vector<double>{2, 0, 4});
  DerivativeRules flat;
  flat.vjp = [](const Tensors& in, const Tensor&, const Tensor&) { return Tensors{zeros_like(in[0])}; };
  const Tensor y = custom_derivative([](const Tensors& in) { return round(in[0]); }, flat)({x});
  CHECK(numbers(jvp(y, {x}, {ones_like(x)})) == std::vector<double>(3, 0.0));
  CHECK(max(abs(jacobian(y, x))).item() == 0);
  CHECK(max(abs(jet(y, x, ones_like(x), 2)[2])).item() == 0);
}

TEST_CASE("extents that are negative or beyond any memory are refused by name", "[primitives]") {
  constexpr std::int64_t huge = std::int64_t{1} << 62, half = std::int64_t{1} << 32;
  const Tensor line = ones({1}), picture = ones({1, 1, 3, 3});
  CHECK_THROWS_WITH(reshape(arange(6), {-2, -3}), ContainsSubstring("reshape: negative extent"));
  CHECK_THROWS_WITH(reshape(arange(6), {-1, -6}), ContainsSubstring("reshape: negative extent"));
  CHECK_THROWS_WITH(broadcast_to(scalar(1.0), {-3}), ContainsSubstring("broadcast_to: negative extent"));
  CHECK_THROWS_WITH(broadcast_to(line, {huge, 4}), ContainsSubstring("broadcast_to: too many elements"));
  CHECK_THROWS_WITH(tile(line, {huge}), ContainsSubstring("too many elements"));
  CHECK_THROWS_WITH(tile(ones({4}), {huge}), ContainsSubstring("tile: too many elements"));
  CHECK_THROWS_WITH(dilate(ones({3}), 0, huge, huge), ContainsSubstring("dilate: too many elements"));
  CHECK_THROWS_WITH(pad(ones({2}), {huge}, {huge}), ContainsSubstring("pad: too many elements"));
  CHECK_THROWS_WITH(adaptive_avg_pool(picture, {huge, 1}), ContainsSubstring("adaptive_avg_pool: too many elements"));
  CHECK_THROWS_WITH(pixel_shuffle(picture, half), ContainsSubstring("pixel_shuffle: too many elements"));
  CHECK_THROWS_WITH(upsample_nearest2d(picture, half), ContainsSubstring("too many elements"));
  CHECK_THROWS_WITH(random_uniform({-1}, 0, 1, 1, 1), ContainsSubstring("negative extent"));
  CHECK_THROWS_WITH(print_graph({Tensor()}), ContainsSubstring("print_graph: a tensor is undefined"));
  CHECK_THROWS_WITH(graphviz({Tensor()}), ContainsSubstring("graphviz: a tensor is undefined"));
  CHECK_THROWS_WITH(vmap([](const Tensor&) { return Tensor(); })(ones({2, 2})), ContainsSubstring("is undefined"));
  CHECK_THROWS_WITH(checkpoint([](const Tensors&) { return Tensor(); })({line}), ContainsSubstring("is undefined"));
  CHECK_THROWS_WITH(checkpoint([](const Tensors& in) { return in[0]; })({Tensor()}), ContainsSubstring("is undefined"));
}

TEST_CASE("an infinity in one window of an average stays there, and a tensor may come twice among the inputs",
          "[primitives]") {
  std::vector<double> elements(16, 1.0);
  elements[5] = infinity;
  const Tensor x = tensor(std::span<const double>(elements), {1, 1, 4, 4}, f64);
  CHECK(numbers(adaptive_avg_pool(x, {2, 2})) == std::vector<double>{infinity, 1, 1, 1});
  const Tensor z = tensor({2.0, 3.0}, {2}, f64), y = square(z);
  CHECK(numbers(jvp(y, {z, z}, {ones_like(z), 2 * ones_like(z)})) == std::vector<double>{12, 18});
}

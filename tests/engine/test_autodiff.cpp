// The modes of differentiation against closed forms and against each other.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <vector>

#include "engine/autodiff.h"
#include "engine/error.h"
#include "engine/inspect.h"
#include "engine/kernels/memory.h"
#include "engine/node.h"
#include "engine/ops.h"
#include "engine/plan.h"
#include "engine/random.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor normal(const Shape& shape, std::uint64_t stream) { return random_normal(shape, 0, 1, 5, stream, f64); }

double difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return a.size() == 0 ? 0 : max(abs(a - b)).item();
}

/// Two hidden layers, [N, d] -> [N, m].
struct Network {
  Tensor w1, w2, w3;
  Network(std::int64_t d, std::int64_t m) : w1(normal({d, 7}, 1)), w2(normal({7, 7}, 2)), w3(normal({7, m}, 3)) {}
  Tensor operator()(const Tensor& x) const { return matmul(tanh(matmul(sin(matmul(x, w1)), w2)), w3); }
};

}  // namespace

TEST_CASE(
    "autodiff: derivatives of several outputs and inputs add up, by cotangents, for repeated inputs and inner nodes") {
  const Tensor a = normal({3}, 10), b = normal({3}, 11), u = normal({3}, 12), v = normal({3}, 13);
  const Tensor inner = a * b, y = exp(inner), z = sin(a);
  const Tensors by = grad(Tensors{y, z}, Tensors{a, b, inner, a}, Tensors{u, v});
  CHECK(difference(by[0], u * exp(a * b) * b + v * cos(a)) < 1e-14);
  CHECK(difference(by[1], u * exp(a * b) * a) < 1e-14);
  CHECK(difference(by[2], u * exp(a * b)) < 1e-14);
  CHECK(difference(by[3], by[0]) == 0);
  CHECK(difference(grad(y, a), exp(a * b) * b) < 1e-14);
  CHECK(difference(grad(a, a), ones_like(a)) == 0);
  CHECK(difference(jvp(y, {a, b}, {u, v}), exp(a * b) * (u * b + v * a)) < 1e-14);
}

TEST_CASE("autodiff: the jacobian of a map to more and to fewer numbers has its closed form") {
  for (const std::int64_t m : {2, 9}) {
    CAPTURE(m);
    const Tensor a = normal({m, 5}, 20), x = normal({5}, 21);
    const Tensor y = squeeze(matmul(a, unsqueeze(tanh(x), 1)), 1);
    const Tensor expected = a * (1 - square(tanh(x)));
    CHECK(difference(jacobian(y, x), expected) < 1e-14);
    // Its shape is y's and x's, one behind the other.
    const Tensor x2 = reshape(x, {5, 1});
    CHECK(jacobian(reshape(matmul(a, tanh(x2)), {1, m}), x2).shape() == Shape{1, m, 5, 1});
  }
  const Tensor nothing = zeros({0}, f64);
  CHECK(jacobian(nothing * normal({1}, 0), nothing).shape() == Shape{0, 0});
}

TEST_CASE("autodiff: the hessian of a quadratic form is its matrix, of a linear one zero, and hvp is its product") {
  const Tensor b = normal({4, 4}, 30), a = b + transpose(b), x = normal({4}, 31), v = normal({4}, 32);
  const Tensor y = sum(x * squeeze(matmul(a, unsqueeze(x, 1)), 1)) / 2.0 + sum(exp(x));
  const Tensor expected = a + eye(4, f64) * exp(x);
  CHECK(difference(hessian(y, x), expected) < 1e-14);
  CHECK(difference(hvp(y, x, v), squeeze(matmul(expected, unsqueeze(v, 1)), 1)) < 1e-13);
  CHECK(difference(hessian(sum(x * v), x), zeros({4, 4}, f64)) == 0);
  CHECK(difference(hvp(sum(x * v), x, v), zeros({4}, f64)) == 0);
}

TEST_CASE("autodiff: the batched forms hold the rows' own derivatives") {
  constexpr std::int64_t n = 3;
  for (const std::int64_t d : {1, 2, 6}) {
    for (const std::int64_t m : {1, 4}) {
      CAPTURE(d, m);
      const Network network(d, m);
      const Tensor x = normal({n, d}, 40), y = network(x);
      const Tensor jacobians = batched_jacobian(y, x), laplacians = laplacian(y, x);
      CHECK(laplacians.shape() == Shape{n, m});
      for (std::int64_t i = 0; i < n; ++i) {
        const Tensor row = slice(x, 0, i, i + 1).detach(), of_row = network(row);
        CHECK(difference(slice(jacobians, 0, i, i + 1), reshape(jacobian(of_row, row), {1, m, d})) < 1e-13);
        for (std::int64_t k = 0; k < m; ++k) {
          const Tensor second = reshape(hessian(sum(slice(of_row, 1, k, k + 1)), row), {d, d});
          const double trace = sum(second * eye(d, f64)).item();
          CHECK(std::abs(slice(slice(laplacians, 0, i, i + 1), 1, k, k + 1).item() - trace) <
                1e-12 * (1 + std::abs(trace)));
          if (m == 1) CHECK(difference(squeeze(slice(batched_hessian(y, x), 0, i, i + 1), 0), second) < 1e-12);
        }
      }
      if (m == 1) {
        CHECK(difference(batched_jacobian(squeeze(y, 1), x), jacobians) == 0);
        CHECK(batched_hessian(squeeze(y, 1), x).shape() == Shape{n, d, d});
      }
    }
  }
  const Tensor x = normal({n, 2}, 41);
  CHECK(difference(batched_hessian(sum(x, {1}), x), zeros({n, 2, 2}, f64)) == 0);
  CHECK(difference(laplacian(sum(x, {1}), x), zeros({n}, f64)) == 0);
}

TEST_CASE("autodiff: jets to order 12 are the derivatives of elementary functions") {
  constexpr int order = 12;
  const Tensor x = tensor({0.3, -0.4, 0.1}, {3}, f64), v = tensor({1, 0.5, -2}, {3}, f64);
  const std::vector<double> points = x.to_vector<double>(), along = v.to_vector<double>();
  const Tensors sine = jet(sin(2.0 * x), x, v, order), power = jet(exp(x), x, v, order),
                pole = jet(1.0 / (1.0 - x), x, v, order);
  const Tensors polynomial = jet(x * x * x, x, v, order);
  REQUIRE(sine.size() == order + 1);
  double factorial = 1;
  for (int k = 0; k <= order; ++k) {
    CAPTURE(k);
    if (k > 0) factorial *= k;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double scale = std::pow(along[i], k);
      const auto at = [&](const Tensors& derivatives) {
        return derivatives[static_cast<std::size_t>(k)].to_vector<double>()[i];
      };
      const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-11 * (1 + std::abs(b)); };
      CHECK(close(at(sine), scale * std::pow(2, k) * std::sin(2 * points[i] + k * std::acos(-1.0) / 2)));
      CHECK(close(at(power), scale * std::exp(points[i])));
      CHECK(close(at(pole), scale * factorial / std::pow(1 - points[i], k + 1)));
      const double cubic[] = {std::pow(points[i], 3), 3 * points[i] * points[i], 6 * points[i], 6};
      CHECK(close(at(polynomial), k < 4 ? scale * cubic[k] : 0));
    }
  }
}

TEST_CASE(
    "autodiff: nested reverse, nested forward and jets give one number to fifth order, and so do their gradients by "
    "the weights") {
  const Network network(1, 1);
  const Tensor x = normal({6, 1}, 50), y = network(x);
  const Tensors taylor = jet(y, x, ones_like(x), 5);
  Tensor reverse = y, forward = y;
  for (std::size_t k = 1; k <= 5; ++k) {
    CAPTURE(k);
    reverse = grad(reverse, x);
    forward = jvp(forward, {x}, {ones_like(x)});
    const double size = 1 + max(abs(reverse)).item();
    CHECK(difference(forward, reverse) < 1e-11 * size);
    CHECK(difference(taylor[k], reverse) < 1e-11 * size);
    const Tensor by_reverse = grad(mean(square(reverse)), network.w1),
                 by_jet = grad(mean(square(taylor[k])), network.w1);
    CHECK(difference(by_jet, by_reverse) < 1e-10 * (1 + max(abs(by_reverse)).item()));
  }
}

TEST_CASE("autodiff: the gradient of a loss on the laplacian is that of the hessians' traces") {
  const Network network(3, 1);
  const Tensor x = normal({4, 3}, 60), y = network(x);
  const Tensor traces = sum(batched_hessian(y, x) * eye(3, f64), {1, 2});
  for (const Tensor& weight : {network.w1, network.w2, network.w3}) {
    const Tensor expected = grad(mean(square(traces)), weight);
    CHECK(difference(grad(mean(square(laplacian(y, x))), weight), expected) < 1e-11 * (1 + max(abs(expected)).item()));
  }
}

TEST_CASE("autodiff: what y does not depend on is refused in the name of the mode and of the tensor") {
  const Tensor x = normal({2, 3}, 70).named("position"), w = normal({2, 3}, 71).named("weight"), y = sin(x);
  const auto names = [](const char* mode) {
    return ContainsSubstring(std::string(mode) + ": y does not depend on \"weight\"");
  };
  CHECK_THROWS_WITH(grad(y, w), names("grad"));
  CHECK_THROWS_WITH(jvp(y, {w}, {w}), names("jvp"));
  CHECK_THROWS_WITH(hvp(y, w, w), names("hvp"));
  CHECK_THROWS_WITH(jacobian(y, w), names("jacobian"));
  CHECK_THROWS_WITH(hessian(sum(y), w), names("hessian"));
  CHECK_THROWS_WITH(batched_jacobian(y, w), names("batched_jacobian"));
  CHECK_THROWS_WITH(batched_hessian(sum(y, {1}), w), names("batched_hessian"));
  CHECK_THROWS_WITH(laplacian(y, w), names("laplacian"));
  CHECK_THROWS_WITH(jet(y, w, w, 2), names("jet"));
  CHECK(difference(grad(y, w, Unused::zeros), zeros_like(w)) == 0);
  CHECK(difference(jet(y, w, w, 2, Unused::zeros)[1], zeros_like(y)) == 0);
}

TEST_CASE("autodiff: arguments that do not fit are refused with their shapes") {
  const Tensor x = normal({2, 3}, 80), y = sin(x);
  CHECK_THROWS_WITH(hessian(y, x), ContainsSubstring("hessian: needs a scalar"));
  CHECK_THROWS_WITH(hvp(y, x, zeros({3}, f64)), ContainsSubstring("hvp: the direction"));
  CHECK_THROWS_WITH(jet(y, x, x, -1), ContainsSubstring("jet: the order"));
  CHECK_THROWS_WITH(grad(y, {x}, zeros({2}, f64)), ContainsSubstring("grad: the cotangent"));
  CHECK_THROWS_WITH(batched_hessian(y, x), ContainsSubstring("batched_hessian: needs one value a row"));
  CHECK_THROWS_WITH(laplacian(sum(y), x), ContainsSubstring("laplacian: needs y [N, ...]"));
  CHECK_THROWS_WITH(jacobian(cast(x, i64), x), ContainsSubstring("jacobian: needs f32 or f64"));
}

TEST_CASE("detach computes nothing, gives the value, and lets no derivative through") {
  const Tensor x = tensor({1, 2, 3}, {3}, f64);
  const std::int64_t made_by_others = last_evaluation().nodes;
  const Tensor y = exp(x), cut = y.detach();
  CHECK(last_evaluation().nodes == made_by_others);
  CHECK(!y.node()->value());
  CHECK(grad(sum(y * cut), x).to_vector<double>() == (y * y).to_vector<double>());
  CHECK_THROWS_AS(grad(sum(cut), x), Error);
  CHECK(grad(sum(cut * cut), cut).to_vector<double>() == (cut * 2.0).to_vector<double>());
  CHECK(cut.to_vector<double>() == y.to_vector<double>());
  CHECK(cut.node()->inputs().empty());  // a leaf, which holds no graph
  const Tensor w = (x * 2.0).detach().requires_grad();
  sum(w * w).backward();
  CHECK(w.grad().to_vector<double>() == std::vector<double>{4, 8, 12});
}

TEST_CASE("autodiff: the cotangents of a split are joined, those of slices that overlap or leave gaps are added") {
  const Tensor x = reshape(linspace(-1, 2, 4 * 6 * 5, f64), {4, 6, 5}).detach();
  const auto steps_of = [](const Tensor& tensor, const std::string& label) {
    const std::string plan = print_plan({tensor});
    std::size_t count = 0;
    for (std::size_t at = plan.find(label); at != std::string::npos; at = plan.find(label, at + 1)) ++count;
    return count;
  };
  // The loss adds c_i x^3 over each slice, so its gradient is 3 x^2 times the sum of those c_i whose slice covers it.
  struct Part {
    std::int64_t axis, begin, end;
  };
  const auto check = [&](const std::vector<Part>& parts, std::size_t pads) {
    Tensor loss = scalar(0, f64), factor = zeros({4, 6, 5}, f64);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto [axis, begin, end] = parts[i];
      const double c = static_cast<double>(i) + 1.5;
      loss = loss + sum(pow(slice(x, axis, begin, end), 3)) * c;
      Shape before{0, 0, 0}, after{0, 0, 0};
      before[axis] = begin;
      after[axis] = x.shape()[axis] - end;
      factor = factor + pad(full(slice(x, axis, begin, end).shape(), c, f64), before, after);
    }
    const Tensor gradient = grad(loss, x);
    CHECK(steps_of(gradient, "pad") == pads);
    const Tensor second = grad(sum(gradient * x), x);
    CHECK(max(abs(gradient - 3 * square(x) * factor)).item() < 1e-13);
    CHECK(max(abs(second - 9 * square(x) * factor)).item() < 1e-13);
  };
  check({{1, 0, 2}, {1, 2, 3}, {1, 3, 6}}, 0);
  check({{2, 3, 5}, {2, 0, 3}}, 0);
  check({{0, 1, 2}, {0, 0, 1}, {0, 2, 4}}, 0);
  check({{1, 0, 2}, {1, 3, 6}}, 2);
  check({{1, 0, 4}, {1, 2, 6}}, 2);
  check({{1, 0, 3}, {1, 0, 3}, {1, 3, 6}}, 3);
  check({{1, 0, 3}, {2, 0, 5}, {1, 3, 6}}, 0);
  check({{1, 0, 3}, {2, 0, 2}, {1, 3, 6}}, 3);
}

TEST_CASE("taking a derivative changes nothing of what a later evaluation of the forward graph keeps") {
  const Tensor x = linspace(-1, 1, 64, f64);
  const Tensor w = reshape(linspace(0, 1, 64 * 64, f64), {64, 64});
  const auto kept_bytes = [&](bool differentiate) {
    const Tensor y = sum(matmul(tanh(matmul(reshape(x, {1, 64}), w)), w));
    if (differentiate) (void)grad(y, x);
    const std::int64_t before = kernels::memory_statistics().live_bytes;
    y.eval();
    return kernels::memory_statistics().live_bytes - before;
  };
  CHECK(kept_bytes(true) == kept_bytes(false));
}

TEST_CASE("a single axis stands for a list of one") {
  const Tensor x = tensor({1, 2, 3, 4, 5, 6}, {2, 3}, f64);
  CHECK(sum(x, 1).to_vector<double>() == std::vector<double>{6, 15});
  CHECK(sum(x, -1, true).shape() == Shape{2, 1});
  CHECK(mean(x, 0).to_vector<double>() == std::vector<double>{2.5, 3.5, 4.5});
  CHECK(max(x, 0).to_vector<double>() == std::vector<double>{4, 5, 6});
  CHECK(variance(x, 1).shape() == Shape{2});
  CHECK(flip(x, 1).to_vector<double>() == std::vector<double>{3, 2, 1, 6, 5, 4});
  CHECK(sum(x, {}).shape() == x.shape());
  CHECK(sum(x, {0, 1}).item() == 21);
}

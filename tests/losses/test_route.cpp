// Routes to a network's derivatives: every one gives the same numbers, and the cheapest is taken.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "losses/route.h"
#include "losses/sobolev.h"

using namespace sg;
using Catch::Matchers::WithinRel;
using losses::Route;

namespace {

Tensor numbers(Shape shape, double seed) {
  return sin(seed + 1.3 * reshape(cast(arange(element_count(shape)), f64), shape) * seed);
}

struct SmallNetwork {
  explicit SmallNetwork(std::int64_t inputs)
      : weights{numbers({inputs, 6}, 0.7), numbers({6, 5}, 1.9), numbers({5, 1}, 2.3)}, bias(numbers({6}, 0.2)) {
    for (Tensor& weight : weights) weight.eval();
    bias.eval();
  }
  Tensor operator()(const Tensor& x, int activation) const {
    auto act = [&](const Tensor& z) {
      return activation == 0 ? tanh(z) : activation == 1 ? sin(z) : activation == 2 ? softplus(z) : gelu(z);
    };
    return matmul(act(matmul(act(matmul(x, weights[0]) + bias), weights[1])), weights[2]);
  }
  Tensors weights;
  Tensor bias;
};

void check_near(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  CHECK(losses::relative_error(a, b).item() < 1e-10);
}

}  // namespace

TEST_CASE("all routes give the same derivatives and the same parameter gradients", "[losses]") {
  const std::int64_t d = GENERATE(1, 2, 3);
  const int activation = GENERATE(0, 1, 2, 3);
  const int order = d == 1 ? 4 : d == 2 ? 3 : 2;
  const SmallNetwork network(d);
  const Tensor x = numbers({7, d}, 3.1).eval();
  auto f = [&](const Tensor& points) { return network(points, activation); };
  const Tensors reverse = losses::derivatives(f, x, order, Route::reverse);
  const Tensors jets = losses::derivatives(f, x, order, Route::jets);
  REQUIRE(reverse.size() == std::size_t(order) + 1);
  REQUIRE(jets.size() == reverse.size());
  Tensor reverse_loss, jets_loss;
  for (int k = 0; k <= order; ++k) {
    CHECK(reverse[k].shape() == Shape{7, std::int64_t(std::pow(d, k))});
    check_near(jets[k], reverse[k]);
    reverse_loss = k ? reverse_loss + sum(square(reverse[k])) : sum(square(reverse[k]));
    jets_loss = k ? jets_loss + sum(square(jets[k])) : sum(square(jets[k]));
  }
  const Tensors by_reverse = grad(reverse_loss, network.weights), by_jets = grad(jets_loss, network.weights);
  for (std::size_t i = 0; i < by_reverse.size(); ++i) check_near(by_jets[i], by_reverse[i]);
  check_near(grad(jets_loss, network.bias), grad(reverse_loss, network.bias));
}

TEST_CASE("derivatives of a known function", "[losses]") {
  const Tensor points = numbers({5, 2}, 0.9);
  auto f = [](const Tensor& p) { return sin(3.0 * slice(p, 1, 0, 1)) * exp(slice(p, 1, 1, 2)); };
  const Tensor x = slice(points, 1, 0, 1), y = slice(points, 1, 1, 2);
  const Tensor u = sin(3.0 * x) * exp(y), ux = 3.0 * cos(3.0 * x) * exp(y);
  for (const Route route : {Route::reverse, Route::jets}) {
    const Tensors all = losses::derivatives(f, points, 2, route);
    check_near(all[1], concat({ux, u}, 1));
    check_near(all[2], concat({-9.0 * u, ux, ux, u}, 1));
  }
}

TEST_CASE("the costs are those of the count", "[losses]") {
  auto cost = [](std::int64_t inputs, int order, Route route) {
    for (const losses::RouteCost& c : losses::route_costs(inputs, order)) {
      if (c.route == route) return c.forwards;
    }
    return 0.0;
  };
  for (const std::int64_t d : {1, 2, 5}) {
    CHECK(cost(d, 1, Route::reverse) == 6);
    CHECK(cost(d, 1, Route::jets) == 3.0 * (1 + double(d)));
  }
  for (int k = 0; k <= 8; ++k) {
    CHECK(cost(1, k, Route::reverse) == 3 * std::pow(2, k));
    CHECK(cost(1, k, Route::jets) == 3.0 * (k + 1));
  }
  CHECK(losses::cheapest_route(2, 1) == Route::reverse);
  CHECK(losses::cheapest_route(1, 2) == Route::jets);
  CHECK(losses::cheapest_route(1, 7) == Route::jets);
}

TEST_CASE("derivatives refuse a network that is no scalar function of the points", "[losses]") {
  const Tensor x = numbers({4, 2}, 1);
  CHECK_THROWS_AS(losses::derivatives([](const Tensor& p) { return p; }, x, 1), Error);
  CHECK_THROWS_AS(losses::derivatives([](const Tensor&) { return ones({4, 1}, f64); }, x, 1), Error);
  CHECK_THROWS_AS(losses::derivatives([](const Tensor& p) { return sum(p, {1}, true); }, flatten(x), 1), Error);
}

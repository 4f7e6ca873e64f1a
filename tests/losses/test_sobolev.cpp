// The exact Sobolev losses against their definition.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "losses/sobolev.h"

using namespace sg;
using Catch::Matchers::WithinRel;

TEST_CASE("mse is the mean of the squared differences and refuses other shapes", "[losses]") {
  const Tensor a = tensor({1.0, 2.0, 4.0}, {3, 1}, f64), b = tensor({0.0, 2.0, 1.0}, {3, 1}, f64);
  CHECK_THAT(losses::mse(a, b).item(), WithinRel(10.0 / 3, 1e-15));
  CHECK_THROWS_AS(losses::mse(a, reshape(b, {3})), Error);
}

TEST_CASE("a Sobolev loss sums components, averages over points and weighs orders", "[losses]") {
  const Tensor u = tensor({1.0, 3.0}, {2, 1}, f64), du = tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}, f64);
  const Tensor zero = zeros({2, 1}, f64), dzero = zeros({2, 2}, f64);
  CHECK_THAT(losses::sobolev({u, du}, {zero, dzero}).item(), WithinRel(10.0 / 2 + 30.0 / 2, 1e-15));
  CHECK_THAT(losses::sobolev({u, du}, {zero, dzero}, {2, 0.5}).item(), WithinRel(2 * 5.0 + 0.5 * 15.0, 1e-15));
  CHECK_THAT(losses::sobolev({u}, {zero}).item(), WithinRel(losses::mse(u, zero).item(), 1e-15));
  CHECK(losses::sobolev({u, du}, {zero, dzero}, {0, 0}).item() == 0);
}

TEST_CASE("the residuals' squares add up to the Sobolev loss", "[losses]") {
  const Tensor u = tensor({1.0, 3.0}, {2, 1}, f64), du = tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}, f64);
  const Tensor zero = zeros({2, 1}, f64), dzero = ones({2, 2}, f64);
  for (const std::vector<double>& weights : {std::vector<double>{}, {2, 0.5}, {0, 3}}) {
    const Tensor residuals = losses::sobolev_residuals({u, du}, {zero, dzero}, weights);
    CHECK(residuals.rank() == 1);
    CHECK_THAT(sum(square(residuals)).item(),
               WithinRel(losses::sobolev({u, du}, {zero, dzero}, weights).item(), 1e-14));
  }
  CHECK_THROWS_AS(losses::sobolev_residuals({u}, {zero}, {-1}), Error);
  CHECK_THROWS_AS(losses::sobolev_residuals({u}, {zero}, {0}), Error);
}

TEST_CASE("a Sobolev loss names what does not fit", "[losses]") {
  const Tensor u = zeros({2, 1}, f64), du = zeros({2, 2}, f64);
  CHECK_THROWS_AS(losses::sobolev({}, {}), Error);
  CHECK_THROWS_AS(losses::sobolev({u, du}, {u}), Error);
  CHECK_THROWS_AS(losses::sobolev({u, du}, {u, u}), Error);
  CHECK_THROWS_AS(losses::sobolev({u}, {u}, {1, 1}), Error);
  CHECK_THROWS_AS(losses::sobolev({zeros({0, 1}, f64)}, {zeros({0, 1}, f64)}), Error);
}

TEST_CASE("the relative error is scale free", "[losses]") {
  const Tensor a = tensor({1.0, 2.0, 2.0}, {3}, f64), b = tensor({1.0, 2.0, 1.5}, {3}, f64);
  const double error = losses::relative_error(a, b).item();
  CHECK_THAT(error, WithinRel(0.5 / std::sqrt(1 + 4 + 2.25), 1e-15));
  CHECK_THAT(losses::relative_error(a * 7.0, b * 7.0).item(), WithinRel(error, 1e-14));
}

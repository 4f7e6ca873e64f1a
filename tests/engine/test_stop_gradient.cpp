// stop_gradient: no mode of differentiation looks behind it.
#include <catch2/catch_test_macros.hpp>

#include "engine/autodiff.h"
#include "engine/error.h"
#include "engine/ops.h"

using namespace sg;

TEST_CASE("stop_gradient stops reverse, forward and Taylor mode, and the Laplacian") {
  const Tensor x = tensor({0.5, 2}, {2, 1}, f64), w = tensor({3, 4}, {2, 1}, f64);
  const Tensor y = x * stop_gradient(x) * w;
  const std::vector<double> slope{1.5, 8}, none{0, 0};
  CHECK(y.to_vector<double>() == std::vector<double>{0.75, 16});
  CHECK(grad(y, x).to_vector<double>() == slope);
  CHECK(jvp(y, {x}, {ones_like(x)}).to_vector<double>() == slope);
  const Tensors derivatives = jet(y, x, ones_like(x), 2);
  CHECK(derivatives[1].to_vector<double>() == slope);
  CHECK(derivatives[2].to_vector<double>() == none);
  CHECK(laplacian(y, x).to_vector<double>() == none);
  const Tensor stopped = stop_gradient(x * x);
  CHECK_THROWS_AS(grad(stopped, x), Error);
  CHECK(grad(stopped, x, Unused::zeros).to_vector<double>() == none);
  CHECK(grad(stopped * w, w).to_vector<double>() == std::vector<double>{0.25, 4});
}

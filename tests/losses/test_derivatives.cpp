// Derivative estimators: exactness, order of convergence, definitions.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <complex>
#include <numbers>

#include "engine/ops.h"
#include "losses/derivatives.h"
#include "losses/sobolev.h"

using namespace sg;
using losses::Estimator;
using std::numbers::pi;

namespace {

/// The largest error of the derivative of `f` on [first, last] with n points.
template <class Function, class Derivative>
double worst_error(Estimator estimator, std::int64_t n, double first, double last, int order, Function f,
                   Derivative df) {
  const std::vector<double> points = losses::estimator_points(estimator, n, first, last);
  std::vector<double> values, expected;
  for (const double x : points) {
    values.push_back(f(x));
    expected.push_back(df(x));
  }
  const Tensor matrix = losses::differentiation_matrix(estimator, n, first, last, order, f64);
  const Tensor estimated = losses::apply_along(matrix, tensor(values, {n}, f64), 0);
  return max(abs(estimated - tensor(expected, {n}, f64))).item();
}

}  // namespace

TEST_CASE("finite differences converge with their order, ends included", "[losses]") {
  const auto estimator = GENERATE(Estimator::fd2, Estimator::fd4);
  const double order = estimator == Estimator::fd2 ? 2 : 4;
  auto f = [](double x) { return std::sin(3 * x) * std::exp(x); };
  auto first = [](double x) { return std::exp(x) * (std::sin(3 * x) + 3 * std::cos(3 * x)); };
  auto second = [](double x) { return std::exp(x) * (6 * std::cos(3 * x) - 8 * std::sin(3 * x)); };
  const double coarse1 = worst_error(estimator, 401, -1, 1, 1, f, first),
               fine1 = worst_error(estimator, 801, -1, 1, 1, f, first);
  const double coarse2 = worst_error(estimator, 401, -1, 1, 2, f, second),
               fine2 = worst_error(estimator, 801, -1, 1, 2, f, second);
  CHECK(std::abs(std::log2(coarse1 / fine1) - order) < 0.15);
  CHECK(std::abs(std::log2(coarse2 / fine2) - order) < 0.15);
}

TEST_CASE("finite differences are exact for polynomials of their order", "[losses]") {
  const auto estimator = GENERATE(Estimator::fd2, Estimator::fd4);
  const int degree = estimator == Estimator::fd2 ? 2 : 4;
  auto f = [&](double x) { return std::pow(x, degree); };
  auto first = [&](double x) { return degree * std::pow(x, degree - 1); };
  auto second = [&](double x) { return degree * (degree - 1) * std::pow(x, degree - 2); };
  CHECK(worst_error(estimator, 11, -1, 2, 1, f, first) < 1e-11);
  CHECK(worst_error(estimator, 11, -1, 2, 2, f, second) < 1e-10);
}

TEST_CASE("Fornberg's weights are the known stencils", "[losses]") {
  auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    return losses::relative_error(tensor(a, {std::int64_t(a.size())}, f64), tensor(b, {std::int64_t(b.size())}, f64))
               .item() < 1e-14;
  };
  CHECK(near(losses::finite_difference_weights(0, {-1, 0, 1}, 1), {-0.5, 0, 0.5}));
  CHECK(
      near(losses::finite_difference_weights(0, {-2, -1, 0, 1, 2}, 2), {-1.0 / 12, 4.0 / 3, -2.5, 4.0 / 3, -1.0 / 12}));
  CHECK(near(losses::finite_difference_weights(0, {0, 1, 2}, 1), {-1.5, 2, -0.5}));
  CHECK_THROWS_AS(losses::finite_difference_weights(0, {0, 1}, 2), Error);
  CHECK_THROWS_AS(losses::finite_difference_weights(0, {0, 1, 0}, 1), Error);
}

TEST_CASE("Chebyshev differentiation is exact for polynomials of degree n - 1 and converges geometrically",
          "[losses]") {
  const std::int64_t n = 9;
  auto f = [](double x) { return std::pow(x, 8) - 3 * x; };
  CHECK(worst_error(Estimator::chebyshev, n, -1, 2, 1, f, [](double x) { return 8 * std::pow(x, 7) - 3; }) < 1e-9);
  CHECK(worst_error(Estimator::chebyshev, n, -1, 2, 2, f, [](double x) { return 56 * std::pow(x, 6); }) < 1e-8);
  auto g = [](double x) { return 1 / (1 + x * x); };
  auto dg = [](double x) { return -2 * x / std::pow(1 + x * x, 2); };
  // The poles at +-i give a rate of 1 + sqrt 2 a point.
  const double rate =
      worst_error(Estimator::chebyshev, 17, -1, 1, 1, g, dg) / worst_error(Estimator::chebyshev, 25, -1, 1, 1, g, dg);
  CHECK(rate > 0.4 * std::pow(1 + std::sqrt(2.0), 8));
  CHECK(worst_error(
            Estimator::chebyshev, 100, -1, 1, 1, [](double x) { return std::sin(10 * x); },
            [](double x) { return 10 * std::cos(10 * x); }) < 1e-10);
}

TEST_CASE("the second Chebyshev matrix is the square of the first", "[losses]") {
  for (const std::int64_t n : {2, 3, 8, 13}) {
    const Tensor first = losses::differentiation_matrix(Estimator::chebyshev, n, 0, 3, 1, f64);
    const Tensor second = losses::differentiation_matrix(Estimator::chebyshev, n, 0, 3, 2, f64);
    CHECK(max(abs(matmul(first, first) - second)).item() <= 1e-11 * (1 + max(abs(second)).item()));
  }
}

TEST_CASE("Chebyshev's matrix of four points is the one in the book", "[losses]") {
  // Trefethen, chapter 6, for N = 3 with points 1, 1/2, -1/2, -1; ascending points turn it about and change its sign.
  const Tensor d = losses::differentiation_matrix(Estimator::chebyshev, 4, -1, 1, 1, f64);
  const Tensor book = tensor(
      {19.0 / 6, -4, 4.0 / 3, -0.5, 1, -1.0 / 3, -1, 1.0 / 3, -1.0 / 3, 1, 1.0 / 3, -1, 0.5, -4.0 / 3, 4, -19.0 / 6},
      {4, 4}, f64);
  CHECK(losses::relative_error(d, flip(book, {0, 1})).item() < 1e-14);
}

TEST_CASE("Fourier differentiation multiplies each coefficient by i k", "[losses]") {
  const std::int64_t n = GENERATE(8, 9, 2, 3);
  const double length = 3;
  for (const int derivative : {1, 2}) {
    const std::vector<double> matrix =
        losses::differentiation_matrix(Estimator::fourier, n, -1, 2, derivative, f64).to_vector<double>();
    double worst = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        std::complex<double> sum = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          double frequency = static_cast<double>(2 * k < n ? k : k - n);
          if (2 * k == n && derivative == 1) frequency = 0;  // the highest one has no first derivative on the grid
          const double turn = 2 * pi * static_cast<double>(k * (i - j)) / static_cast<double>(n);
          sum += std::pow(std::complex<double>(0, 2 * pi * frequency / length), derivative) * std::polar(1.0, turn);
        }
        worst = std::max(worst, std::abs(sum / static_cast<double>(n) - matrix[i * n + j]));
      }
    }
    CHECK(worst < 1e-11);
  }
}

TEST_CASE("Fourier differentiation of a smooth periodic function is exact to rounding", "[losses]") {
  auto f = [](double x) { return std::exp(std::sin(x)); };
  auto df = [](double x) { return std::cos(x) * std::exp(std::sin(x)); };
  auto ddf = [](double x) { return (std::cos(x) * std::cos(x) - std::sin(x)) * std::exp(std::sin(x)); };
  CHECK(worst_error(Estimator::fourier, 40, 0, 2 * pi, 1, f, df) < 1e-12);
  CHECK(worst_error(Estimator::fourier, 41, 0, 2 * pi, 2, f, ddf) < 1e-10);
}

TEST_CASE("a map along an axis is the same product whichever the axis", "[losses]") {
  const Tensor x = sin(reshape(cast(arange(24), f64), {2, 3, 4}));
  for (const std::int64_t axis : {0, 1, 2, -1}) {
    const std::int64_t place = axis < 0 ? 2 : axis, n = x.shape(place);
    const Tensor matrix = cos(reshape(cast(arange(5 * n), f64), {5, n}));
    Axes order{0, 1, 2};
    std::swap(order[place], order[2]);
    const Tensor expected = transpose(matmul(transpose(x, order), transpose(matrix)), order);
    CHECK(losses::relative_error(losses::apply_along(matrix, x, axis), expected).item() < 1e-14);
  }
  CHECK_THROWS_AS(losses::apply_along(eye(3, f64), x, 0), Error);
}

TEST_CASE("derivatives on a grid of two axes have the layout of the exact ones", "[losses]") {
  const std::vector<losses::GridAxis> axes{{16, -1, 1}, {20, 0, 2}};
  const losses::GridDerivatives grid(Estimator::chebyshev, axes, f64);
  const Tensor points = losses::grid_points(Estimator::chebyshev, axes, f64);
  REQUIRE(points.shape() == Shape{320, 2});
  const Tensor x = slice(points, 1, 0, 1), y = slice(points, 1, 1, 2);
  const Tensors estimated = grid(sin(2.0 * x) * exp(y), 2);
  const Tensor u = sin(2.0 * x) * exp(y), ux = 2.0 * cos(2.0 * x) * exp(y);
  CHECK(losses::relative_error(estimated[0], u).item() == 0);
  CHECK(losses::relative_error(estimated[1], concat({ux, u}, 1)).item() < 1e-10);
  CHECK(losses::relative_error(estimated[2], concat({-4.0 * u, ux, ux, u}, 1)).item() < 1e-9);
  CHECK_THROWS_AS(grid(zeros({319, 1}, f64), 1), Error);
  CHECK_THROWS_AS(grid(u, 3), Error);
}

TEST_CASE("estimators refuse too few points, empty intervals and unknown names", "[losses]") {
  CHECK_THROWS_AS(losses::estimator_points(Estimator::fd4, 5, 0, 1), Error);
  CHECK_THROWS_AS(losses::differentiation_matrix(Estimator::fd2, 3, 0, 1, 1, f64), Error);
  CHECK_THROWS_AS(losses::differentiation_matrix(Estimator::fd2, 10, 1, 1, 1, f64), Error);
  CHECK_THROWS_AS(losses::differentiation_matrix(Estimator::fd2, 10, 0, 1, 3, f64), Error);
  CHECK_THROWS_AS(losses::estimator_named("fd3"), Error);
}

// The spectral loss: the circulant form against a plain discrete Fourier transform.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <complex>
#include <numbers>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "losses/sobolev.h"
#include "losses/spectral.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using losses::Frequencies;

namespace {

Tensor wave(Shape shape) {
  const std::int64_t count = element_count(shape);
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(std::sin(1.7 * static_cast<double>(i * i)) + 0.3);
  return tensor(values, shape, f64);
}

/// The mean over k of (1 + xi_k^2)^s |r_hat_k|^2 by the definition.
double by_transform(const std::vector<double>& r, double s, Frequencies frequencies) {
  const auto n = static_cast<std::int64_t>(r.size());
  double total = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    std::complex<double> coefficient = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      coefficient +=
          r[j] * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k * j % n) / static_cast<double>(n));
    }
    const auto frequency = static_cast<double>(frequencies == Frequencies::one_sided ? k : std::min(k, n - k));
    const double xi = 2 * std::numbers::pi * frequency / static_cast<double>(n);
    total += std::pow(1 + xi * xi, s) * std::norm(coefficient) / static_cast<double>(n);
  }
  return total / static_cast<double>(n);
}

}  // namespace

TEST_CASE("the 1-D spectral loss is the weighted mean square of the unitary transform", "[losses]") {
  const double s = GENERATE(-2.5, -1.0, 0.0, 0.5, 1.0, 2.0, 3.3);
  const auto frequencies = GENERATE(Frequencies::one_sided, Frequencies::symmetric);
  for (const std::int64_t n : {1, 2, 7, 16, 33}) {
    const Tensor r = wave({n});
    CHECK_THAT(losses::spectral_1d(r, s, frequencies).item(),
               WithinRel(by_transform(r.to_vector<double>(), s, frequencies), 1e-12));
  }
}

TEST_CASE("a length stretches the frequencies of the spectral weights", "[losses]") {
  // A pure tone of frequency k of n has all of its energy at k and n - k.
  const std::int64_t n = 20, k = 3;
  std::vector<double> tone(n);
  for (std::int64_t j = 0; j < n; ++j) tone[j] = std::cos(2 * std::numbers::pi * static_cast<double>(k * j) / n);
  for (const double length : {0.25, 1.0, 4.0}) {
    const double xi = 2 * std::numbers::pi * k / n * length;
    const double loss = losses::spectral_1d(tensor(tone, {n}, f64), 1.5, Frequencies::symmetric, length).item();
    CHECK_THAT(loss, WithinRel(0.5 * std::pow(1 + xi * xi, 1.5), 1e-12));
    CHECK_THAT(losses::spectral_weight(n - k, n, 1.5, Frequencies::symmetric, length),
               WithinRel(std::pow(1 + xi * xi, 1.5), 1e-12));
  }
}

TEST_CASE("the image loss sums both axes' means, on images that are not square too", "[losses]") {
  const double s = GENERATE(-1.0, 1.0, 2.5);
  const auto frequencies = GENERATE(Frequencies::one_sided, Frequencies::symmetric);
  const std::int64_t n = 2, c = 3, h = 5, w = 8;
  const Tensor r = wave({n, c, h, w});
  const std::vector<double> values = r.to_vector<double>();
  double expected = 0;
  for (std::int64_t image = 0; image < n * c; ++image) {
    for (std::int64_t i = 0; i < h; ++i) {
      std::vector<double> row(w);
      for (std::int64_t j = 0; j < w; ++j) row[j] = values[(image * h + i) * w + j];
      expected += by_transform(row, s, frequencies) / static_cast<double>(n * c * h);
    }
    for (std::int64_t j = 0; j < w; ++j) {
      std::vector<double> column(h);
      for (std::int64_t i = 0; i < h; ++i) column[i] = values[(image * h + i) * w + j];
      expected += by_transform(column, s, frequencies) / static_cast<double>(n * c * w);
    }
  }
  CHECK_THAT(losses::spectral_2d(r, s, frequencies).item(), WithinRel(expected, 1e-12));
}

TEST_CASE("s = 0 is the mean square, and twice it for images", "[losses]") {
  const Tensor r = wave({2, 1, 6, 4});
  const double mse = losses::mse(r, zeros_like(r)).item();
  CHECK_THAT(losses::spectral_2d(r, 0).item(), WithinRel(2 * mse, 1e-13));
  CHECK_THAT(losses::spectral_1d(r, 0).item(), WithinRel(mse, 1e-13));
}

TEST_CASE("the gradient is 2 C r over the count, and the second derivative 2 C", "[losses]") {
  const Tensor r = wave({9}), v = wave({9}) * wave({9});
  const Tensor c = losses::spectral_matrix(9, 1.5, Frequencies::one_sided, f64);
  const Tensor loss = losses::spectral_1d(r, 1.5);
  auto product = [&](const Tensor& x) { return reshape(matmul(c, reshape(x, {9, 1})), {9}) * (2.0 / 9); };
  CHECK(losses::relative_error(grad(loss, r), product(r)).item() < 1e-14);
  CHECK(losses::relative_error(hvp(loss, r, v), product(v)).item() < 1e-14);
}

TEST_CASE("the matrix is symmetric to the bit, circulant, and its powers multiply", "[losses]") {
  const auto frequencies = GENERATE(Frequencies::one_sided, Frequencies::symmetric);
  const Tensor c = losses::spectral_matrix(12, 1.0, frequencies, f32);
  CHECK(c.to_vector<float>() == transpose(c).to_vector<float>());
  CHECK(losses::spectral_matrix(12, 1.0, frequencies, f32).node() == c.node());
  // The symmetric convention's weights are a function of C's eigenvalues, so H^1 twice is H^2.
  const Tensor one = losses::spectral_matrix(12, 1.0, Frequencies::symmetric, f64);
  const Tensor two = losses::spectral_matrix(12, 2.0, Frequencies::symmetric, f64);
  CHECK(losses::relative_error(matmul(one, one), two).item() < 1e-13);
}

TEST_CASE("the spectral loss refuses what has no samples", "[losses]") {
  CHECK_THROWS_AS(losses::spectral_matrix(4, 1, Frequencies::symmetric, f64, 0), Error);
  CHECK_THROWS_AS(losses::spectral_1d(scalar(1), 1), Error);
  CHECK_THROWS_AS(losses::spectral_2d(zeros({3}), 1), Error);
  CHECK_THROWS_AS(losses::spectral_2d(zeros({3, 0}), 1), Error);
  CHECK_THROWS_AS(losses::spectral_1d(zeros({3}), std::nan("")), Error);
  CHECK_THROWS_AS(losses::spectral_matrix(0, 1, Frequencies::symmetric, f64), Error);
}

TEST_CASE("spectral: an s whose weights the dtype cannot hold is refused, and no other") {
  CHECK_THROWS_WITH(losses::spectral_1d(ones({4}), 30),
                    ContainsSubstring("with s = 30 the weight") && ContainsSubstring("f32 holds at most 3.40"));
  CHECK(std::isfinite(losses::spectral_1d(ones({4}), 20).item()));
  CHECK(std::isfinite(losses::spectral_1d(ones({4}, f64), 30).item()));
  CHECK_THROWS_WITH(losses::spectral_2d(ones({4, 4}, f64), 400), ContainsSubstring("with s = 400 the weight"));
  CHECK(std::isfinite(losses::spectral_1d(ones({4}), -400).item()));
}

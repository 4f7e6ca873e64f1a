// ddim's quality of samples: the Frechet distance against closed forms, the features behind it; and interpolation
// between noises.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "apps/ddim/features.h"
#include "apps/ddim/frechet.h"
#include "apps/ddim/interpolation.h"
#include "apps/ddim/quality.h"
#include "data/digits.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;

namespace {

/// R D R' for a rotation R made of plane rotations.
std::vector<double> rotated(const std::vector<double>& diagonal) {
  const std::size_t n = diagonal.size();
  std::vector<double> a(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) a[i * n + i] = diagonal[i];
  for (std::size_t p = 0; p + 1 < n; ++p) {
    const double c = std::cos(0.3 + static_cast<double>(p)), s = std::sin(0.3 + static_cast<double>(p));
    for (std::size_t k = 0; k < n; ++k) {
      const double x = a[k * n + p], y = a[k * n + p + 1];
      a[k * n + p] = c * x - s * y;
      a[k * n + p + 1] = s * x + c * y;
    }
    for (std::size_t k = 0; k < n; ++k) {
      const double x = a[p * n + k], y = a[(p + 1) * n + k];
      a[p * n + k] = c * x - s * y;
      a[(p + 1) * n + k] = s * x + c * y;
    }
  }
  return a;
}

}  // namespace

TEST_CASE("the Frechet distance of Gaussians has its closed forms") {
  // Covariances with the same axes commute: the distance is that of the standard deviations along them.
  const std::vector<double> first{4, 1, 0.25, 9, 0.04}, second{1, 1, 2.25, 4, 0.01};
  ddim::Gaussian a{{1, 2, 3, 4, 5}, rotated(first)}, b{{1, 0, 3, 4, 6}, rotated(second)};
  double expected = 4 + 1;
  for (std::size_t i = 0; i < 5; ++i) expected += std::pow(std::sqrt(first[i]) - std::sqrt(second[i]), 2);
  CHECK(ddim::frechet_distance(a, b) == Approx(expected).epsilon(1e-12));
  CHECK(ddim::frechet_distance(b, a) == Approx(expected).epsilon(1e-12));
  CHECK(ddim::frechet_distance(a, a) < 1e-12);
  // Two by two without common axes: the trace of a root is sqrt(trace + 2 sqrt(determinant)).
  const ddim::Gaussian c{{0, 0}, {2, 0.5, 0.5, 1}}, d{{0, 0}, {1, -0.3, -0.3, 3}};
  const double trace = 2 * 1 + 0.5 * -0.3 + 0.5 * -0.3 + 1 * 3, determinant = (2 * 1 - 0.25) * (3 - 0.09);
  CHECK(ddim::frechet_distance(c, d) ==
        Approx(3 + 4 - 2 * std::sqrt(trace + 2 * std::sqrt(determinant))).epsilon(1e-12));
}

TEST_CASE("a Gaussian is fitted by mean and covariance") {
  const ddim::Gaussian fitted = ddim::fit_gaussian(tensor({1, 2, 3, 6, 5, 4}, {3, 2}));
  CHECK(fitted.mean == std::vector<double>{3, 4});
  CHECK(fitted.covariance == std::vector<double>{4, 2, 2, 4});
  CHECK_THROWS_AS(ddim::fit_gaussian(zeros({1, 2})), Error);
}

TEST_CASE("the classifier reads digits, and its features tell digits from noise") {
  data::Digits digits = data::embedded_digits();
  digits.train.limit(3000);
  digits.train_labels.resize(3000);
  const auto features = ddim::classifier_features(digits.train, digits.train_labels, 8);
  std::vector<std::int64_t> samples(600);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int64_t>(i);
  const Tensor real = data::read_pictures(digits.test, samples);
  CHECK(ddim::classification_accuracy(*features, real, std::span(digits.test_labels).first(600)) > 0.85);
  const ddim::Gaussian one = ddim::fit_gaussian((*features)(slice(real, 0, 0, 300))),
                       two = ddim::fit_gaussian((*features)(slice(real, 0, 300, 600)));
  const ddim::Gaussian noisy = ddim::fit_gaussian(
      (*features)(clamp(slice(real, 0, 0, 300) + formula_tensor("noise", {300, 1, 28, 28}, f32, 0.5), 0, 1)));
  const ddim::Quality quality =
      ddim::measure_quality(*features, slice(real, 0, 0, 300), slice(real, 0, 300, 600), slice(real, 0, 0, 300));
  CHECK(quality.distance < 1e-6);
  CHECK(quality.real_distance == Approx(ddim::frechet_distance(one, two)));
  CHECK(quality.readable.value() > 0.5);
  CHECK(quality.classes.value() == 10);
  CHECK(ddim::frechet_distance(one, noisy) > 2 * ddim::frechet_distance(one, two));
  CHECK_THROWS_AS(ddim::classifier_features(digits.train, std::span(digits.train_labels).first(2)), Error);
}

TEST_CASE("trained as ddim train --fid trains it, the classifier reads 98 of 100 test digits", "[slow]") {
  const data::Digits digits = data::embedded_digits();
  const auto features = ddim::classifier_features(digits.train, digits.train_labels);
  std::vector<std::int64_t> samples(static_cast<std::size_t>(digits.test.size()));
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int64_t>(i);
  CHECK(ddim::classification_accuracy(*features, data::read_pictures(digits.test, samples), digits.test_labels) > 0.98);
}

TEST_CASE("spherical interpolation ends at its ends and keeps the length") {
  const Tensor a = unit_noise("a", {1, 1, 6, 6}, f64), b = unit_noise("b", {1, 1, 6, 6}, f64) * 1.0;
  const auto length = [](const Tensor& x) { return std::sqrt(sum(square(x)).item()); };
  CHECK(relative_difference(ddim::spherical(a, b, 0), a) < 1e-14);
  CHECK(relative_difference(ddim::spherical(a, b, 1), b) < 1e-14);
  const Tensor scaled = b * (length(a) / length(b));
  for (const double share : {0.2, 0.5, 0.9}) {
    CHECK(length(ddim::spherical(a, scaled, share)) == Approx(length(a)).epsilon(1e-12));
  }
  CHECK(relative_difference(ddim::spherical(a, a, 0.4), a) < 1e-12);
}

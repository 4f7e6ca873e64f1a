// Targets of the regression experiments.
#include "apps/regression/targets.h"

#include <cmath>
#include <numbers>

#include "engine/ops.h"

namespace sg::regression {

namespace {

using std::numbers::e;
using std::numbers::pi;

Sample waves2d(const double* p) {
  const double x = p[0], y = p[1], wave = 10 * std::cos(10 * (x + y)), bend = -100 * std::sin(10 * (x + y));
  return {std::sin(10 * (x + y)) + (x - y) * (x - y) - 1.5 * x + 2.5 * y + 1,
          {wave + 2 * (x - y) - 1.5, wave - 2 * (x - y) + 2.5},
          {bend + 2, bend - 2, bend - 2, bend + 2}};
}

Sample chirp(const double* p) {
  const double x = p[0], c = 2 * pi, phase = c * x * x * x * x, rate = 4 * c * x * x * x;
  return {x + std::sin(phase),
          {1 + rate * std::cos(phase)},
          {12 * c * x * x * std::cos(phase) - rate * rate * std::sin(phase)}};
}

Sample twotone(const double* p) {
  const double low = 2 * pi, high = 20 * pi, x = p[0];
  return {std::sin(low * x) + std::sin(high * x),
          {low * std::cos(low * x) + high * std::cos(high * x)},
          {-low * low * std::sin(low * x) - high * high * std::sin(high * x)}};
}

Sample envelope(const double* p) {
  const double x = p[0], growth = std::exp(x), s = std::sin(20 * x), c = std::cos(20 * x);
  return {growth * s, {growth * (s + 20 * c)}, {growth * (40 * c - 399 * s)}};
}

/// With a = 20, b = 0.2, c = 2 pi. At the origin the first term has a kink: its derivatives are taken as 0 there.
Sample ackley(const double* p) {
  const double a = 20, b = 0.2, c = 2 * pi;
  const double r = std::sqrt((p[0] * p[0] + p[1] * p[1]) / 2);
  const double cone = a * std::exp(-b * r), bumps = std::exp((std::cos(c * p[0]) + std::cos(c * p[1])) / 2);
  Sample sample{-cone - bumps + a + e, {}, {}};
  for (int i = 0; i < 2; ++i) {
    const double slope_i = c * std::sin(c * p[i]) / 2;
    sample.gradient[i] = bumps * slope_i;
    if (r > 0) sample.gradient[i] += b * cone * p[i] / (2 * r);
    for (int j = 0; j < 2; ++j) {
      double& second = sample.hessian[2 * i + j];
      second = -bumps * slope_i * c * std::sin(c * p[j]) / 2;
      if (i == j) second += bumps * c * c * std::cos(c * p[i]) / 2;
      if (r > 0) {
        second +=
            b * cone * ((i == j ? 1 / (2 * r) : 0) - p[i] * p[j] / (4 * r * r * r) - b * p[i] * p[j] / (4 * r * r));
      }
    }
  }
  return sample;
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> all{
      {"waves2d", "sin(10(x+y)) + (x-y)^2 - 1.5x + 2.5y + 1 on [-1, 1]^2", 2, -1, 1, waves2d},
      {"chirp", "x + sin(2 pi x^4) on [-1, 1]", 1, -1, 1, chirp},
      {"twotone", "sin(2 pi x) + sin(20 pi x) on [-1, 1]", 1, -1, 1, twotone},
      {"envelope", "exp(x) sin(20x) on [-1, 1]", 1, -1, 1, envelope},
      {"ackley", "Ackley's function on [-2, 2]^2", 2, -2, 2, ackley},
  };
  return all;
}

const Target& target_named(std::string_view name) {
  std::string known;
  for (const Target& target : targets()) {
    if (target.name == name) return target;
    known += (known.empty() ? "" : ", ") + target.name;
  }
  fail("target: none is named `{}`: there are {}", name, known);
}

Tensors target_derivatives(const Target& target, const Tensor& points) {
  const std::int64_t d = target.inputs;
  if (points.rank() != 2 || points.shape(1) != d) {
    fail("target {}: points must be [N, {}]: shape {}", target.name, d, points.shape());
  }
  const std::int64_t count = points.shape(0);
  const std::vector<double> x = points.to_vector<double>();
  std::vector<double> values, first, second;
  for (std::int64_t n = 0; n < count; ++n) {
    const Sample sample = target.at(&x[n * d]);
    values.push_back(sample.u);
    first.insert(first.end(), sample.gradient.begin(), sample.gradient.begin() + d);
    second.insert(second.end(), sample.hessian.begin(), sample.hessian.begin() + d * d);
  }
  return {tensor(values, {count, 1}, points.dtype()), tensor(first, {count, d}, points.dtype()),
          tensor(second, {count, d * d}, points.dtype())};
}

}  // namespace sg::regression

// Checks of derivatives: finite differences along a random direction, the adjoint identity, Taylor mode against nested
// forward mode, and then the same for the derivative itself.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <functional>
#include <random>

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::test {

using Function = std::function<Tensor(const Tensors&)>;

/// Uniform f64 values in [low, high).
inline Tensor uniform(std::mt19937_64& generator, const Shape& shape, double low, double high, Dtype dtype = f64) {
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<double> values(element_count(shape));
  for (double& value : values) value = distribution(generator);
  return tensor(std::span<const double>(values), shape, dtype);
}

inline double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }

inline double largest(const Tensor& x) {
  double result = 0;
  for (double value : x.to_vector<double>()) result = std::max(result, std::abs(value));
  return result;
}

/// The largest difference relative to the largest value, which counts as at least 1.
inline double difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0, scale = 1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) != std::isnan(y[i])) return INFINITY;
    if (std::isnan(x[i]) || x[i] == y[i]) continue;
    worst = std::max(worst, std::abs(x[i] - y[i]));
    scale = std::max({scale, std::abs(x[i]), std::abs(y[i])});
  }
  return worst / scale;
}

inline bool is_close(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

/// Checks the derivatives of `f` at `inputs` (f64) up to `order`.
inline void check_derivatives(const Function& f, const Tensors& inputs, int order, std::mt19937_64& generator,
                              double tolerance = 2e-6) {
  if (order == 0) return;
  INFO("derivatives of order " << order << " still to check");
  const Tensor y = f(inputs);
  Tensors directions;
  for (const Tensor& x : inputs) directions.push_back(uniform(generator, x.shape(), -1, 1));
  const Tensor cotangent = uniform(generator, y.shape(), -1, 1);

  const double h = 1e-5;
  Tensors forward, backward;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    forward.push_back((inputs[i] + directions[i] * h).detach());
    backward.push_back((inputs[i] - directions[i] * h).detach());
  }
  const Tensor numeric = (f(forward) - f(backward)) / (2 * h);
  const Tensors gradients = grad(y, inputs, cotangent, Unused::zeros);
  double adjoint = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) adjoint += dot(gradients[i], directions[i]);
  CHECK(is_close(adjoint, dot(numeric, cotangent), tolerance));

  const Tensor tangent = jvp(y, inputs, directions, Unused::zeros);
  CHECK(difference(tangent, numeric) < tolerance);
  CHECK(is_close(dot(tangent, cotangent), adjoint, 1e-10));
  for (std::size_t i = 0; i < inputs.size(); ++i) {  // Taylor mode goes along one input at a time
    const Tensors taylor = jet(y, inputs[i], directions[i], 2, Unused::zeros);
    const Tensor first = jvp(y, {inputs[i]}, {directions[i]}, Unused::zeros);
    CHECK(difference(taylor[0], y) == 0);
    CHECK(difference(taylor[1], first) < 1e-10);
    CHECK(difference(taylor[2], jvp(first, {inputs[i]}, {directions[i]}, Unused::zeros)) < 1e-9);
  }

  check_derivatives(
      [&](const Tensors& xs) {
        Tensors parts;
        for (const Tensor& g : grad(f(xs), xs, cotangent, Unused::zeros)) parts.push_back(flatten(g));
        return concat(parts, 0);
      },
      inputs, order - 1, generator, tolerance * 10);
}

}  // namespace sg::test

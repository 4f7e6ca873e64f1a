// Compositions of primitives: activations, means, softmax, normalisation, attention.
#include <cmath>
#include <numbers>

#include "engine/ops.h"
#include "engine/ops/elementwise.h"

namespace sg {

// The condition is written so that a NaN fails it and comes out as it went in.
Tensor relu(const Tensor& x) { return where(less_equal(x, zeros_like(x)), zeros_like(x), x); }
Tensor relu_squared(const Tensor& x) { return square(relu(x)); }
Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return where(less_equal(x, zeros_like(x)), x * negative_slope, x);
}
Tensor elu(const Tensor& x, double alpha) {
  const Tensor zero = zeros_like(x), positive = less(zero, x);
  // The branch that is not taken must stay finite, or its derivative would be 0 times infinity.
  return where(positive, x, expm1(where(positive, zero, x)) * alpha);
}
Tensor gelu(const Tensor& x) { return x * (erf(x * std::numbers::sqrt2 * 0.5) + 1) * 0.5; }
Tensor gelu_tanh(const Tensor& x) {
  const Tensor inner = (x + square(x) * x * 0.044715) * std::sqrt(2 * std::numbers::inv_pi);
  return x * (tanh(inner) + 1) * 0.5;
}
Tensor silu(const Tensor& x) { return x * sigmoid(x); }
Tensor clamp(const Tensor& x, double low, double high) {
  if (low > high) fail("clamp: the lower end {} is above the upper end {}", low, high);
  const Tensor bottom = full_like(x, low), top = full_like(x, high);
  return where(less(x, bottom), bottom, where(less(top, x), top, x));
}

/// How many elements a reduction over `axes` joins into one.
static double count_along(std::string_view operation, const Tensor& x, const Axes& axes) {
  double count = 1;
  for (std::int64_t axis : normalise_axes(operation, axes, x.rank())) count *= static_cast<double>(x.shape()[axis]);
  return count;
}
Tensor mean(const Tensor& x, const Axes& axes, bool keepdims) {
  return sum(x, axes, keepdims) * (1.0 / count_along("mean", x, axes));
}
Tensor mean(const Tensor& x) { return sum(x) * (1.0 / static_cast<double>(x.size())); }
Tensor variance(const Tensor& x, const Axes& axes, bool keepdims) {
  return mean(square(x - mean(x, axes, true)), axes, keepdims);
}

// Softmax does not change when a constant is subtracted, so the maximum may be taken as one.
Tensor softmax(const Tensor& x, std::int64_t axis) {
  const Tensor exponentials = exp(x - stop_gradient(max(x, {axis}, true)));
  return exponentials / sum(exponentials, {axis}, true);
}
Tensor log_softmax(const Tensor& x, std::int64_t axis) {
  const Tensor shifted = x - stop_gradient(max(x, {axis}, true));
  return shifted - log(sum(exp(shifted), {axis}, true));
}

Tensor normalise(const Tensor& x, const Axes& axes, double epsilon) {
  const Tensor centred = x - mean(x, axes, true);
  return centred * rsqrt(mean(square(centred), axes, true) + epsilon);
}

Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, std::optional<double> scale) {
  if (query.rank() < 2 || key.rank() < 2 || value.rank() < 2) {
    fail("attention: needs [..., L, D], [..., S, D], [..., S, E], got {}, {}, {}", query.shape(), key.shape(),
         value.shape());
  }
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(query.shape(-1))));
  return matmul(softmax(matmul(query * factor, transpose(key)), -1), value);
}

}  // namespace sg

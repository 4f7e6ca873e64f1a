// Activations: compositions of primitives, with PyTorch's values at their kinks.
#include <cmath>
#include <numbers>

#include "engine/ops/elementwise.h"

namespace sg {

// The condition is written so that a NaN fails it and comes out as it went in.
Tensor relu(const Tensor& x) {
  const Tensor zero = literal_like(x, 0);
  return where(less_equal(x, zero), zero, x);
}
Tensor relu_squared(const Tensor& x) { return square(relu(x)); }
Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return where(less_equal(x, literal_like(x, 0)), x * literal_like(x, negative_slope, "leaky_relu"), x);
}
Tensor elu(const Tensor& x, double alpha) {
  need_floating("elu", x);
  const Tensor zero = literal_like(x, 0), positive = less(zero, x);
  return where(positive, x, expm1(where(positive, zero, x)) * alpha);
}
Tensor gelu(const Tensor& x) {
  need_floating("gelu", x);
  return x * (erf(x * std::numbers::sqrt2 * 0.5) + 1) * 0.5;
}
Tensor gelu_tanh(const Tensor& x) {
  need_floating("gelu_tanh", x);
  const Tensor inner = (x + square(x) * x * 0.044715) * std::sqrt(2 * std::numbers::inv_pi);
  return x * (tanh(inner) + 1) * 0.5;
}
Tensor silu(const Tensor& x) {
  need_floating("silu", x);
  return x * sigmoid(x);
}
Tensor clamp(const Tensor& x, Number low, Number high) {
  if (!(low.value() <= high.value())) {
    fail("clamp: the lower end {} is above the upper end {}", low.value(), high.value());
  }
  const Tensor bottom = literal_like(x, low, "clamp"), top = literal_like(x, high, "clamp");
  return where(less(x, bottom), bottom, where(less(top, x), top, x));
}
Tensor celu(const Tensor& x, double alpha) {
  need_floating("celu", x);
  if (alpha == 0) fail("celu: alpha must not be 0");
  const Tensor positive = less(0, x);
  return where(positive, x, expm1(where(positive, 0, x) / alpha) * alpha);
}
Tensor selu(const Tensor& x) {
  need_floating("selu", x);
  return elu(x, 1.6732632423543772848170429916717) * 1.0507009873554804934193349852946;
}
Tensor mish(const Tensor& x) {
  need_floating("mish", x);
  return x * tanh(softplus(x));
}
Tensor softsign(const Tensor& x) {
  need_floating("softsign", x);
  return x / (abs(x) + 1);
}
Tensor hardsigmoid(const Tensor& x) {
  need_floating("hardsigmoid", x);
  return where(less_equal(x, -3), 0, where(less_equal(3, x), 1, x / 6 + 0.5));
}
Tensor hardswish(const Tensor& x) {
  need_floating("hardswish", x);
  return where(less(x, -3), 0, where(less_equal(x, 3), x * (x + 3) / 6, x));
}
Tensor prelu(const Tensor& x, const Tensor& slope) {
  need_floating("prelu", x);
  if (slope.dtype() != x.dtype()) fail("prelu: dtypes differ: {} and {}", name_of(x.dtype()), name_of(slope.dtype()));
  if (slope.size() != 1 && (slope.rank() != 1 || x.rank() < 2 || slope.shape()[0] != x.shape()[1])) {
    fail("prelu: {} slopes for {}: one, or one for each channel", slope.shape(), x.shape());
  }
  Shape shape(x.rank(), 1);
  if (slope.size() != 1) shape[1] = slope.shape()[0];
  return where(less(0, x), x, x * reshape(slope, shape));
}
static void check_lerp(const Tensor& a, const Tensor& b, Dtype weight) {
  need_floating("lerp", a);
  if (a.dtype() != b.dtype() || a.dtype() != weight) {
    fail("lerp: dtypes differ: {}, {} and {}", name_of(a.dtype()), name_of(b.dtype()), name_of(weight));
  }
  broadcast_shapes("lerp", a.shape(), b.shape());
}
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight) {
  check_lerp(a, b, weight.dtype());
  return a + weight * (b - a);
}
Tensor lerp(const Tensor& a, const Tensor& b, double weight) {
  check_lerp(a, b, a.dtype());
  return a + (b - a) * weight;
}

}  // namespace sg

// Elementwise primitives: what those of one input share.
#pragma once

#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/series.h"
#include "engine/primitive.h"

namespace sg {

/// A function of each element; a derived class gives its name, its instruction and its derivative, and its Taylor
/// series unless the derivative vanishes.
class Unary : public Primitive {
 public:
  Kind kind() const final { return Kind::elementwise; }
  /// f'(x), with y = f(x) at hand.
  virtual Tensor derivative(const Tensor& x, const Tensor& y) const = 0;
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent, std::size_t) const final {
    return cotangent * derivative(inputs[0], output);
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const final {
    return tangents[0] * derivative(inputs[0], output);
  }
};

/// A step function: its derivative is zero wherever it has one.
class StepFunction : public Primitive {
 public:
  Kind kind() const final { return Kind::elementwise; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const final { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const final { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const final { return {output}; }
};

/// The node of a unary primitive on a floating tensor.
template <class P>
Tensor unary(const Tensor& x) {
  if (!is_floating(x.dtype())) fail("{}: needs f32 or f64, got {}", instance<P>()->name(), name_of(x.dtype()));
  return make_node(instance<P>(), {x}, x.shape(), x.dtype());
}

/// The node of an elementwise primitive of two inputs, broadcast to each other.
template <class P>
Tensor binary(const Tensor& a, const Tensor& b) {
  const auto& primitive = instance<P>();
  if (a.dtype() != b.dtype()) {
    fail("{}: dtypes differ: {} and {}", primitive->name(), name_of(a.dtype()), name_of(b.dtype()));
  }
  if (a.shape() == b.shape()) return make_node(primitive, {a, b}, a.shape(), a.dtype());
  const Shape shape = broadcast_shapes(primitive->name(), a.shape(), b.shape());
  return make_node(primitive, {broadcast_to(a, shape), broadcast_to(b, shape)}, shape, a.dtype());
}

/// [n, x's shape]: x as it is when it is mapped, else repeated for each of the batch.
Tensor with_batch(const Tensor& x, bool mapped, std::int64_t n);

/// The number that a constant tensor holds everywhere, when it is one.
std::optional<double> constant_value(const Tensor& x);

}  // namespace sg

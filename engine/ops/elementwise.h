// Elementwise primitives: what those of one input share.
#pragma once

#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/series.h"
#include "engine/primitive.h"

namespace sg {

/// A number everywhere that nobody can ask a derivative by, because it is written in a rule or in a call such as `x +
/// 1`: operations fold it away. What zeros, ones or full give is a variable like any other. Throws in the name of
/// `operation` where x is i64 and the number is none of its elements.
Tensor literal_like(const Tensor& x, Number value, std::string_view operation = "full");
Tensor literal(const Shape& shape, Number value, Dtype dtype, std::string_view operation = "full");
/// The number that a literal holds.
std::optional<double> literal_value(const Tensor& x);

/// What a mode of differentiation hands out: a variable, although a rule wrote it as a literal.
Tensor as_variable(const Tensor& x);

/// The product of the chain rule: a differential (a cotangent, a tangent, a Taylor coefficient) times a slope. A zero
/// on either side annihilates the other, be it infinite or NaN: what does not move has no influence, however steep the
/// function is. So the branch that `where` does not take, or a sqrt behind a relu, gives zero in every mode and at
/// every order. A plain product where the history of neither has a primitive that is `guarded`.
Tensor chain(const Tensor& differential, const Tensor& slope);
/// The same node, of which it is known that its values are finite although its primitive is guarded: exp of what is at
/// most 0.
Tensor known_finite(const Tensor& x);

/// A function of each element; a derived class gives its name, its instruction and its derivative, and, where it has a
/// rule of its own, its Taylor series.
class Unary : public Primitive {
 public:
  Kind kind() const final { return Kind::elementwise; }
  /// f'(x), with y = f(x) at hand.
  virtual Tensor derivative(const Tensor& x, const Tensor& y) const = 0;
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent, std::size_t) const final {
    return chain(cotangent, derivative(inputs[0], output));
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const final {
    return chain(tangents[0], derivative(inputs[0], output));
  }
};

/// Constant between jumps: its derivative is zero wherever it has one.
class PiecewiseConstant : public Primitive {
 public:
  Kind kind() const final { return Kind::elementwise; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const final { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const final { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const final { return {output}; }
};

inline void need_floating(std::string_view operation, const Tensor& x) {
  if (!is_floating(x.dtype())) fail("{}: needs f32 or f64, got {}", operation, name_of(x.dtype()));
}

/// All axes of x.
Axes all_axes(const Tensor& x);

/// The node of a unary primitive on a floating tensor.
template <class P>
Tensor unary(const Tensor& x) {
  if (!is_floating(x.dtype())) fail("{}: needs f32 or f64, got {}", instance<P>()->name(), name_of(x.dtype()));
  return make_node(instance<P>(), {x}, x.shape(), x.dtype());
}

/// The node of an elementwise primitive of two inputs, broadcast to each other.
template <class P>
Tensor binary(const Tensor& a, const Tensor& b, Guarded guarded = Guarded::by_primitive) {
  const auto& primitive = instance<P>();
  if (a.dtype() != b.dtype()) {
    fail("{}: dtypes differ: {} and {}", primitive->name(), name_of(a.dtype()), name_of(b.dtype()));
  }
  if (a.shape() == b.shape()) return make_node(primitive, {a, b}, a.shape(), a.dtype(), guarded);
  const Shape shape = broadcast_shapes(primitive->name(), a.shape(), b.shape());
  return make_node(primitive, {broadcast_to(a, shape), broadcast_to(b, shape)}, shape, a.dtype(), guarded);
}

/// [n, x's shape]: x as it is when it is mapped, else repeated for each of the batch.
Tensor with_batch(const Tensor& x, bool mapped, std::int64_t n);

}  // namespace sg

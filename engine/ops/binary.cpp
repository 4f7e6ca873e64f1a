// Arithmetic of two inputs, the product of the chain rule, and the operators.
#include <cmath>

#include "engine/ops/elementwise.h"

namespace sg {

using kernels::TileOp;

namespace {
struct Add final : Primitive {
  std::string_view name() const override { return "add"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::add; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t) const override { return cotangent; }
  Linearity linearity() const override { return Linearity::linear; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors& tangents) const override {
    return series::plus(tangents[0], tangents[1]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) y.push_back(series::plus(series::at(inputs[0], k), series::at(inputs[1], k)));
    return y;
  }
};
}  // namespace
Tensor add(const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape() && a.dtype() == b.dtype()) {
    if (literal_value(a) == 0.0) return b;
    if (literal_value(b) == 0.0) return a;
  }
  return binary<Add>(a, b);
}

namespace {
struct Sub final : Primitive {
  std::string_view name() const override { return "sub"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::sub; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return argument == 0 ? cotangent : -cotangent;
  }
  Linearity linearity() const override { return Linearity::linear; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors& tangents) const override {
    return difference(tangents[0], tangents[1]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) y.push_back(difference(series::at(inputs[0], k), series::at(inputs[1], k)));
    return y;
  }

 private:
  static Tensor difference(const Tensor& a, const Tensor& b) { return !b.defined() ? a : !a.defined() ? -b : a - b; }
};
}  // namespace
Tensor sub(const Tensor& a, const Tensor& b) { return binary<Sub>(a, b); }

namespace {
struct Mul final : Primitive {
  std::string_view name() const override { return "mul"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::mul; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return chain(cotangent, inputs[1 - argument]);
  }
  Linearity linearity() const override { return Linearity::bilinear; }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    return series::plus(tangents[0].defined() ? chain(tangents[0], inputs[1]) : Tensor(),
                        tangents[1].defined() ? chain(tangents[1], inputs[0]) : Tensor());
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) y.push_back(series::product(inputs[0], inputs[1], k));
    return y;
  }
};
}  // namespace
Tensor mul(const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape() && a.dtype() == b.dtype()) {
    if (literal_value(a) == 1.0) return b;
    if (literal_value(b) == 1.0) return a;
  }
  return binary<Mul>(a, b);
}

namespace {
struct MulNoNan final : Primitive {
  std::string_view name() const override { return "mul_no_nan"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::mul_no_nan; }
  bool guarded() const override { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return mul_no_nan(cotangent, inputs[1 - argument]);
  }
  Linearity linearity() const override { return Linearity::bilinear; }
};
}  // namespace
Tensor mul_no_nan(const Tensor& a, const Tensor& b) { return binary<MulNoNan>(a, b); }

Tensor chain(const Tensor& differential, const Tensor& slope) {
  if (!differential.node()->guarded && !slope.node()->guarded) return differential * slope;
  if (literal_value(differential) == 0.0 || literal_value(slope) == 0.0) return literal_like(slope, 0);
  if (literal_value(differential) || literal_value(slope)) return differential * slope;
  return mul_no_nan(differential, slope);
}

Tensor known_finite(const Tensor& x) {
  const Node& node = *x.node();
  return node.guarded && node.primitive()
             ? make_node(node.primitive(), node.inputs(), node.shape, node.dtype, Guarded::never)
             : x;
}

namespace {
struct Div final : Primitive {
  std::string_view name() const override { return "div"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::div; }
  bool guarded() const override { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    const Tensor quotient = divide(cotangent, inputs[1]);
    return argument == 0 ? quotient : -chain(quotient, output);
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    Tensor numerator = tangents[0];
    if (tangents[1].defined()) numerator = series::plus(numerator, -chain(tangents[1], output));
    return divide(numerator, inputs[1]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    // From y b = a: y_k = (a_k - sum over j < k of y_j b_(k-j)) / b_0.
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      const Tensor product = series::product(y, inputs[1], k);
      Tensor numerator = series::plus(series::at(inputs[0], k), series::scale(product, -1));
      y.push_back(numerator.defined() ? divide(numerator, inputs[1][0]) : numerator);
    }
    return y;
  }

 private:
  /// A differential over a divisor that may be zero.
  static Tensor divide(const Tensor& differential, const Tensor& divisor) {
    return literal_value(divisor) ? differential / divisor : chain(differential, reciprocal(divisor));
  }
};
}  // namespace
Tensor div(const Tensor& a, const Tensor& b) {
  if (a.dtype() == i64 && b.dtype() == i64) return cast(div(cast(a, f64), cast(b, f64)), f32);
  const auto divisor = literal_value(b);
  return binary<Div>(a, b, divisor && *divisor != 0 ? Guarded::by_inputs : Guarded::by_primitive);
}

Tensor operator-(const Tensor& x) { return neg(x); }
Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor operator+(const Tensor& a, Number b) { return add(a, literal_like(a, b, "add")); }
Tensor operator-(const Tensor& a, Number b) { return add(a, literal_like(a, -b, "sub")); }
Tensor operator*(const Tensor& a, Number b) { return mul(a, literal_like(a, b, "mul")); }
Tensor operator/(const Tensor& a, Number b) {
  if (a.dtype() == i64) return cast(cast(a, f64) / b, f32);
  return div(a, literal_like(a, b, "div"));
}
Tensor operator+(Number a, const Tensor& b) { return add(literal_like(b, a, "add"), b); }
Tensor operator-(Number a, const Tensor& b) { return sub(literal_like(b, a, "sub"), b); }
Tensor operator*(Number a, const Tensor& b) { return mul(literal_like(b, a, "mul"), b); }
Tensor operator/(Number a, const Tensor& b) {
  if (b.dtype() == i64) return cast(a / cast(b, f64), f32);
  return a.value() == 1 ? reciprocal(b) : div(literal_like(b, a, "div"), b);
}

}  // namespace sg

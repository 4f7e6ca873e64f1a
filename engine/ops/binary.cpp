// The elementwise primitives of two and three inputs, and the operators.
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
    if (constant_value(a) == 0.0) return b;
    if (constant_value(b) == 0.0) return a;
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
    return cotangent * inputs[1 - argument];
  }
  Linearity linearity() const override { return Linearity::bilinear; }
};
}  // namespace
Tensor mul(const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape() && a.dtype() == b.dtype()) {
    if (constant_value(a) == 1.0) return b;
    if (constant_value(b) == 1.0) return a;
  }
  return binary<Mul>(a, b);
}

namespace {
struct Div final : Primitive {
  std::string_view name() const override { return "div"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::div; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    return argument == 0 ? cotangent / inputs[1] : -(cotangent * output / inputs[1]);
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    Tensor numerator = tangents[0];
    if (tangents[1].defined()) numerator = series::plus(numerator, -(output * tangents[1]));
    return numerator / inputs[1];
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    // From y b = a: y_k = (a_k - sum over j < k of y_j b_(k-j)) / b_0.
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      Series known = y;
      const Tensor product = series::product(known, inputs[1], k);
      Tensor numerator = series::plus(series::at(inputs[0], k), series::scale(product, -1));
      y.push_back(numerator.defined() ? numerator / inputs[1][0] : numerator);
    }
    return y;
  }
};
}  // namespace
Tensor div(const Tensor& a, const Tensor& b) { return binary<Div>(a, b); }

namespace {
struct Pow final : Primitive {
  std::string_view name() const override { return "pow"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::pow; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    return cotangent * (argument == 0 ? by_base(inputs[0], inputs[1]) : by_exponent(inputs[0], inputs[1], output));
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    Tensor result;
    if (tangents[0].defined()) result = tangents[0] * by_base(inputs[0], inputs[1]);
    if (tangents[1].defined()) result = series::plus(result, tangents[1] * by_exponent(inputs[0], inputs[1], output));
    return result;
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    const Series& base = inputs[0];
    const bool exponent_varies = [&] {
      for (int k = 1; k <= order; ++k) {
        if (series::at(inputs[1], k).defined()) return true;
      }
      return false;
    }();
    if (exponent_varies) {  // exp(exponent log(base))
      const Series exponent = series::multiply(inputs[1], series::of(log(base[0]), base, order), order);
      Series y = series::of(exp(exponent[0]), exponent, order);
      y[0] = output;
      return y;
    }
    // The k-th derivative of b^p is a falling factorial times b^(p - k), right at b = 0 as well; then Faa di Bruno, by
    // the powers of the series without its constant term.
    Series step = base;
    step[0] = Tensor();
    Series y{output};
    y.resize(order + 1);
    Series power = step;
    const Tensor& p = inputs[1][0];
    Tensor factor = p;
    double factorial = 1;
    for (int i = 1; i <= order; ++i) {
      factorial *= i;
      const Tensor derivative =
          where(equal(factor, zeros_like(factor)), factor, factor * pow(base[0], p - i)) * (1 / factorial);
      for (int k = i; k <= order; ++k) {
        if (series::at(power, k).defined()) y[k] = series::plus(y[k], derivative * power[k]);
      }
      if (i < order) {
        power = series::multiply(power, step, order);
        factor = factor * (p - i);
      }
    }
    return y;
  }

 private:
  static Tensor by_base(const Tensor& base, const Tensor& exponent) {
    const Tensor zero = zeros_like(exponent);
    return where(equal(exponent, zero), zero, exponent * pow(base, exponent - 1));
  }
  static Tensor by_exponent(const Tensor& base, const Tensor& exponent, const Tensor& output) {
    const Tensor zero = zeros_like(base);
    return where(mul(equal(base, zero), less_equal(zero, exponent)), zero, output * log(base));
  }
};
}  // namespace
Tensor pow(const Tensor& base, const Tensor& exponent) {
  if (!is_floating(base.dtype())) fail("pow: needs f32 or f64, got {}", name_of(base.dtype()));
  return binary<Pow>(base, exponent);
}
Tensor pow(const Tensor& base, double exponent) {
  if (exponent == 1) return base;
  if (exponent == 2) return square(base);
  if (exponent == 3) return square(base) * base;
  if (exponent == 0.5) return sqrt(base);
  if (exponent == -1) return reciprocal(base);
  if (exponent == -0.5) return rsqrt(base);
  return pow(base, full_like(base, exponent));
}

namespace {
/// The larger or the smaller of two: the derivative goes to the one that is chosen, half to each where they are equal.
template <class P>
struct Choice : Primitive {
  Kind kind() const final { return Kind::elementwise; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const final {
    return cotangent * share(inputs[argument], inputs[1 - argument]);
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const final {
    return combine(inputs[0], inputs[1], tangents[0], tangents[1]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const final {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      y.push_back(combine(inputs[0][0], inputs[1][0], series::at(inputs[0], k), series::at(inputs[1], k)));
    }
    return y;
  }

 private:
  /// 1 where `mine` is chosen, 1/2 where both are equal, else 0.
  static Tensor share(const Tensor& mine, const Tensor& other) {
    return (P::before(other, mine) + P::before_or_equal(other, mine)) * 0.5;
  }
  static Tensor combine(const Tensor& a, const Tensor& b, const Tensor& da, const Tensor& db) {
    return series::plus(da.defined() ? da * share(a, b) : da, db.defined() ? db * share(b, a) : db);
  }
};

struct Maximum final : Choice<Maximum> {
  std::string_view name() const override { return "maximum"; }
  TileOp tile_op() const override { return TileOp::maximum; }
  static Tensor before(const Tensor& a, const Tensor& b) { return less(a, b); }
  static Tensor before_or_equal(const Tensor& a, const Tensor& b) { return less_equal(a, b); }
};
}  // namespace
Tensor maximum(const Tensor& a, const Tensor& b) { return binary<Maximum>(a, b); }

namespace {
struct Minimum final : Choice<Minimum> {
  std::string_view name() const override { return "minimum"; }
  TileOp tile_op() const override { return TileOp::minimum; }
  static Tensor before(const Tensor& a, const Tensor& b) { return less(b, a); }
  static Tensor before_or_equal(const Tensor& a, const Tensor& b) { return less_equal(b, a); }
};
}  // namespace
Tensor minimum(const Tensor& a, const Tensor& b) { return binary<Minimum>(a, b); }

namespace {
struct Equal final : StepFunction {
  std::string_view name() const override { return "equal"; }
  TileOp tile_op() const override { return TileOp::equal; }
};
}  // namespace
Tensor equal(const Tensor& a, const Tensor& b) { return binary<Equal>(a, b); }

namespace {
struct NotEqual final : StepFunction {
  std::string_view name() const override { return "not_equal"; }
  TileOp tile_op() const override { return TileOp::not_equal; }
};
}  // namespace
Tensor not_equal(const Tensor& a, const Tensor& b) { return binary<NotEqual>(a, b); }

namespace {
struct Less final : StepFunction {
  std::string_view name() const override { return "less"; }
  TileOp tile_op() const override { return TileOp::less; }
};
}  // namespace
Tensor less(const Tensor& a, const Tensor& b) { return binary<Less>(a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return binary<Less>(b, a); }

namespace {
struct LessEqual final : StepFunction {
  std::string_view name() const override { return "less_equal"; }
  TileOp tile_op() const override { return TileOp::less_equal; }
};
}  // namespace
Tensor less_equal(const Tensor& a, const Tensor& b) { return binary<LessEqual>(a, b); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return binary<LessEqual>(b, a); }

namespace {
struct Where final : Primitive {
  std::string_view name() const override { return "where"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::where; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    if (argument == 0) return {};
    const Tensor zero = zeros_like(cotangent);
    return argument == 1 ? where(inputs[0], cotangent, zero) : where(inputs[0], zero, cotangent);
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    return choose(inputs[0], tangents[1], tangents[2]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      y.push_back(choose(inputs[0][0], series::at(inputs[1], k), series::at(inputs[2], k)));
    }
    return y;
  }

 private:
  static Tensor choose(const Tensor& condition, const Tensor& a, const Tensor& b) {
    if (!a.defined() && !b.defined()) return {};
    return where(condition, a.defined() ? a : zeros_like(b), b.defined() ? b : zeros_like(a));
  }
};
}  // namespace
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) fail("where: dtypes differ: {} and {}", name_of(a.dtype()), name_of(b.dtype()));
  const Shape shape = broadcast_shapes("where", broadcast_shapes("where", a.shape(), b.shape()), condition.shape());
  return make_node(instance<Where>(),
                   {cast(broadcast_to(condition, shape), a.dtype()), broadcast_to(a, shape), broadcast_to(b, shape)},
                   shape, a.dtype());
}

Tensor operator-(const Tensor& x) { return neg(x); }
Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor operator+(const Tensor& a, double b) { return add(a, full_like(a, b)); }
Tensor operator-(const Tensor& a, double b) { return add(a, full_like(a, -b)); }
Tensor operator*(const Tensor& a, double b) { return mul(a, full_like(a, b)); }
Tensor operator/(const Tensor& a, double b) { return div(a, full_like(a, b)); }
Tensor operator+(double a, const Tensor& b) { return add(full_like(b, a), b); }
Tensor operator-(double a, const Tensor& b) { return sub(full_like(b, a), b); }
Tensor operator*(double a, const Tensor& b) { return mul(full_like(b, a), b); }
Tensor operator/(double a, const Tensor& b) { return a == 1 ? reciprocal(b) : div(full_like(b, a), b); }

}  // namespace sg

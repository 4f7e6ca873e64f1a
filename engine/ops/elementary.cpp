// More elementary functions: trigonometric, hyperbolic, to other bases; rounding; sums of exponentials.
#include <cmath>
#include <limits>
#include <numbers>

#include "engine/ops/elementwise.h"

namespace sg {

using kernels::TileOp;

namespace {
struct Tan final : Unary {
  std::string_view name() const override { return "tan"; }
  TileOp tile_op() const override { return TileOp::tan; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return square(y) + 1; }
};
}  // namespace
Tensor tan(const Tensor& x) { return unary<Tan>(x); }

namespace {
struct Asin final : Unary {
  std::string_view name() const override { return "asin"; }
  TileOp tile_op() const override { return TileOp::asin; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return rsqrt((1 - x) * (1 + x)); }
};
}  // namespace
Tensor asin(const Tensor& x) { return unary<Asin>(x); }

namespace {
struct Acos final : Unary {
  std::string_view name() const override { return "acos"; }
  TileOp tile_op() const override { return TileOp::acos; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return -rsqrt((1 - x) * (1 + x)); }
};
}  // namespace
Tensor acos(const Tensor& x) { return unary<Acos>(x); }

namespace {
struct Sinh final : Unary {
  std::string_view name() const override { return "sinh"; }
  TileOp tile_op() const override { return TileOp::sinh; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return cosh(x); }
};
}  // namespace
Tensor sinh(const Tensor& x) { return unary<Sinh>(x); }

namespace {
struct Cosh final : Unary {
  std::string_view name() const override { return "cosh"; }
  TileOp tile_op() const override { return TileOp::cosh; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return sinh(x); }
};
}  // namespace
Tensor cosh(const Tensor& x) { return unary<Cosh>(x); }

namespace {
struct Asinh final : Unary {
  std::string_view name() const override { return "asinh"; }
  TileOp tile_op() const override { return TileOp::asinh; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return known_finite(rsqrt(square(x) + 1)); }
};
}  // namespace
Tensor asinh(const Tensor& x) { return unary<Asinh>(x); }

namespace {
struct Acosh final : Unary {
  std::string_view name() const override { return "acosh"; }
  TileOp tile_op() const override { return TileOp::acosh; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return rsqrt((x - 1) * (x + 1)); }
};
}  // namespace
Tensor acosh(const Tensor& x) { return unary<Acosh>(x); }

namespace {
struct Atanh final : Unary {
  std::string_view name() const override { return "atanh"; }
  TileOp tile_op() const override { return TileOp::atanh; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return reciprocal((1 - x) * (1 + x)); }
};
}  // namespace
Tensor atanh(const Tensor& x) { return unary<Atanh>(x); }

namespace {
struct Exp2 final : Unary {
  std::string_view name() const override { return "exp2"; }
  TileOp tile_op() const override { return TileOp::exp2; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return y * std::numbers::ln2; }
};
}  // namespace
Tensor exp2(const Tensor& x) { return unary<Exp2>(x); }

namespace {
struct Log2 final : Unary {
  std::string_view name() const override { return "log2"; }
  TileOp tile_op() const override { return TileOp::log2; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return reciprocal(x) * std::numbers::log2e; }
};
}  // namespace
Tensor log2(const Tensor& x) { return unary<Log2>(x); }

namespace {
struct Log10 final : Unary {
  std::string_view name() const override { return "log10"; }
  TileOp tile_op() const override { return TileOp::log10; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return reciprocal(x) * std::numbers::log10e; }
};
}  // namespace
Tensor log10(const Tensor& x) { return unary<Log10>(x); }

namespace {
struct Atan2 final : Primitive {
  std::string_view name() const override { return "atan2"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::atan2; }
  bool guarded() const override { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return chain(cotangent, slope(inputs[0], inputs[1], argument));
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    Tensor result;
    for (std::size_t i = 0; i < 2; ++i) {
      if (tangents[i].defined()) {
        result = series::plus(result, chain(tangents[i], slope(inputs[0], inputs[1], i)));
      }
    }
    return result;
  }

 private:
  /// x / (x^2 + y^2) by y, -y / (x^2 + y^2) by x; 0 at the origin, where there is none.
  static Tensor slope(const Tensor& y, const Tensor& x, std::size_t argument) {
    return chain(argument == 0 ? x : -y, reciprocal(square(x) + square(y)));
  }
};
}  // namespace
Tensor atan2(const Tensor& y, const Tensor& x) {
  if (!is_floating(y.dtype())) fail("atan2: needs f32 or f64, got {}", name_of(y.dtype()));
  return binary<Atan2>(y, x);
}

// Steps are made of floor: their derivative is 0 as well.
Tensor ceil(const Tensor& x) {
  need_floating("ceil", x);
  return -floor(-x);
}
Tensor trunc(const Tensor& x) {
  need_floating("trunc", x);
  return where(less(x, 0), ceil(x), floor(x));
}
Tensor round(const Tensor& x) {
  need_floating("round", x);
  const Tensor low = floor(x), rest = stop_gradient(x) - low;
  const Tensor even = floor((low + 1) * 0.5) * 2;
  return where(less(rest, 0.5), low, where(equal(rest, 0.5), even, where(equal(low, x), low, low + 1)));
}
Tensor remainder(const Tensor& a, const Tensor& b) {
  need_floating("remainder", a);
  if (a.dtype() != b.dtype()) fail("remainder: dtypes differ: {} and {}", name_of(a.dtype()), name_of(b.dtype()));
  // The quotient is rounded, and may have been rounded up to a whole number.
  const Tensor rest = a - floor(a / b) * b, wrong_sign = less(rest * b, 0), inside = less(abs(a), abs(b));
  const Tensor of_small = where(less(a * b, 0), a + b, a);  // also beside an infinite b
  return where(inside, of_small, where(wrong_sign, rest + b, rest));
}

Tensor logaddexp(const Tensor& a, const Tensor& b) {
  need_floating("logaddexp", a);
  if (a.dtype() != b.dtype()) fail("logaddexp: dtypes differ: {} and {}", name_of(a.dtype()), name_of(b.dtype()));
  // Both branches are the whole function, so that ties have their derivatives too; between two equal infinities there
  // is no difference to speak of.
  const Tensor difference = a - b, same_infinity = mul(equal(a, b), not_equal(difference, difference));
  return where(same_infinity, a, where(less(a, b), b + softplus(difference), a + softplus(-difference)));
}

Tensor isnan(const Tensor& x) { return not_equal(x, x); }
Tensor isinf(const Tensor& x) {
  return is_floating(x.dtype()) ? equal(abs(x), std::numeric_limits<double>::infinity()) : not_equal(x, x);
}
Tensor isfinite(const Tensor& x) {
  return is_floating(x.dtype()) ? less(abs(x), std::numeric_limits<double>::infinity()) : equal(x, x);
}
Tensor logical_not(const Tensor& x) { return equal(x, 0); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return mul(not_equal(a, 0), not_equal(b, 0)); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return maximum(not_equal(a, 0), not_equal(b, 0)); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return not_equal(not_equal(a, 0), not_equal(b, 0)); }

}  // namespace sg

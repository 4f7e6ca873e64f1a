// The elementwise primitives of one input.
#include <cmath>
#include <numbers>

#include "engine/ops/elementwise.h"

namespace sg {

using kernels::TileOp;

namespace {
struct Neg final : Primitive {
  std::string_view name() const override { return "neg"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::neg; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t) const override { return -cotangent; }
  Linearity linearity() const override { return Linearity::linear; }
};
}  // namespace
Tensor neg(const Tensor& x) {
  if (const auto value = literal_value(x)) return literal_like(x, -*value);
  return make_node(instance<Neg>(), {x}, x.shape(), x.dtype());
}

namespace {
struct Abs final : Unary {
  std::string_view name() const override { return "abs"; }
  TileOp tile_op() const override { return TileOp::abs; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return sign(x); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y = series::multiply(inputs[0], {sign(inputs[0][0])}, order);
    y[0] = output;
    return y;
  }
};
}  // namespace
Tensor abs(const Tensor& x) {
  if (!is_floating(x.dtype())) return maximum(x, neg(x));
  return unary<Abs>(x);
}

namespace {
struct Sign final : PiecewiseConstant {
  std::string_view name() const override { return "sign"; }
  TileOp tile_op() const override { return TileOp::sign; }
};
}  // namespace
Tensor sign(const Tensor& x) { return make_node(instance<Sign>(), {x}, x.shape(), x.dtype()); }

namespace {
struct Floor final : PiecewiseConstant {
  std::string_view name() const override { return "floor"; }
  TileOp tile_op() const override { return TileOp::floor; }
};
}  // namespace
Tensor floor(const Tensor& x) { return unary<Floor>(x); }

namespace {
struct Square final : Unary {
  std::string_view name() const override { return "square"; }
  TileOp tile_op() const override { return TileOp::square; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return x * 2; }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) y.push_back(series::square(inputs[0], k));
    return y;
  }
};
}  // namespace
Tensor square(const Tensor& x) { return is_floating(x.dtype()) ? unary<Square>(x) : x * x; }

/// The series of x to a fixed power, from x y' = power y x'; x[0] must not be 0.
static Series power_jet(const Series& x, const Tensor& output, double power, int order) {
  const Tensor inverse = reciprocal(x[0]);
  Series y{output};
  for (int k = 1; k <= order; ++k) {
    Tensor sum;
    for (int j = 1; j <= k; ++j) {
      if (!series::at(x, j).defined() || !y[k - j].defined()) continue;
      sum = series::plus(sum, series::scale(chain(x[j], y[k - j]), (power * j - (k - j)) / k));
    }
    y.push_back(sum.defined() ? chain(sum, inverse) : sum);
  }
  return y;
}

namespace {
struct Sqrt final : Unary {
  std::string_view name() const override { return "sqrt"; }
  TileOp tile_op() const override { return TileOp::sqrt; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return 0.5 / y; }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    // From y y = x; also at 0, where the slope is infinite.
    const Tensor slope = 0.5 / output;
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      Tensor rest = series::at(inputs[0], k);
      for (int j = 1; j < k; ++j) {
        if (!y[j].defined() || !y[k - j].defined()) continue;
        rest = series::plus(rest, -chain(y[j], y[k - j]));
      }
      y.push_back(rest.defined() ? chain(rest, slope) : rest);
    }
    return y;
  }
};
}  // namespace
Tensor sqrt(const Tensor& x) { return unary<Sqrt>(x); }

namespace {
struct Rsqrt final : Unary {
  std::string_view name() const override { return "rsqrt"; }
  TileOp tile_op() const override { return TileOp::rsqrt; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return y * square(y) * -0.5; }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    return power_jet(inputs[0], output, -0.5, order);
  }
};
}  // namespace
Tensor rsqrt(const Tensor& x) { return unary<Rsqrt>(x); }

namespace {
struct Reciprocal final : Unary {
  std::string_view name() const override { return "reciprocal"; }
  TileOp tile_op() const override { return TileOp::reciprocal; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return -square(y); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    return power_jet(inputs[0], output, -1, order);
  }
};
}  // namespace
Tensor reciprocal(const Tensor& x) { return unary<Reciprocal>(x); }

namespace {
struct Exp final : Unary {
  std::string_view name() const override { return "exp"; }
  TileOp tile_op() const override { return TileOp::exp; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return y; }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) y.push_back(series::integrate(inputs[0], y, k));
    return y;
  }
};
}  // namespace
Tensor exp(const Tensor& x) { return unary<Exp>(x); }

namespace {
struct Expm1 final : Unary {
  std::string_view name() const override { return "expm1"; }
  TileOp tile_op() const override { return TileOp::expm1; }
  bool guarded() const override { return true; }
  // Not y + 1, which far to the left is 0 or nearly so in few digits.
  Tensor derivative(const Tensor& x, const Tensor&) const override { return exp(x); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y = series::of(exp(inputs[0][0]), inputs[0], order);
    y[0] = output;
    return y;
  }
};
}  // namespace
Tensor expm1(const Tensor& x) { return unary<Expm1>(x); }

namespace {
struct Log final : Unary {
  std::string_view name() const override { return "log"; }
  TileOp tile_op() const override { return TileOp::log; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return reciprocal(x); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    const Series& x = inputs[0];
    return series::integrate(x, series::of(reciprocal(x[0]), x, order), output, order);
  }
};
}  // namespace
Tensor log(const Tensor& x) { return unary<Log>(x); }

namespace {
struct Log1p final : Unary {
  std::string_view name() const override { return "log1p"; }
  TileOp tile_op() const override { return TileOp::log1p; }
  bool guarded() const override { return true; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return reciprocal(x + 1); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series shifted = inputs[0];
    shifted[0] = shifted[0] + 1;
    return series::integrate(inputs[0], series::of(reciprocal(shifted[0]), shifted, order), output, order);
  }
};
}  // namespace
Tensor log1p(const Tensor& x) { return unary<Log1p>(x); }

/// Sine and cosine are each other's derivative, so their series grow together.
static std::pair<Series, Series> sine_cosine_jet(const Series& x, const Tensor& sine, const Tensor& cosine, int order) {
  Series s{sine}, c{cosine};
  for (int k = 1; k <= order; ++k) {
    const Tensor next = series::integrate(x, c, k);
    c.push_back(series::scale(series::integrate(x, s, k), -1));
    s.push_back(next);
  }
  return {s, c};
}

namespace {
struct Sin final : Unary {
  std::string_view name() const override { return "sin"; }
  TileOp tile_op() const override { return TileOp::sin; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return cos(x); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    return sine_cosine_jet(inputs[0], output, cos(inputs[0][0]), order).first;
  }
};
}  // namespace
Tensor sin(const Tensor& x) { return unary<Sin>(x); }

namespace {
struct Cos final : Unary {
  std::string_view name() const override { return "cos"; }
  TileOp tile_op() const override { return TileOp::cos; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return -sin(x); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    return sine_cosine_jet(inputs[0], sin(inputs[0][0]), output, order).second;
  }
};
}  // namespace
Tensor cos(const Tensor& x) { return unary<Cos>(x); }

namespace {
struct Tanh final : Unary {
  std::string_view name() const override { return "tanh"; }
  TileOp tile_op() const override { return TileOp::tanh; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return 1 - square(y); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output}, slope{derivative(inputs[0][0], output)};
    for (int k = 1; k <= order; ++k) {
      y.push_back(series::integrate(inputs[0], slope, k));
      if (k < order) slope.push_back(series::scale(series::square(y, k), -1));
    }
    return y;
  }
};
}  // namespace
Tensor tanh(const Tensor& x) { return unary<Tanh>(x); }

namespace {
struct Sigmoid final : Unary {
  std::string_view name() const override { return "sigmoid"; }
  TileOp tile_op() const override { return TileOp::sigmoid; }
  Tensor derivative(const Tensor&, const Tensor& y) const override { return y * (1 - y); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output}, slope{derivative(inputs[0][0], output)};
    for (int k = 1; k <= order; ++k) {
      y.push_back(series::integrate(inputs[0], slope, k));
      if (k < order) slope.push_back(series::plus(y[k], series::scale(series::square(y, k), -1)));
    }
    return y;
  }
};
}  // namespace
Tensor sigmoid(const Tensor& x) { return unary<Sigmoid>(x); }

namespace {
struct Softplus final : Unary {
  std::string_view name() const override { return "softplus"; }
  TileOp tile_op() const override { return TileOp::softplus; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return sigmoid(x); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    const Series& x = inputs[0];
    return series::integrate(x, series::of(sigmoid(x[0]), x, order), output, order);
  }
};
}  // namespace
Tensor softplus(const Tensor& x) { return unary<Softplus>(x); }

namespace {
struct Erf final : Unary {
  std::string_view name() const override { return "erf"; }
  TileOp tile_op() const override { return TileOp::erf; }
  Tensor derivative(const Tensor& x, const Tensor&) const override {
    return known_finite(exp(-square(x))) * (2 * std::numbers::inv_sqrtpi);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    const Series& x = inputs[0];
    Series exponent;
    for (int k = 0; k <= order; ++k) exponent.push_back(series::scale(series::square(x, k), -1));
    Series slope = series::of(exp(exponent[0]), exponent, order);
    for (Tensor& term : slope) term = series::scale(term, 2 * std::numbers::inv_sqrtpi);
    return series::integrate(x, slope, output, order);
  }
};
}  // namespace
Tensor erf(const Tensor& x) { return unary<Erf>(x); }

namespace {
struct Atan final : Unary {
  std::string_view name() const override { return "atan"; }
  TileOp tile_op() const override { return TileOp::atan; }
  Tensor derivative(const Tensor& x, const Tensor&) const override { return known_finite(reciprocal(1 + square(x))); }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    const Series& x = inputs[0];
    Series divisor{1 + square(x[0])};
    for (int k = 1; k <= order; ++k) divisor.push_back(series::square(x, k));
    return series::integrate(x, power_jet(divisor, derivative(x[0], output), -1, order), output, order);
  }
};
}  // namespace
Tensor atan(const Tensor& x) { return unary<Atan>(x); }

namespace {
struct Cast final : Primitive {
  std::string_view name() const override { return "cast"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::copy; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent, std::size_t) const override {
    return smooth(inputs, output) ? cast(cotangent, inputs[0].dtype()) : Tensor();
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    return smooth(inputs, output) ? cast(tangents[0], output.dtype()) : Tensor();
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order && smooth({inputs[0][0]}, output); ++k) {
      const Tensor x = series::at(inputs[0], k);
      y.push_back(x.defined() ? cast(x, output.dtype()) : x);
    }
    return y;
  }

 private:
  static bool smooth(const Tensors& inputs, const Tensor& output) {
    return is_floating(inputs[0].dtype()) && is_floating(output.dtype());
  }
};
}  // namespace
Tensor cast(const Tensor& x, Dtype dtype) {
  if (x.dtype() == dtype) return x;
  if (const auto value = literal_value(x); value && (dtype != i64 || std::abs(*value) < 0x1p53)) {
    return literal(x.shape(), dtype == i64 ? std::trunc(*value) : *value, dtype);
  }
  return make_node(instance<Cast>(), {x}, x.shape(), dtype);
}

namespace {
struct StopGradient final : Primitive {
  std::string_view name() const override { return "stop_gradient"; }
  bool stops_derivatives() const override { return true; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::copy; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
};
}  // namespace
Tensor stop_gradient(const Tensor& x) { return make_node(instance<StopGradient>(), {x}, x.shape(), x.dtype()); }

}  // namespace sg

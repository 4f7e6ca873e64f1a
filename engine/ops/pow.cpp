// Powers.
#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"

namespace sg {

using kernels::TileOp;

namespace {

/// p - 1, where a literal stays one.
Tensor one_less(const Tensor& p) {
  const auto value = literal_value(p);
  return value ? literal_like(p, *value - 1) : p - 1;
}

/// The power as a new node, simpler where the exponent is a literal.
Tensor power(const Tensor& base, const Tensor& exponent) {
  const auto value = literal_value(exponent);
  return value ? pow(base, *value) : pow(base, exponent);
}

/// The derivative by the base is p x^(p-1), a product in which p = 0 annihilates the infinite power at x = 0; that by
/// the exponent is x^p log(x), in which x^p = 0 does. So each is right wherever it exists, and so are theirs: at
/// integer exponents, at x = 0, for negative bases. At x = p = 0 no derivative by p exists; it is given as 0, as in
/// PyTorch.
struct Pow final : Primitive {
  std::string_view name() const override { return "pow"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::pow; }
  bool guarded() const override { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
             std::size_t argument) const override {
    return chain(cotangent, argument == 0 ? by_base(inputs[0], inputs[1]) : by_exponent(inputs[0], inputs[1], output));
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const override {
    Tensor result;
    if (tangents[0].defined()) result = chain(tangents[0], by_base(inputs[0], inputs[1]));
    if (tangents[1].defined()) {
      result = series::plus(result, chain(tangents[1], by_exponent(inputs[0], inputs[1], output)));
    }
    return result;
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    return jet_of(inputs[0], inputs[1], output, order);
  }

 private:
  static Tensor by_base(const Tensor& base, const Tensor& exponent) {
    if (literal_value(exponent) == 0.0) return literal_like(base, 0);
    return chain(exponent, power(base, one_less(exponent)));
  }
  static Tensor by_exponent(const Tensor& base, const Tensor& exponent, const Tensor& output) {
    const Tensor zero = literal_like(base, 0);
    return where(mul(equal(base, zero), equal(exponent, zero)), zero, chain(output, log(base)));
  }

  /// From y' = p x^(p-1) x' + y log(x) p', where x^(p-1) has a series of its own, of one order less.
  static Series jet_of(const Series& base, const Series& exponent, const Tensor& output, int order) {
    Series y{output};
    if (order == 0 || literal_value(exponent[0]) == 0.0) return y;
    bool exponent_varies = false;
    for (int k = 1; k <= order; ++k) exponent_varies = exponent_varies || series::at(exponent, k).defined();

    Series lower = exponent;
    lower[0] = one_less(exponent[0]);
    const Series along_base =
        series::multiply(exponent, jet_of(base, lower, power(base[0], lower[0]), order - 1), order - 1);
    Series logarithm;
    if (exponent_varies) logarithm = series::of(log(base[0]), base, order - 1);
    Series along_exponent;
    for (int k = 1; k <= order; ++k) {
      Tensor term = series::integrate(base, along_base, k);
      if (exponent_varies) {
        along_exponent.push_back(k == 1 ? by_exponent(base[0], exponent[0], output)
                                        : series::product(y, logarithm, k - 1));
        term = series::plus(term, series::integrate(exponent, along_exponent, k));
      }
      y.push_back(term);
    }
    return y;
  }
};
}  // namespace
/// A whole power of integers, by squaring.
static Tensor integer_power(const Tensor& base, std::int64_t exponent) {
  if (exponent < 0) fail("pow: a power of i64 needs an exponent of at least 0, got {}", exponent);
  Tensor result, square_of = base;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2) result = result.defined() ? mul(result, square_of) : square_of;
    if (exponent > 1) square_of = mul(square_of, square_of);
  }
  return result.defined() ? result : ones_like(base);
}
namespace {
/// Whole powers of integers, modulo 2^64.
struct IntegerPow final : Primitive {
  std::string_view name() const override { return "integer_pow"; }
  bool may_fail() const override { return true; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto *base = inputs[0].as<const std::int64_t>(), *exponent = inputs[1].as<const std::int64_t>();
    auto* result = output.as<std::int64_t>();
    constexpr std::int64_t piece = 1 << 14;
    const std::int64_t count = element_count(*output.shape);
    kernels::parallel_for((count + piece - 1) / piece, [&](std::int64_t task) {
      for (std::int64_t i = task * piece; i < std::min(count, (task + 1) * piece); ++i) {
        if (exponent[i] < 0) fail("pow: a power of i64 needs an exponent of at least 0, got {}", exponent[i]);
        std::uint64_t power = 1, square_of = static_cast<std::uint64_t>(base[i]);
        for (auto rest = static_cast<std::uint64_t>(exponent[i]); rest > 0; rest /= 2, square_of *= square_of) {
          if (rest % 2) power *= square_of;
        }
        result[i] = static_cast<std::int64_t>(power);
      }
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor& output,
               std::int64_t n) const override {
    Shape shape = output.shape();
    shape.insert(shape.begin(), n);
    return make_node(output.node()->primitive(),
                     {with_batch(inputs[0], mapped[0], n), with_batch(inputs[1], mapped[1], n)}, shape, i64);
  }
};
}  // namespace
Tensor pow(const Tensor& base, const Tensor& exponent) {
  if (base.dtype() == i64 && exponent.dtype() == i64) return binary<IntegerPow>(base, exponent);
  if (!is_floating(base.dtype()))
    fail("pow: dtypes differ: {} and {}", name_of(base.dtype()), name_of(exponent.dtype()));
  return binary<Pow>(base, exponent);
}
Tensor pow(const Tensor& base, Number number) {
  if (base.dtype() == i64) return integer_power(base, number.integer("pow"));
  const double exponent = number.value();
  if (exponent == 1) return base;
  if (exponent == 2) return square(base);
  if (exponent == 3) return square(base) * base;
  if (exponent == 0.5) return sqrt(base);
  if (exponent == -1) return reciprocal(base);
  if (exponent == -0.5) return rsqrt(base);
  return pow(base, literal_like(base, exponent, "pow"));
}
Tensor pow(Number base, const Tensor& exponent) { return pow(literal_like(exponent, base, "pow"), exponent); }

}  // namespace sg

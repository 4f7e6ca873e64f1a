// Exponentials and logarithms on vectors of f32 and f64, and what is made of them: sigmoid, tanh, softplus, erf. The
// polynomials are minimax fits (Remez) on the reduced range, for the relative error of the function; where lookups are
// fast, tables of make_function_tables.py take their place.
#pragma once

#include "engine/kernels/function_tables.h"
#include "engine/kernels/isa/sleef_math.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {

template <class V>
inline constexpr bool kSingle = sizeof(ElementOf<V>) == 4;

/// c[0] + c[1] x + ... by Horner's rule.
template <class V, int Count>
inline V polynomial(V x, const ElementOf<V> (&c)[Count]) {
  V sum = splat<V>(c[Count - 1]);
  for (int i = Count - 2; i >= 0; --i) sum = multiply_add(sum, x, splat<V>(c[i]));
  return sum;
}

/// The same for six coefficients, whose sums of two are added side by side: half the way from the first product to the
/// last, of which a processor can look ahead only so far.
template <class V>
inline V polynomial_by_pairs(V x, V square, const ElementOf<V> (&c)[6]) {
  const auto pair = [&](int i) { return multiply_add(splat<V>(c[i + 1]), x, splat<V>(c[i])); };
  return multiply_add(multiply_add(pair(4), square, pair(2)), square, pair(0));
}

/// The function of a table of function_tables.h, for 0 <= x within its range; NaN of NaN. tanh by it is
/// within 1.01 ulp, and spares a division, which takes longer than all of this on most processors.
template <class V, int Count>
inline V by_table(V x, const float (&centres)[Count], const float (&coefficients)[6][Count]) {
  using I = MaskOf<V>;
  // Four intervals for each power of two, so the exponent and two bits of the mantissa count them, from 1/16 on. The
  // one more that is taken away leaves the end of the last interval within it.
  const I interval = ((I)x - (I)splat<V>(0.0625f) - 1) >> 21;
  const I index = interval < 0 ? I{} : interval;
  const auto coefficient = [&](int i) { return look_up(coefficients[i], index); };
  const V t = x - look_up(centres, index);
  // The end of Horner's rule alone: the longer sums before it are added side by side.
  const V rest = multiply_add(multiply_add(coefficient(5), t, coefficient(4)), t * t,
                              multiply_add(coefficient(3), t, coefficient(2)));
  return multiply_add(multiply_add(rest, t, coefficient(1)), t, coefficient(0));
}

template <class T>
struct Constants;
template <>
struct Constants<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr float kRounder = 0x1.8p23f;  // a sum with it has the nearest integer in its last bits
  static constexpr float kLog2E = 0x1.715476p+0f;
  // ln 2 in two parts; without a fused multiply-add the first is short, so that its products with exponents are exact.
  static constexpr float kLn2High = kHasFma ? 0x1.62e43p-1f : 0x1.62e4p-1f;
  static constexpr float kLn2Low = kHasFma ? -0x1.05c61p-29f : 0x1.7f7d1cp-20f;
  static constexpr float kLowestNormal = 0x1p-126f;
  // Beyond these exp overflows, has a subnormal result, and is 0.
  static constexpr float kExpHighest = 89.0f, kExpNormal = -87.0f, kExpLowest = -105.0f;
};
template <>
struct Constants<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kLog2E = 0x1.71547652b82fep+0;
  static constexpr double kLn2High = kHasFma ? 0x1.62e42fefa39efp-1 : 0x1.62e42fef8p-1;
  static constexpr double kLn2Low = kHasFma ? 0x1.abc9e3b39803fp-56 : 0x1.1cf79abc9e3b4p-36;
  static constexpr double kLowestNormal = 0x1p-1022;
  static constexpr double kExpHighest = 710.0, kExpNormal = -708.0, kExpLowest = -746.0;
};

/// x = n ln 2 + r with |r| <= (ln 2) / 2.
template <class V>
struct ExponentSplit {
  V r;
  BitsOf<V> n;  // with the bits of kRounder above it, which shifts to the exponent's place push out

  using C = Constants<ElementOf<V>>;
  explicit ExponentSplit(V x) {
    const V sum = multiply_add(x, splat<V>(C::kLog2E), splat<V>(C::kRounder));
    const V whole = sum - splat<V>(C::kRounder);
    r = multiply_add(whole, splat<V>(-C::kLn2High), x);
    r = multiply_add(whole, splat<V>(-C::kLn2Low), r);
    n = (BitsOf<V>)sum;
  }
  /// 2^n, for n within the range of exponents.
  V scale() const { return (V)((n << C::kMantissaBits) + (BitsOf<V>)splat<V>(1)); }
};

/// q in exp(r) = 1 + r + r^2 q, for the relative error of exp(r).
template <class V>
inline V exponential_tail(V r) {
  if constexpr (kSingle<V>) {
    return polynomial_by_pairs(
        r, r * r, {0x1p-1f, 0x1.555554p-3f, 0x1.55548cp-5f, 0x1.111274p-7f, 0x1.6d8e6ep-10f, 0x1.9f0794p-13f});
  } else {
    return polynomial(r, {0x1.0000000000000p-1, 0x1.555555555555bp-3, 0x1.5555555555501p-5, 0x1.111111110ebcep-7,
                          0x1.6c16c16c30adap-10, 0x1.a01a01b3b7075p-13, 0x1.a01a013555e44p-16, 0x1.71ddef901c563p-19,
                          0x1.27e5b5b7405f2p-22, 0x1.af6ce87d1f3fep-26, 0x1.1e3c75096efe1p-29});
  }
}
/// The same for the relative error of exp(r) - 1.
template <class V>
inline V exponential_minus_1_tail(V r) {
  if constexpr (kSingle<V>) {
    return polynomial_by_pairs(
        r, r * r, {0x1p-1f, 0x1.555554p-3f, 0x1.5554b0p-5f, 0x1.11118ap-7f, 0x1.6d7348p-10f, 0x1.a032f4p-13f});
  } else {
    return polynomial(r, {0x1.0000000000000p-1, 0x1.5555555555559p-3, 0x1.555555555553ep-5, 0x1.111111110f673p-7,
                          0x1.6c16c16c1f282p-10, 0x1.a01a01b001f70p-13, 0x1.a01a017b5ae9dp-16, 0x1.71ddf7fe4a9e3p-19,
                          0x1.27e536a0a0775p-22, 0x1.af5f68a6708c4p-26, 0x1.1ee8808ff4f5fp-29});
  }
}

/// exp(x) where neither the result nor 2^n leaves the normal numbers.
template <class V>
inline V exponential_normal(V x) {
  const ExponentSplit<V> split(x);
  const V sum = multiply_add(split.r * split.r, exponential_tail(split.r), split.r) + splat<V>(1);
  return sum * split.scale();
}

/// exp(x) anywhere: the power of two is applied in two steps, of which the second may overflow or round to a subnormal.
template <class V>
inline V exponential_anywhere(V x) {
  using C = Constants<ElementOf<V>>;
  using U = BitsOf<V>;
  x = at_least(at_most(x, C::kExpHighest), C::kExpLowest);
  const ExponentSplit<V> split(x);
  const V sum = multiply_add(split.r * split.r, exponential_tail(split.r), split.r) + splat<V>(1);
  const U one = (U)splat<V>(1);
  const U n = split.n - (U)splat<V>(C::kRounder), half = (U)((MaskOf<V>)n >> 1);
  const V first = (V)((half << C::kMantissaBits) + one), second = (V)(((n - half) << C::kMantissaBits) + one);
  return sum * first * second;
}

template <class V>
inline V exponential(V x) {
  using C = Constants<ElementOf<V>>;
  if (!all_below(absolute(x), -C::kExpNormal)) [[unlikely]]
    return exponential_anywhere(x);
  return exponential_normal(x);
}

/// exp(-|x|): one bound to look at.
template <class V>
inline V exponential_of_minus_magnitude(V x) {
  using C = Constants<ElementOf<V>>;
  const V magnitude = absolute(x);
  if (!all_below(magnitude, -C::kExpNormal)) [[unlikely]]
    return exponential_anywhere(-magnitude);
  return exponential_normal(-magnitude);
}

/// The logistic function, with e = exp(-|x|).
template <class V>
inline V sigmoid(V x, V e) {
  const V one = splat<V>(1), divisor = one + e;
  const V quotient = select<V>(x < 0, e, one) / divisor;
  // Takes the rounding error of 1 + e out; 1 / divisor = sigmoid(|x|).
  const V divisor_low = (one - divisor) + e, inverse = select<V>(x < 0, one - quotient, quotient);
  return multiply_add(-quotient, divisor_low * inverse, quotient);
}

template <class V>
inline V exponential_minus_1(V x) {
  if constexpr (kSingle<V>) {
    const ExponentSplit<V> split(at_most(at_least(x, -18), 89));
    const V r = split.r, p = multiply_add(r * r, exponential_minus_1_tail(r), r);
    // Half of 2^n: 2^128 is no number, yet exp(88.5) - 1 is.
    const V half = (V)((split.n << 23) + (BitsOf<V>)splat<V>(0.5f));
    const V result = multiply_add(half, p, half - splat<V>(0.5f)) * splat<V>(2);
    return select<V>(absolute(x) < splat<V>(0x1p-60f), x, result);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(expm1), x);
  }
}

/// Without a table: tanh(a) = -t / (2 + t) with t = exp(-2 a) - 1, for a = |x|.
template <class V>
inline V hyperbolic_tangent(V x) {
  const V one = splat<V>(1), magnitude = absolute(x);
  if constexpr (kLooksUp<V>) {
    const V a = at_most(magnitude, 9.02f);
    return copy_sign(by_table(a, kTanhCentres, kTanhCoefficients), x);
  } else if constexpr (kSingle<V>) {
    const V a = at_most(magnitude, 9.02f);
    const ExponentSplit<V> split(splat<V>(-2) * a);
    const V r = split.r, p = multiply_add(r * r, exponential_minus_1_tail(r), r), scale = split.scale();
    // 2 + t not from t, whose rounding error would count twice.
    const V t = multiply_add(scale, p, scale - one), divisor = multiply_add(scale, p, scale + one);
    return copy_sign(t / divisor, x);
  } else if constexpr (kHasFma) {
    // With the rounding errors of t and of the quotient carried along.
    using C = Constants<double>;
    const V a = at_most(magnitude, 19.1);
    const V exponent = splat<V>(-2) * a;
    const V sum = multiply_add(exponent, splat<V>(C::kLog2E), splat<V>(C::kRounder));
    const V whole = sum - splat<V>(C::kRounder);
    const V partial = multiply_add(whole, splat<V>(-C::kLn2High), exponent);
    const V r = multiply_add(whole, splat<V>(-C::kLn2Low), partial);
    const V r_low = multiply_add(whole, splat<V>(-C::kLn2Low), partial - r);
    const V scale = (V)(((BitsOf<V>)sum << 52) + (BitsOf<V>)one);
    const V square = r * r, tail = exponential_minus_1_tail(r);
    const V p = multiply_add(square, tail, r), p_low = multiply_add(square, tail, r - p) + r_low;
    const V less = scale - one, less_low = scale - (less + one), more = scale + one, more_low = scale - (more - one);
    const V scaled_low = scale * p_low;
    const V t = multiply_add(scale, p, less), t_low = multiply_add(scale, p, less - t) + (scaled_low + less_low);
    const V divisor = multiply_add(scale, p, more);
    const V divisor_low = multiply_add(scale, p, more - divisor) + (scaled_low + more_low);
    const V quotient = t / divisor;
    const V rest = multiply_add(-quotient, divisor, t) + multiply_add(-quotient, divisor_low, t_low);
    // 1 / divisor = (1 + tanh a) / 2.
    return copy_sign(multiply_add(rest, splat<V>(0.5) * (one - quotient), quotient), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(tanh), x);
  }
}

/// ln(2^k (1 + f)), for f in [sqrt(1/2) - 1, sqrt(2) - 1].
inline constexpr std::uint32_t kRootHalfBits = 0x3f3504f3;
template <class V>
inline V logarithm_core(V k, V f) {
  using C = Constants<float>;
  const V p = polynomial(f, {0x1.555554p-2f, -0x1.000228p-2f, 0x1.99a010p-3f, -0x1.5471f6p-3f, 0x1.22d90cp-3f,
                             -0x1.0d8758p-3f, 0x1.056486p-3f, -0x1.38c188p-4f});
  const V tail = multiply_add(f, p, splat<V>(-0.5f));
  const V low = multiply_add(f * f, tail, k * splat<V>(C::kLn2Low));
  return multiply_add(k, splat<V>(C::kLn2High), f + low);
}
/// ln(x) of positive normal numbers.
template <class V>
inline V logarithm_normal(V x, V k_offset) {
  using U = BitsOf<V>;
  const MaskOf<V> k = (MaskOf<V>)((U)x - kRootHalfBits) >> 23;
  const V f = (V)((U)x - ((U)k << 23)) - splat<V>(1);
  return logarithm_core<V>(__builtin_convertvector(k, V) + k_offset, f);
}

template <class V>
inline V logarithm(V x) {
  if constexpr (kSingle<V>) {
    using C = Constants<float>;
    const V infinity = splat<V>(__builtin_inff());
    const MaskOf<V> normal = (x >= splat<V>(C::kLowestNormal)) & (x < infinity);
    if (any(~normal)) [[unlikely]] {
      const MaskOf<V> small = x < splat<V>(C::kLowestNormal);
      V result = logarithm_normal(select<V>(small, x * splat<V>(0x1p23f), x), select<V>(small, splat<V>(-23), V{}));
      result = select<V>(x > 0, result, splat<V>(__builtin_nanf("")));
      result = select<V>(x == 0, -infinity, result);
      return select<V>(x < infinity, result, x);  // infinity and NaN are their own
    }
    return logarithm_normal(x, V{});
  } else {
    return call_lanes<V>(SG_SLEEF_F64(log), x);
  }
}

/// ln(1 + x) for x in (-1, 2^60).
template <class V>
inline V logarithm_1_plus_normal(V x) {
  using U = BitsOf<V>;
  const V one = splat<V>(1);
  const MaskOf<V> k = (MaskOf<V>)((U)(one + x) - kRootHalfBits) >> 23;
  const V scale = (V)((U)one - ((U)k << 23));
  // (1 + x) 2^-k - 1 with one rounding: both x 2^-k and 2^-k - 1 are exact, or x is far too large for a rounding to
  // matter.
  return logarithm_core<V>(__builtin_convertvector(k, V), x * scale + (scale - one));
}

template <class V>
inline V logarithm_1_plus(V x) {
  if constexpr (kSingle<V>) {
    const MaskOf<V> plain = (x > splat<V>(-1)) & (x < splat<V>(0x1p60f)) & (absolute(x) > splat<V>(0x1p-60f));
    if (any(~plain)) [[unlikely]] {
      V result = logarithm_1_plus_normal(select<V>(plain, x, splat<V>(1)));
      const MaskOf<V> outside = x <= splat<V>(-1), large = x >= splat<V>(0x1p60f);
      result = select<V>(outside | large, logarithm(select<V>(large, x, x + splat<V>(1))), result);
      return select<V>((absolute(x) <= splat<V>(0x1p-60f)) | (x != x), x, result);
    }
    return logarithm_1_plus_normal(x);
  } else {
    const V result = call_lanes<V>(SG_SLEEF_F64(log1p), x);
    const MaskOf<V> large = x > splat<V>(0x1p1000);  // where SLEEF's gives infinity
    if (any(large)) [[unlikely]]
      return select<V>(large, logarithm(x), result);
    return result;
  }
}

/// max(x, 0) + ln(1 + e), with e = exp(-|x|).
template <class V>
inline V softplus(V x, V e) {
  V added;
  if constexpr (kLooksUp<V>) {
    added = by_table(e, kLog1pCentres, kLog1pCoefficients);
  } else if constexpr (kSingle<V>) {
    added = logarithm_1_plus_normal(e);
  } else {
    added = logarithm_1_plus(e);
  }
  return at_least(x, 0) + added;
}

template <class V>
inline V error_function(V x) {
  if constexpr (kSingle<V>) {
    const V one = splat<V>(1), a = absolute(x), square = x * x;
    // erf(x) = x + x p(x^2) below 1, 1 - exp(g(x)) with g = ln erfc above.
    const V p = polynomial(square, {0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2cf8p-4f, -0x1.b7f90ep-6f, 0x1.5405b2p-8f,
                                    -0x1.a3f7p-11f, 0x1.496a3p-14f});
    const V near = multiply_add(x, p, x);
    const V t = at_most(a, 3.95f);
    const V g = polynomial(t, {0x1.0bf7b6p-13f, -0x1.2119dp+0f, -0x1.447c24p-1f, -0x1.b9c068p-4f, 0x1.973f4p-6f,
                               -0x1.0b32f6p-8f, 0x1.b49144p-12f, -0x1.4987f8p-16f});
    const V far = copy_sign(one - exponential_normal(g), x);
    return select<V>(a < one, near, far);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(erf), x);
  }
}

}  // namespace sg::kernels::SG_ISA

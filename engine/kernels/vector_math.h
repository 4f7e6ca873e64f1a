// Elementary functions on vectors of f32 and f64, within 2 ulp of the exact value over the whole range, with C's
// results for zeros, infinities and NaN. What is hot has its own code, for any number of lanes; the rest is SLEEF's.
#pragma once

#include "engine/kernels/vector_exponential.h"

namespace sg::kernels::SG_ISA {

/// Calls C's function, in f64, on each lane where the mask is set.
template <class V>
inline V replace_lanes(V result, MaskOf<V> mask, V x, double (*function)(double)) {
  for (int i = 0; i < kLanesOf<V>; ++i) {
    if (mask[i]) result[i] = static_cast<float>(function(static_cast<double>(x[i])));
  }
  return result;
}

/// sin(|x| + quarters pi/2), for |x| up to kQuarterTurnLimit.
inline constexpr float kQuarterTurnLimit = 0x1p15f;
template <class V>
inline V sine_of_magnitude(V x, unsigned quarters) {
  using U = BitsOf<V>;
  const V a = absolute(x), rounder = splat<V>(Constants<float>::kRounder);
  const V sum = multiply_add(a, splat<V>(0x1.45f306p-1f), rounder);
  const V whole = sum - rounder;
  V r = multiply_add(whole, splat<V>(-0x1.921fb6p+0f), a);
  r = multiply_add(whole, splat<V>(0x1.777a5cp-25f), r);
  r = multiply_add(whole, splat<V>(0x1.ee59dap-50f), r);
  const V square = r * r;
  const V s = polynomial(square, {-0x1.555546p-3f, 0x1.110774p-7f, -0x1.9951eap-13f});
  const V c = polynomial(square, {-0x1p-1f, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e80cp-16f});
  const V sine = multiply_add(square * r, s, r), cosine = multiply_add(square, c, splat<V>(1));
  const U n = (U)sum + quarters;
  const V unsigned_result = select<V>((n & 1) != 0, cosine, sine);
  return (V)((U)unsigned_result ^ ((n & 2) << 30));
}

template <class V>
inline V sine(V x) {
  if constexpr (kSingle<V> && kHasFma) {
    using I = MaskOf<V>;
    const I sign = (I)x & (I)splat<V>(-0.0f);
    const V result = (V)((I)sine_of_magnitude(x, 0) ^ sign);
    const I far = ~(absolute(x) < splat<V>(kQuarterTurnLimit));
    if (any(far)) [[unlikely]]
      return replace_lanes(result, far, x, [](double lane) { return __builtin_sin(lane); });
    return result;
  } else if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(sin), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(sin), x);
  }
}
template <class V>
inline V cosine(V x) {
  if constexpr (kSingle<V> && kHasFma) {
    const V result = sine_of_magnitude(x, 1);
    const MaskOf<V> far = ~(absolute(x) < splat<V>(kQuarterTurnLimit));
    if (any(far)) [[unlikely]]
      return replace_lanes(result, far, x, [](double lane) { return __builtin_cos(lane); });
    return result;
  } else if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(cos), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(cos), x);
  }
}

template <class V>
inline V tangent(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(tan), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(tan), x);
  }
}
template <class V>
inline V arc_tangent(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(atan), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(atan), x);
  }
}
template <class V>
inline V arc_sine(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(asin), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(asin), x);
  }
}
template <class V>
inline V arc_cosine(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(acos), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(acos), x);
  }
}
/// exp(x) / 2 where exp(x) itself is beyond the range: exp(x - c) times half of exp(c), for a c with a short expansion
/// whose exponential is all but a number of the type.
template <class V>
inline V half_exponential(V x) {
  if constexpr (kSingle<V>) {
    return exponential(x - splat<V>(46.125f)) * splat<V>(0x1.75548e0000000p+65f);
  } else {
    return exponential(x - splat<V>(375.5)) * splat<V>(0x1.a93273589db5ep+540);
  }
}
/// Where the exponential leaves the range, sinh and cosh do not yet, and SLEEF's say infinity.
template <class V>
constexpr double kHyperbolicLimit = kSingle<V> ? 88 : 709;
template <class V>
inline V hyperbolic_sine(V x) {
  const V size = absolute(x), limit = splat<V>(static_cast<ElementOf<V>>(kHyperbolicLimit<V>));
  const MaskOf<V> far = size > limit;
  const V near = select<V>(far, splat<V>(0), x);
  V result;
  if constexpr (kSingle<V>) {
    result = call_lanes<V>(SG_SLEEF_F32(sinh), near);
  } else {
    result = call_lanes<V>(SG_SLEEF_F64(sinh), near);
  }
  return any(far) ? select<V>(far, copy_sign(half_exponential(size), x), result) : result;
}
template <class V>
inline V hyperbolic_cosine(V x) {
  const V size = absolute(x), limit = splat<V>(static_cast<ElementOf<V>>(kHyperbolicLimit<V>));
  const MaskOf<V> far = size > limit;
  const V near = select<V>(far, splat<V>(0), x);
  V result;
  if constexpr (kSingle<V>) {
    result = call_lanes<V>(SG_SLEEF_F32(cosh), near);
  } else {
    result = call_lanes<V>(SG_SLEEF_F64(cosh), near);
  }
  return any(far) ? select<V>(far, half_exponential(size), result) : result;
}
template <class V>
inline V inverse_hyperbolic_tangent(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(atanh), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(atanh), x);
  }
}
template <class V>
inline V exponential_2(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(exp2), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(exp2), x);
  }
}
template <class V>
inline V logarithm_2(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(log2), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(log2), x);
  }
}
template <class V>
inline V logarithm_10(V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(log10), x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(log10), x);
  }
}
/// SLEEF squares the argument: beyond the range of the square it is log(2 |x|) to the last bit.
template <class V>
inline constexpr double kSquareLimit = kSingle<V> ? 0x1p40 : 0x1p400;
template <class V>
inline V inverse_hyperbolic_sine(V x) {
  const V size = absolute(x), limit = splat<V>(static_cast<ElementOf<V>>(kSquareLimit<V>));
  const MaskOf<V> far = size > limit;
  const V near = select<V>(far, limit, size);
  V result;
  if constexpr (kSingle<V>) {
    result = call_lanes<V>(SG_SLEEF_F32(asinh), near);
  } else {
    result = call_lanes<V>(SG_SLEEF_F64(asinh), near);
  }
  const V logarithm_of_double = logarithm(size) + splat<V>(static_cast<ElementOf<V>>(0x1.62e42fefa39efp-1));
  return select<V>(x == 0, x, copy_sign(select<V>(far, logarithm_of_double, result), x));
}
template <class V>
inline V inverse_hyperbolic_cosine(V x) {
  const V limit = splat<V>(static_cast<ElementOf<V>>(kSquareLimit<V>));
  const MaskOf<V> far = x > limit;
  const V near = select<V>(far, limit, x);
  V result;
  if constexpr (kSingle<V>) {
    result = call_lanes<V>(SG_SLEEF_F32(acosh), near);
  } else {
    result = call_lanes<V>(SG_SLEEF_F64(acosh), near);
  }
  return select<V>(far, logarithm(x) + splat<V>(static_cast<ElementOf<V>>(0x1.62e42fefa39efp-1)), result);
}
template <class V>
inline V arc_tangent(V y, V x) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(atan2), y, x);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(atan2), y, x);
  }
}
template <class V>
inline V power(V a, V b) {
  if constexpr (kSingle<V>) {
    return call_lanes<V>(SG_SLEEF_F32(pow), a, b);
  } else {
    return call_lanes<V>(SG_SLEEF_F64(pow), a, b);
  }
}

}  // namespace sg::kernels::SG_ISA

// Elementary functions on vectors, within 2 ulp of the exact value.
#pragma once

#include "engine/kernels/isa/sleef_math.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {

template <class V>
inline V sine(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(sin), a); else return call_lanes<V>(SG_SLEEF_F64(sin), a); }
template <class V>
inline V cosine(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(cos), a); else return call_lanes<V>(SG_SLEEF_F64(cos), a); }
template <class V>
inline V tangent(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(tan), a); else return call_lanes<V>(SG_SLEEF_F64(tan), a); }
template <class V>
inline V arc_tangent(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(atan), a); else return call_lanes<V>(SG_SLEEF_F64(atan), a); }
template <class V>
inline V exponential(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(exp), a); else return call_lanes<V>(SG_SLEEF_F64(exp), a); }
template <class V>
inline V exponential_minus_1(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(expm1), a); else return call_lanes<V>(SG_SLEEF_F64(expm1), a); }
template <class V>
inline V logarithm(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(log), a); else return call_lanes<V>(SG_SLEEF_F64(log), a); }
template <class V>
inline V logarithm_1_plus(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(log1p), a); else return call_lanes<V>(SG_SLEEF_F64(log1p), a); }
template <class V>
inline V hyperbolic_tangent(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(tanh), a); else return call_lanes<V>(SG_SLEEF_F64(tanh), a); }
template <class V>
inline V error_function(V a) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(erf), a); else return call_lanes<V>(SG_SLEEF_F64(erf), a); }
template <class V>
inline V power(V a, V b) { if constexpr (sizeof(ElementOf<V>) == 4) return call_lanes<V>(SG_SLEEF_F32(pow), a, b); else return call_lanes<V>(SG_SLEEF_F64(pow), a, b); }
template <class V>
inline V sigmoid(V a) {
  const V one = splat<V>(1);
  return one / (one + exponential(-a));
}
template <class V>
inline V softplus(V a) {
  return maximum(a, V{}) + logarithm_1_plus(exponential(-absolute(a)));
}

}  // namespace sg::kernels::SG_ISA

// The f64 elementary functions on vectors: SLEEF's (within 1 ulp) for each instruction set, C's where SLEEF is not
// used.
#pragma once

#include <cmath>

#include "engine/kernels/vector.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define SG_HAS_SLEEF
#include <sleef.h>
#endif

#if defined(__AVX512F__)
#define SG_SLEEF_F64(name) Sleef_##name##d8_u10avx512f
#define SG_SLEEF_F32(name) Sleef_##name##f16_u10avx512f
#elif defined(__AVX2__)
#define SG_SLEEF_F64(name) Sleef_##name##d4_u10avx2
#define SG_SLEEF_F32(name) Sleef_##name##f8_u10avx2
#elif defined(__x86_64__)
#define SG_SLEEF_F64(name) Sleef_##name##d2_u10sse2
#define SG_SLEEF_F32(name) Sleef_##name##f4_u10sse2
#elif defined(__aarch64__)
#define SG_SLEEF_F64(name) Sleef_##name##d2_u10advsimd
#define SG_SLEEF_F32(name) Sleef_##name##f4_u10advsimd
#else
// A lambda picks the function of the argument's type.
#define SG_SLEEF_F64(name) [](auto... x) { return std::name(x...); }
#define SG_SLEEF_F32(name) [](auto... x) { return std::name(x...); }
#endif

namespace sg::kernels::SG_ISA {

/// Calls `function` on the processor's vectors, or on each element where only a scalar function exists.
template <class V, class Function, class... Arguments>
inline V call_lanes(Function function, V first, Arguments... rest) {
#if defined(SG_HAS_SLEEF)
  if constexpr (sizeof(V) == kVectorBytes) {
    return (V)function(first, rest...);
  } else {
    using Native = Vector<ElementOf<V>, kLanes<ElementOf<V>>>;
    V result;
    for (std::size_t at = 0; at < sizeof(V); at += kVectorBytes) {
      const auto part = [at](const V& whole) { return load<Native>(reinterpret_cast<const char*>(&whole) + at); };
      store(reinterpret_cast<char*>(&result) + at, (Native)function(part(first), part(rest)...));
    }
    return result;
  }
#else
  V result;
  for (int i = 0; i < kLanesOf<V>; ++i) result[i] = function(first[i], rest[i]...);
  return result;
#endif
}

}  // namespace sg::kernels::SG_ISA

// Vectors of any width over GCC's vector extensions, for the files that are compiled once per instruction set.
#pragma once

#include <cstdint>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef SG_ISA
#error "vector.h is for files compiled once per instruction set: SG_ISA must name the namespace"
#endif

// Everything here lives in the instruction set's own namespace, so that no two of them ever share an inline function.
namespace sg::kernels::SG_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <class T, int Lanes>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * Lanes)));
};
template <class T, int Lanes>
using Vector = typename VectorOf<T, Lanes>::type;

template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class V>
using ElementOf = std::remove_cvref_t<decltype(V{}[0])>;
template <class V>
inline constexpr int kLanesOf = static_cast<int>(sizeof(V) / sizeof(ElementOf<V>));

/// The integer vector that a comparison of two V gives: all bits set where true.
template <class V>
using MaskOf = decltype(V{} < V{});

/// The unsigned integers of the same size, for arithmetic on representations that may wrap.
template <class V>
using BitsOf = Vector<std::conditional_t<sizeof(ElementOf<V>) == 4, std::uint32_t, std::uint64_t>, kLanesOf<V>>;

template <class V>
inline V splat(ElementOf<V> value) {
  return value - V{};  // value + (-0) would lose the sign of a zero
}

template <class V>
inline V load(const void* source) {
  V result;
  __builtin_memcpy(&result, source, sizeof(V));
  return result;
}
template <class V>
inline void store(void* destination, V value) {
  __builtin_memcpy(destination, &value, sizeof(V));
}

/// The first `count` elements (fewer than a vector's), zeros behind.
template <class V>
inline V load_partial(const ElementOf<V>* source, std::int64_t count) {
  using T = ElementOf<V>;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) {
    return (V)_mm512_maskz_loadu_epi32((__mmask16)((1u << count) - 1), source);
  }
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) {
    return (V)_mm512_maskz_loadu_epi64((__mmask8)((1u << count) - 1), source);
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) {
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return (V)_mm256_maskload_epi32((const int*)source, mask);
  }
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8) {
    const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
    return (V)_mm256_maskload_epi64((const long long*)source, mask);
  }
#endif
  T lanes[kLanesOf<V>] = {};
  for (std::int64_t i = 0; i < count; ++i) lanes[i] = source[i];
  return load<V>(lanes);
}

template <class V>
inline void store_partial(ElementOf<V>* destination, V value, std::int64_t count) {
  [[maybe_unused]] constexpr auto size = sizeof(ElementOf<V>);
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && size == 4) {
    _mm512_mask_storeu_epi32(destination, (__mmask16)((1u << count) - 1), (__m512i)value);
    return;
  }
  if constexpr (sizeof(V) == 64 && size == 8) {
    _mm512_mask_storeu_epi64(destination, (__mmask8)((1u << count) - 1), (__m512i)value);
    return;
  }
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && size == 4) {
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_maskstore_epi32((int*)destination, mask, (__m256i)value);
    return;
  }
  if constexpr (sizeof(V) == 32 && size == 8) {
    const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
    _mm256_maskstore_epi64((long long*)destination, mask, (__m256i)value);
    return;
  }
#endif
  for (std::int64_t i = 0; i < count; ++i) destination[i] = value[i];
}

template <class V>
inline V select(MaskOf<V> mask, V yes, V no) {
  return mask ? yes : no;
}

/// Whether a lane of the mask is set.
template <class M>
inline bool any(M mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 64) return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(M) == 32) return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#endif
#if defined(__x86_64__)
  if constexpr (sizeof(M) == 16) return _mm_movemask_epi8((__m128i)mask) != 0;
#endif
  for (int i = 0; i < kLanesOf<M>; ++i) {
    if (mask[i]) return true;
  }
  return false;
}

template <class V, class From>
inline V bit_cast(From from) {
  static_assert(sizeof(V) == sizeof(From));
  V result;
  __builtin_memcpy(&result, &from, sizeof(V));
  return result;
}

#if defined(__FMA__) || defined(__FP_FAST_FMAF)
inline constexpr bool kHasFma = true;
#else
inline constexpr bool kHasFma = false;
#endif

/// a * b + c with one rounding where the processor has it, with two elsewhere (see kHasFma).
template <class V>
inline V multiply_add(V a, V b, V c) {
  using T = ElementOf<V>;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return (V)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#endif
#if defined(__FMA__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8) return (V)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#endif
  if constexpr (kHasFma) {
    V result;
    for (int i = 0; i < kLanesOf<V>; ++i) {
      if constexpr (sizeof(T) == 4) {
        result[i] = __builtin_fmaf(a[i], b[i], c[i]);
      } else {
        result[i] = __builtin_fma(a[i], b[i], c[i]);
      }
    }
    return result;
  }
  return a * b + c;
}

/// Whether all lanes lie below the bound, NaN not.
template <class V>
inline bool all_below(V x, ElementOf<V> bound) {
#if defined(__AVX512F__)
  // The mask as it comes, where `any` would make it a vector first.
  if constexpr (sizeof(V) == 64 && sizeof(bound) == 4) {
    return _mm512_cmp_ps_mask((__m512)x, (__m512)splat<V>(bound), _CMP_NLT_UQ) == 0;
  }
  if constexpr (sizeof(V) == 64 && sizeof(bound) == 8) {
    return _mm512_cmp_pd_mask((__m512d)x, (__m512d)splat<V>(bound), _CMP_NLT_UQ) == 0;
  }
#endif
  return !any(~(x < splat<V>(bound)));
}

/// Whether `look_up` takes an instruction or two.
template <class V>
#if defined(__AVX512F__)
inline constexpr bool kLooksUp = sizeof(V) == 64 && sizeof(ElementOf<V>) == 4;
#else
inline constexpr bool kLooksUp = false;
#endif

#if defined(__AVX512F__)
/// table[index], of each index its last 4 or 5 bits; the table begins at a multiple of 64 bytes.
inline Vector<float, 16> look_up(const float (&table)[16], Vector<std::int32_t, 16> index) {
  return (Vector<float, 16>)_mm512_maskz_permutexvar_ps((__mmask16)-1, (__m512i)index, _mm512_load_ps(table));
}
inline Vector<float, 16> look_up(const float (&table)[32], Vector<std::int32_t, 16> index) {
  return (Vector<float, 16>)_mm512_permutex2var_ps(_mm512_load_ps(table), (__m512i)index, _mm512_load_ps(table + 16));
}
#endif

template <class V>
inline V square_root(V a) {
  using T = ElementOf<V>;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_maskz_sqrt_ps((__mmask16)-1, (__m512)a);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return (V)_mm512_maskz_sqrt_pd((__mmask8)-1, (__m512d)a);
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_sqrt_ps((__m256)a);
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8) return (V)_mm256_sqrt_pd((__m256d)a);
#endif
#if defined(__x86_64__)
  if constexpr (sizeof(V) == 16 && sizeof(T) == 4) return (V)_mm_sqrt_ps((__m128)a);
  if constexpr (sizeof(V) == 16 && sizeof(T) == 8) return (V)_mm_sqrt_pd((__m128d)a);
#endif
  V result;
  for (int i = 0; i < kLanesOf<V>; ++i) {
    if constexpr (sizeof(T) == 4) {
      result[i] = __builtin_sqrtf(a[i]);
    } else {
      result[i] = __builtin_sqrt(a[i]);
    }
  }
  return result;
}

template <class V>
inline V absolute(V a) {
  using I = MaskOf<V>;
  return (V)((I)a & ~(I)splat<V>(ElementOf<V>(-0.0)));
}
/// The magnitude of `a` with the sign of `sign`.
template <class V>
inline V copy_sign(V a, V sign) {
  using I = MaskOf<V>;
  const I bit = (I)splat<V>(ElementOf<V>(-0.0));
  return (V)(((I)a & ~bit) | ((I)sign & bit));
}

/// The nearest integer, ties to even, for any value.
template <class V>
inline V round_to_integer(V a) {
  using T = ElementOf<V>;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_maskz_roundscale_ps((__mmask16)-1, (__m512)a, 8);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return (V)_mm512_maskz_roundscale_pd((__mmask8)-1, (__m512d)a, 8);
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_round_ps((__m256)a, 8);
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8) return (V)_mm256_round_pd((__m256d)a, 8);
#endif
  // Adding 2^23 (2^52) to a smaller magnitude leaves no room for a fraction.
  const V big = splat<V>(sizeof(T) == 4 ? T(8388608.0) : T(4503599627370496.0));
  const V magnitude = absolute(a);
  const V rounded = copy_sign((magnitude + big) - big, a);
  return select<V>(magnitude < big, rounded, a);
}

template <class V>
inline V floor(V a) {
  const V rounded = round_to_integer(a);
  const V lowered = select<V>(rounded > a, rounded - splat<V>(1), rounded);
  return copy_sign(lowered, a);
}

/// a > b ? a : b and a < b ? a : b, so that b is taken where one of them is NaN: in one instruction.
template <class V>
inline V larger(V a, V b) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<V, Vector<float, 16>>)
    return (V)_mm512_maskz_max_ps((__mmask16)-1, (__m512)a, (__m512)b);
  if constexpr (std::is_same_v<V, Vector<double, 8>>)
    return (V)_mm512_maskz_max_pd((__mmask8)-1, (__m512d)a, (__m512d)b);
#endif
#if defined(__AVX2__)
  if constexpr (std::is_same_v<V, Vector<float, 8>>) return (V)_mm256_max_ps((__m256)a, (__m256)b);
  if constexpr (std::is_same_v<V, Vector<double, 4>>) return (V)_mm256_max_pd((__m256d)a, (__m256d)b);
#endif
  return select<V>(a > b, a, b);
}
template <class V>
inline V smaller(V a, V b) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<V, Vector<float, 16>>)
    return (V)_mm512_maskz_min_ps((__mmask16)-1, (__m512)a, (__m512)b);
  if constexpr (std::is_same_v<V, Vector<double, 8>>)
    return (V)_mm512_maskz_min_pd((__mmask8)-1, (__m512d)a, (__m512d)b);
#endif
#if defined(__AVX2__)
  if constexpr (std::is_same_v<V, Vector<float, 8>>) return (V)_mm256_min_ps((__m256)a, (__m256)b);
  if constexpr (std::is_same_v<V, Vector<double, 4>>) return (V)_mm256_min_pd((__m256d)a, (__m256d)b);
#endif
  return select<V>(a < b, a, b);
}

/// x within a bound; NaN of NaN.
template <class V>
inline V at_most(V x, ElementOf<V> bound) {
  return smaller(splat<V>(bound), x);
}
template <class V>
inline V at_least(V x, ElementOf<V> bound) {
  return larger(splat<V>(bound), x);
}

/// NaN where either is NaN.
template <class V>
inline V minimum(V a, V b) {
  if constexpr (ElementOf<V>(0.5) == 0) {
    return smaller(a, b);
  } else {
    return select<V>(a != a, a, smaller(a, b));
  }
}
template <class V>
inline V maximum(V a, V b) {
  if constexpr (ElementOf<V>(0.5) == 0) {
    return larger(a, b);
  } else {
    return select<V>(a != a, a, larger(a, b));
  }
}

}  // namespace sg::kernels::SG_ISA

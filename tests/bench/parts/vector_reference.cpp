// The elementwise functions in f64 on vectors. Compiled for AVX2, without inline functions that other files share.
#include "tests/bench/parts/vector_reference.h"

#if defined(SG_VECTOR_REFERENCE)
#define SG_ISA vector_reference
#include <sleef.h>

#include "engine/kernels/vector.h"

// libmvec's functions of four f64, as the vector ABI names them, with bounds between which they take no slow way:
// beyond them the result is the bound's, which in f32 is 0, infinity or 1 already, or NaN.
#define SG_FUNCTIONS(X)      \
  X(exp, 700, stays)         \
  X(exp2, 1000, stays)       \
  X(expm1, 700, stays)       \
  X(sinh, 700, stays)        \
  X(cosh, 700, stays)        \
  X(tanh, 700, stays)        \
  X(erf, 700, stays)         \
  X(asin, 1, is_nan)         \
  X(acos, 1, is_nan)         \
  X(atanh, 1, is_nan)        \
  X(log, 0, is_nan_below)    \
  X(log2, 0, is_nan_below)   \
  X(log10, 0, is_nan_below)  \
  X(log1p, -1, is_nan_below) \
  X(acosh, 1, is_nan_below)  \
  X(sin, 0, has_no_bound)    \
  X(cos, 0, has_no_bound)    \
  X(tan, 0, has_no_bound)    \
  X(atan, 0, has_no_bound)   \
  X(asinh, 0, has_no_bound)
#define SG_DECLARE(name, bound, beyond) extern "C" __m256d _ZGVdN4v_##name(__m256d);
SG_FUNCTIONS(SG_DECLARE)

namespace sg::bench {
namespace {

using namespace kernels::vector_reference;
using Four = Vector<double, 4>;
using FourFloats = Vector<float, 4>;
using Bits = Vector<std::int64_t, 4>;

/// The error of each in units of f32's last place.
Four error_in_ulp(FourFloats got, Four exact) {
  constexpr std::int64_t one = 1;
  const Four infinity = splat<Four>(__builtin_inf()), value = __builtin_convertvector(got, Four);
  const Four rounded = __builtin_convertvector(__builtin_convertvector(exact, FourFloats), Four);
  const Bits exponent = (Bits)exact & (Bits)infinity, least = splat<Bits>((1023 - 126) * (one << 52));
  const Bits ulp = (exponent > least ? exponent : least) - splat<Bits>(23 * (one << 52));
  const Four inverse = (Four)(splat<Bits>(2046 * (one << 52)) - ulp);
  // An overflow counts from the first number that does not fit.
  const Four overflow = (Four)((Bits)splat<Four>(0x1p128) | ((Bits)value & (Bits)splat<Four>(-0.0)));
  const Four finite = select<Four>(absolute(value) == infinity, overflow, value);
  Four error = absolute(finite - exact) * inverse;
  error = select<Four>(absolute(exact) == infinity, infinity, error);
  error = select<Four>(value == rounded, Four{}, error);
  const Bits signs_differ = ((Bits)value ^ (Bits)exact) < 0;
  error = select<Four>((value == 0) & (exact == 0) & signs_differ, infinity, error);
  const Bits got_nan = value != value, exact_nan = exact != exact;
  error = select<Four>(got_nan | exact_nan, infinity, error);
  return select<Four>(got_nan & exact_nan, Four{}, error);
}

template <class Function>
double largest_error(const float* in, const float* got, Function function) {
  Four largest = {};
  for (std::int64_t i = 0; i < kReferenceChunk; i += 4) {
    const Four exact = function(__builtin_convertvector(load<FourFloats>(in + i), Four));
    const Four error = error_in_ulp(load<FourFloats>(got + i), exact);
    largest = select<Four>(error > largest, error, largest);
  }
  double result = 0;
  for (int lane = 0; lane < 4; ++lane) result = largest[lane] > result ? largest[lane] : result;
  return result;
}

/// exp(x), of 700 for larger ones.
Four exponential(Four x) {
  return (Four)_ZGVdN4v_exp((__m256d)select<Four>(absolute(x) > splat<Four>(700), copy_sign(splat<Four>(700), x), x));
}
Four sigmoid(Four x) { return splat<Four>(1) / (splat<Four>(1) + exponential(-x)); }
Four softplus(Four x) {
  const Four added = (Four)_ZGVdN4v_log1p((__m256d)exponential(-absolute(x)));
  return select<Four>(x < 0, Four{}, x) + added;
}
Four root(Four x) { return square_root(x); }
Four inverse_root(Four x) { return splat<Four>(1) / square_root(x); }
Four reciprocal(Four x) { return splat<Four>(1) / x; }
Four sleef_sin(Four x) { return (Four)Sleef_sind4_u10avx2((__m256d)x); }
Four sleef_cos(Four x) { return (Four)Sleef_cosd4_u10avx2((__m256d)x); }

template <Four (*Function)(Four)>
double of_own(const float* in, const float* got) {
  return largest_error(in, got, Function);
}

enum class Beyond { stays, is_nan, is_nan_below, has_no_bound };
template <__m256d (*Function)(__m256d), int bound, Beyond beyond>
double of_library(const float* in, const float* got) {
  return largest_error(in, got, [](Four x) {
    const Four edge = splat<Four>(bound);
    if constexpr (beyond == Beyond::stays) x = select<Four>(absolute(x) > edge, copy_sign(edge, x), x);
    Bits outside = {};
    if constexpr (beyond == Beyond::is_nan) outside = absolute(x) > edge;
    if constexpr (beyond == Beyond::is_nan_below) outside = x < edge;
    const Four result = (Four)Function((__m256d)select<Four>(outside, splat<Four>(1), x));
    return select<Four>(outside, splat<Four>(__builtin_nan("")), result);
  });
}

}  // namespace

LargestError vector_reference(const char* name, bool sleef) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return nullptr;
  struct Row {
    const char* name;
    LargestError function;
  };
  static constexpr Row sleef_rows[] = {{"sin", of_own<sleef_sin>}, {"cos", of_own<sleef_cos>}};
#define SG_ROW(name, bound, beyond) {#name, of_library<_ZGVdN4v_##name, bound, Beyond::beyond>},
  static constexpr Row rows[] = {SG_FUNCTIONS(SG_ROW){"sqrt", of_own<root>},
                                 {"rsqrt", of_own<inverse_root>},
                                 {"reciprocal", of_own<reciprocal>},
                                 {"sigmoid", of_own<sigmoid>},
                                 {"softplus", of_own<softplus>}};
  const auto find = [name](const auto& table) -> LargestError {
    for (const Row& row : table) {
      if (__builtin_strcmp(row.name, name) == 0) return row.function;
    }
    return nullptr;
  };
  return sleef ? find(sleef_rows) : find(rows);
}

}  // namespace sg::bench

#else

namespace sg::bench {
LargestError vector_reference(const char*, bool) { return nullptr; }
}  // namespace sg::bench

#endif

// Random numbers, a block of Philox in each lane.
#include <cmath>
#include <utility>

#include "engine/kernels/isa/random_kernels.h"
#include "engine/kernels/isa/sleef_math.h"
#include "engine/kernels/vector.h"

// SLEEF's functions that round alike on every processor ("cinz": consistent results, no fused multiply-add).
#if defined(__AVX512F__)
#define SG_SLEEF_ALIKE(name, ulp) Sleef_cinz_##name##d8_##ulp##avx512fnofma
#elif defined(__AVX2__)
#define SG_SLEEF_ALIKE(name, ulp) Sleef_cinz_##name##d4_##ulp##avx
#elif defined(__x86_64__)
#define SG_SLEEF_ALIKE(name, ulp) Sleef_cinz_##name##d2_##ulp##sse2
#elif defined(__aarch64__)
#define SG_SLEEF_ALIKE(name, ulp) Sleef_cinz_##name##d2_##ulp##advsimdnofma
#endif

namespace sg::kernels::SG_ISA {
namespace {

constexpr int lanes = kLanes<double>;
using Words = Vector<std::uint64_t, lanes>;
using Numbers = Vector<double, lanes>;
constexpr std::uint64_t low_half = 0xffffffff;

/// The products of the lanes' lower halves.
Words multiply_low_halves(Words a, Words b) {
#if defined(__AVX512F__)
  return (Words)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (Words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & low_half) * (b & low_half);
#endif
}

/// a0 b0 a1 b1 ..., in two vectors.
template <class V, int... Lane>
void store_in_turn(ElementOf<V>* out, V a, V b, std::integer_sequence<int, Lane...>) {
  store(out, __builtin_shufflevector(a, b, (Lane / 2 + Lane % 2 * lanes)...));
  store(out + lanes, __builtin_shufflevector(a, b, (Lane / 2 + Lane % 2 * lanes + lanes / 2)...));
}
template <class V, int... Lane>
V every_second(V low, V high, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(low, high, (2 * Lane)...);
}
template <class V, int... Lane>
V every_other(V low, V high, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(low, high, (2 * Lane + 1)...);
}
constexpr auto all_lanes = std::make_integer_sequence<int, lanes>{};

/// philox4x32 of engine/random.h; each Words has 32 bits in a lane.
void philox_blocks(std::uint64_t* out, std::uint64_t seed, std::uint64_t stream, Words block) {
  Words c0 = block & low_half, c1 = block >> 32, c2 = splat<Words>(stream & low_half), c3 = splat<Words>(stream >> 32);
  std::uint64_t k0 = seed & low_half, k1 = seed >> 32;
  for (int round = 0; round < 10; ++round) {
    const Words product0 = multiply_low_halves(c0, splat<Words>(0xD2511F53));
    const Words product1 = multiply_low_halves(c2, splat<Words>(0xCD9E8D57));
    c0 = (product1 >> 32) ^ c1 ^ k0;
    c1 = product1 & low_half;
    c2 = (product0 >> 32) ^ c3 ^ k1;
    c3 = product0 & low_half;
    k0 = (k0 + 0x9E3779B9) & low_half;
    k1 = (k1 + 0xBB67AE85) & low_half;
  }
  store_in_turn<Words>(out, c0 | c1 << 32, c2 | c3 << 32, all_lanes);
}

void words(std::uint64_t* out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, std::int64_t blocks) {
  Words block;
  for (int lane = 0; lane < lanes; ++lane) block[lane] = first + static_cast<std::uint64_t>(lane);
  for (; blocks >= lanes; blocks -= lanes, out += 2 * lanes, block += lanes) philox_blocks(out, seed, stream, block);
  if (blocks == 0) return;
  std::uint64_t last[2 * lanes];
  philox_blocks(last, seed, stream, block);
  __builtin_memcpy(out, last, static_cast<std::size_t>(blocks) * 16);
}

/// The upper 53 bits over 2^53: their halves as the last digits of 2^84 and 2^52, which are then taken away. Exact.
Numbers to_unit(Words word) {
  const Words bits = word >> 11;
  const Numbers high = bit_cast<Numbers>((bits >> 32) | 0x4530000000000000);
  const Numbers low = bit_cast<Numbers>((bits & low_half) | 0x4330000000000000);
  return ((high - (0x1p84 + 0x1p52)) + low) * 0x1p-53;
}

void uniform(double* out, const std::uint64_t* in, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(out + i, to_unit(load<Words>(in + i)));
  if (i < count) store_partial(out + i, to_unit(load_partial<Words>(in + i, count - i)), count - i);
}

void normal_pairs(double* out, Words low, Words high) {
  const Numbers u = to_unit(every_second(low, high, all_lanes)), v = to_unit(every_other(low, high, all_lanes));
#if defined(SG_SLEEF_ALIKE)
  const Numbers radius = square_root(-2 * (Numbers)SG_SLEEF_ALIKE(log, u10)(1 - u));  // the argument is never 0
  const auto angle = SG_SLEEF_ALIKE(sincospi, u05)(2 * v);
  const Numbers sine = (Numbers)angle.x, cosine = (Numbers)angle.y;
#else
  Numbers radius, sine, cosine;
  for (int lane = 0; lane < lanes; ++lane) {
    radius[lane] = std::sqrt(-2 * std::log(1 - u[lane]));
    sine[lane] = std::sin(2 * M_PI * v[lane]);
    cosine[lane] = std::cos(2 * M_PI * v[lane]);
  }
#endif
  store_in_turn<Numbers>(out, radius * cosine, radius * sine, all_lanes);
}

void normal(double* out, const std::uint64_t* in, std::int64_t pairs) {
  std::int64_t i = 0;
  for (; i + lanes <= pairs; i += lanes) {
    normal_pairs(out + 2 * i, load<Words>(in + 2 * i), load<Words>(in + 2 * i + lanes));
  }
  if (i == pairs) return;
  std::uint64_t last_words[2 * lanes] = {};
  double last[2 * lanes];
  __builtin_memcpy(last_words, in + 2 * i, static_cast<std::size_t>(pairs - i) * 16);
  normal_pairs(last, load<Words>(last_words), load<Words>(last_words + lanes));
  __builtin_memcpy(out + 2 * i, last, static_cast<std::size_t>(pairs - i) * 16);
}

}  // namespace

const RandomKernels& random_kernels() {
  static constexpr RandomKernels table{words, uniform, normal};
  return table;
}

}  // namespace sg::kernels::SG_ISA

// What the machine can do, measured.
#include "tests/bench/parts/machine.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/kernels/cpu.h"
#include "engine/kernels/parallel.h"

namespace sg::bench {
namespace {

using namespace sg::kernels;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The fastest of the runs that fit into the given time, after one that warms up.
template <class Function>
double fastest(double budget, const Function& function) {
  function();
  double best = 1e30;
  const double end = seconds_now() + budget;
  do {
    const double start = seconds_now();
    function();
    best = std::min(best, seconds_now() - start);
  } while (seconds_now() < end);
  return best;
}

// Clang contracts products and sums by itself, and checks the constraint v against the registers of plain x86-64.
#if defined(__clang__)
#define SG_OPAQUE(variable) "+m"(variable)
#define SG_FUSED(...) __attribute__((target(__VA_ARGS__), flatten))
#else
#define SG_OPAQUE(variable) "+v"(variable)
#define SG_FUSED(...) \
  __attribute__((target(__VA_ARGS__ ",prefer-vector-width=512"), optimize("fp-contract=fast"), flatten))
#endif

/// Independent chains of multiply-adds, as many as hide their latency.
template <class Vector>
double multiply_adds(std::int64_t rounds) {
  Vector sums[12];
  for (int k = 0; k < 12; ++k) sums[k] = Vector{} + static_cast<float>(k);
  Vector factor = Vector{} + 0.5f, term = Vector{} + 1;
  for (std::int64_t i = 0; i < rounds; ++i) {
    asm volatile("" : SG_OPAQUE(factor), SG_OPAQUE(term));
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) sums[k] = sums[k] * factor + term;
  }
  double total = 0;
  for (const Vector& sum : sums) total += static_cast<double>(sum[0]);
  return total;
}

typedef float Narrow __attribute__((vector_size(16)));
#if defined(__x86_64__)
typedef float Middle __attribute__((vector_size(32)));
typedef float Wide __attribute__((vector_size(64)));
SG_FUSED("avx2,fma") double multiply_adds_avx2(std::int64_t rounds) { return multiply_adds<Middle>(rounds); }
SG_FUSED("avx512f,avx2,fma") double multiply_adds_avx512(std::int64_t rounds) { return multiply_adds<Wide>(rounds); }
#endif

}  // namespace

double peak_gflops(double seconds) {
  constexpr std::int64_t rounds = 2'000'000;
  volatile double kept = 0;
  int lanes = 4;
  double (*run)(std::int64_t) = multiply_adds<Narrow>;
#if defined(__x86_64__)
  if (isa() == Isa::avx2) lanes = 8, run = multiply_adds_avx2;
  if (isa() == Isa::avx512) lanes = 16, run = multiply_adds_avx512;
#endif
  const double time = fastest(seconds, [&] { parallel_for(threads(), [&](std::int64_t) { kept = run(rounds); }); });
  return 2e-9 * 12 * lanes * rounds * threads() / time;
}

double copy_gigabytes(double seconds) {
  constexpr std::int64_t count = 16 << 20, parts = 64;
  std::vector<float> from(count, 1), to(count, 2);
  const double time = fastest(seconds, [&] {
    parallel_for(parts, [&](std::int64_t i) {
      std::memcpy(to.data() + i * (count / parts), from.data() + i * (count / parts), count / parts * 4);
    });
  });
  return 8e-9 * static_cast<double>(count) / time;
}

}  // namespace sg::bench

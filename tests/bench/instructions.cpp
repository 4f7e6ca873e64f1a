// Times the instructions of the tile machine on one tile: the measurement behind the costs in kernels/tile_ops.def.
//   bench_instructions [f32|f64|i64 ...]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "engine/kernels/isa/tile_kernels.h"

namespace {

using namespace sg::kernels;
using sg::Dtype;

constexpr std::int64_t kTile = 512;  // elements, so that three operands and the result stay in the first-level cache

/// Nanoseconds for one element, the least of many runs.
double nanoseconds(TileKernels::Operation loop, void* out, const void* a, const void* b, const void* c) {
  double best = 1e30;
  for (int round = 0; round < 30; ++round) {
    constexpr int kRepeats = 100;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kRepeats; ++i) loop(out, a, b, c, kTile, 0.75);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / (kRepeats * kTile));
  }
  return best;
}

template <class T>
void print_costs(Dtype dtype) {
  // Between 1 and 2, so that every function is within its domain but for acos, asin and atanh, whose work is the same.
  std::vector<T> a(kTile), b(kTile), c(kTile), out(kTile);
  for (std::int64_t i = 0; i < kTile; ++i) {
    a[i] = static_cast<T>(1 + 0.9 * static_cast<double>(i) / kTile);
    b[i] = static_cast<T>(1.9 - 0.8 * static_cast<double>(i) / kTile);
    c[i] = static_cast<T>(1.5);
  }
  for (const Isa which : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (which > isa()) continue;
    const TileKernels& kernels = tile_kernels(which, dtype);
    const auto time = [&](TileOp op) {
      return nanoseconds(kernels.operations[static_cast<int>(op)], out.data(), a.data(), b.data(), c.data());
    };
    const double addition = time(TileOp::add);
    std::printf("%s %s: add %.3f ns an element; in additions:", name_of(dtype).data(), name_of(which), addition);
    for (int op = 0; op < kTileOpCount; ++op) {
      if (kernels.operations[op] == nullptr) continue;
      std::printf("%s %s %.1f", op % 8 == 0 ? "\n " : "", name_of(static_cast<TileOp>(op)),
                  time(static_cast<TileOp>(op)) / addition);
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int count, char** arguments) {
  const auto wanted = [&](const char* name) {
    return count == 1 || std::any_of(arguments + 1, arguments + count,
                                     [&](const char* each) { return std::strcmp(each, name) == 0; });
  };
  if (wanted("f32")) print_costs<float>(Dtype::f32);
  if (wanted("f64")) print_costs<double>(Dtype::f64);
  if (wanted("i64")) print_costs<std::int64_t>(Dtype::i64);
}

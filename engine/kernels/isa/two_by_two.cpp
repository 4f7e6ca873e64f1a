// Register tiles of 3 x 3 convolutions of 2 x 2 pixels.
#include "engine/kernels/isa/two_by_two_kernels.h"

#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {
namespace {

/// Four accumulators a row, and the four pixels, in 32 registers, or 16.
constexpr int kRows = kVectorBytes == 64 ? 6 : 2;
constexpr std::int64_t kAhead = 8;  // depths that weights are asked for before they are needed

template <class T, int Lanes, int Rows, bool Reversed>
void tile(const TwoByTwoProduct<T>& p, std::int64_t row) {
  using V = Vector<T, Lanes>;
  V sums[Rows][4] = {};
  const T* weight = p.weight + row * p.weight_row;
  const T* source = p.source;
  const std::int64_t weight_row = p.weight_row, weight_depth = p.weight_depth;
#pragma GCC unroll 1
  for (std::int64_t d = 0; d < p.depth; ++d, weight += weight_depth, source += 4 * Lanes) {
    V pixels[4];
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) pixels[s] = load<V>(source + s * Lanes);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      const T* const taps = weight + r * weight_row;
      __builtin_prefetch(taps + kAhead * weight_depth);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
#pragma GCC unroll 4
        for (int s = 0; s < 4; ++s) {
          const int tap = (s / 2 - q / 2 + 1) * 3 + (s % 2 - q % 2 + 1);
          sums[r][q] = multiply_add(splat<V>(taps[Reversed ? 8 - tap : tap]), pixels[s], sums[r][q]);
        }
      }
    }
  }
  T* to = p.result + row * 4 * Lanes;
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q, to += Lanes) store(to, p.accumulate ? load<V>(to) + sums[r][q] : sums[r][q]);
  }
}

template <class T, int Lanes, int Rows, bool Reversed>
void last_rows(const TwoByTwoProduct<T>& p, std::int64_t row) {
  if (p.rows - row == Rows) {
    tile<T, Lanes, Rows, Reversed>(p, row);
  } else if constexpr (Rows > 1) {
    last_rows<T, Lanes, Rows - 1, Reversed>(p, row);
  }
}

template <class T, int Lanes, bool Reversed>
void all_rows(const TwoByTwoProduct<T>& p) {
  std::int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) tile<T, Lanes, kRows, Reversed>(p, row);
  if (row < p.rows) last_rows<T, Lanes, kRows, Reversed>(p, row);
}

template <class T, int Lanes>
void product(const TwoByTwoProduct<T>& p) {
  p.reversed ? all_rows<T, Lanes, true>(p) : all_rows<T, Lanes, false>(p);
}

}  // namespace

const TwoByTwoKernels<float>& two_by_two_kernels_f32() {
  static constexpr TwoByTwoKernels<float> table{kLanes<float>, product<float, kLanes<float>>};
  return table;
}
const TwoByTwoKernels<double>& two_by_two_kernels_f64() {
  static constexpr TwoByTwoKernels<double> table{kLanes<double>, product<double, kLanes<double>>};
  return table;
}

}  // namespace sg::kernels::SG_ISA

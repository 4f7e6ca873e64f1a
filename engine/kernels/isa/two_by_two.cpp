// Register tiles of 3 x 3 convolutions of 2 x 2 pixels.
#include "engine/kernels/isa/two_by_two_kernels.h"

#include "engine/kernels/isa/transpose.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {
namespace {

/// Four accumulators a row, and the four pixels, in 32 registers, or 16.
constexpr int kRows = kVectorBytes == 64 ? 6 : 2;
constexpr std::int64_t kAhead = 8;  // depths that weights are asked for before they are needed

/// The tap by which a result's pixel reads a pixel of the source.
constexpr int tap_of(int source, int result) {
  return (source / 2 - result / 2 + 1) * 3 + (source % 2 - result % 2 + 1);
}

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
          const T factor = taps[Reversed ? 8 - tap_of(s, q) : tap_of(s, q)];
          sums[r][q] = multiply_add(splat<V>(factor), pixels[s], sums[r][q]);
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

template <class T, int Lanes, int Rows>
void gradient_rows(const TwoByTwoWeightGradient<T>& p, std::int64_t row) {
  using V = Vector<T, Lanes>;
  V sums[Rows][9] = {};
  const T* cotangent = p.cotangent + row * 4;
  const T* source = p.source;
#pragma GCC unroll 1
  for (std::int64_t image = 0; image < p.images; ++image, cotangent += p.rows * 4, source += 4 * Lanes) {
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      const V pixel = load<V>(source + s * Lanes);
#pragma GCC unroll 2
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
          V& sum = sums[r][tap_of(s, q)];
          sum = multiply_add(splat<V>(cotangent[4 * r + q]), pixel, sum);
        }
      }
    }
  }
  for (int r = 0; r < Rows; ++r) {
    T* const to = p.result + (row + r) * p.result_row;
    // Nine taps next to each other for each channel: transposed in squares of vectors, whose rest is not stored.
    for (int first = 0; first < 9; first += Lanes) {
      V block[Lanes];
#pragma GCC unroll 16
      for (int i = 0; i < Lanes; ++i) block[i] = first + i < 9 ? sums[r][first + i] : V{};
      transpose_from<1>(block);
      const int count = 9 - first < Lanes ? 9 - first : Lanes;
#pragma GCC unroll 16
      for (int c = 0; c < Lanes; ++c) {
        if (c >= p.channels) continue;
        if (count == Lanes) {
          store(to + c * 9 + first, block[c]);
        } else {
          store_partial(to + c * 9 + first, block[c], count);
        }
      }
    }
  }
}

template <class T, int Lanes>
void weight_gradient(const TwoByTwoWeightGradient<T>& p) {
  constexpr int rows = kVectorBytes == 64 ? 2 : 1;  // nine accumulators each
  std::int64_t row = 0;
  for (; row + rows <= p.rows; row += rows) gradient_rows<T, Lanes, rows>(p, row);
  if (row < p.rows) gradient_rows<T, Lanes, 1>(p, row);
}

}  // namespace

const TwoByTwoKernels<float>& two_by_two_kernels_f32() {
  static constexpr TwoByTwoKernels<float> table{kLanes<float>, product<float, kLanes<float>>,
                                                weight_gradient<float, kLanes<float>>};
  return table;
}
const TwoByTwoKernels<double>& two_by_two_kernels_f64() {
  static constexpr TwoByTwoKernels<double> table{kLanes<double>, product<double, kLanes<double>>,
                                                 weight_gradient<double, kLanes<double>>};
  return table;
}

}  // namespace sg::kernels::SG_ISA

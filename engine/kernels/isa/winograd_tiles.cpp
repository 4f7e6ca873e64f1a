// The transforms of Winograd's convolutions, with a tile in each lane: neighbouring tiles read every second pixel.
#include <utility>

#include "engine/kernels/isa/winograd_axes.h"
#include "engine/kernels/isa/winograd_kernels.h"

namespace sg::kernels::SG_ISA {
namespace {

/// Of two vectors in a row, the lanes of even and of odd numbers; and the reverse.
template <int First, class V, int... Lane>
inline V every_second(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (First + 2 * Lane)...);
}
template <int Half, class V, int... Lane>
inline V interleaved(V evens, V odds, std::integer_sequence<int, Lane...>) {
  constexpr int lanes = kLanesOf<V>;
  return __builtin_shufflevector(evens, odds, ((Lane % 2) * lanes + (Half * lanes + Lane) / 2)...);
}

/// One row of pixels, transformed along it.
template <class V, class T>
inline void transform_row(const T* pixels, V* b) {
  constexpr int lanes = kLanesOf<V>;
  constexpr auto sequence = std::make_integer_sequence<int, lanes>{};
  const V first = load<V>(pixels), second = load<V>(pixels + lanes);
  const V first_on = load<V>(pixels + 2), second_on = load<V>(pixels + 2 + lanes);
  const V d[4] = {every_second<0>(first, second, sequence), every_second<1>(first, second, sequence),
                  every_second<0>(first_on, second_on, sequence), every_second<1>(first_on, second_on, sequence)};
  Stride1::source(d, b);
}

template <class T, int Lanes>
void transform_source(std::int64_t rows, std::int64_t vectors, const T* staged, std::int64_t row_pitch, T* to,
                      std::int64_t point_pitch) {
  using V = Vector<T, Lanes>;
  for (std::int64_t v = 0; v < vectors; ++v, staged += 2 * Lanes, to += Lanes) {
    const T* from = staged;
    V along[4][4];  // rows of a tile's patch
    transform_row(from, along[0]);
    transform_row(from + row_pitch, along[1]);
    for (std::int64_t y = 0; y < rows; ++y) {
      from += 2 * row_pitch;
      transform_row(from, along[2]);
      transform_row(from + row_pitch, along[3]);
      T* const tile = to + y * vectors * Lanes;
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const V d[4] = {along[0][j], along[1][j], along[2][j], along[3][j]};
        V b[4];
        Stride1::source(d, b);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) store(tile + (4 * i + j) * point_pitch, b[i]);
        along[0][j] = along[2][j];
        along[1][j] = along[3][j];
      }
    }
  }
}

template <class T, int Lanes>
void transform_result(std::int64_t rows, std::int64_t vectors, const T* from, std::int64_t point_pitch,
                      std::int64_t result_rows, std::int64_t result_columns, T* to) {
  using V = Vector<T, Lanes>;
  constexpr auto sequence = std::make_integer_sequence<int, Lanes>{};
  for (std::int64_t y = 0; y < rows; ++y) {
    for (std::int64_t v = 0; v < vectors; ++v, from += Lanes) {
      V columns[2][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        V m[4], r[2];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) m[i] = load<V>(from + (4 * i + j) * point_pitch);
        Stride1::result(m, r);
        columns[0][j] = r[0];
        columns[1][j] = r[1];
      }
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        V r[2];
        Stride1::result(columns[i], r);
        if (2 * y + i >= result_rows) continue;
        T* const row = to + (2 * y + i) * result_columns + 2 * v * Lanes;
        const V halves[2] = {interleaved<0>(r[0], r[1], sequence), interleaved<1>(r[0], r[1], sequence)};
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const std::int64_t inside = result_columns - (2 * v + half) * Lanes;
          if (inside >= Lanes) {
            store(row + half * Lanes, halves[half]);
          } else if (inside > 0) {
            store_partial(row + half * Lanes, halves[half], inside);
          }
        }
      }
    }
  }
}

template <class T, int Lanes>
constexpr WinogradTileKernels<T> make_kernels() {
  return {Lanes, transform_source<T, Lanes>, transform_result<T, Lanes>};
}

}  // namespace

const WinogradTileKernels<float>& winograd_tile_kernels_f32() {
  static constexpr WinogradTileKernels<float> table = make_kernels<float, kLanes<float>>();
  return table;
}
const WinogradTileKernels<double>& winograd_tile_kernels_f64() {
  static constexpr WinogradTileKernels<double> table = make_kernels<double, kLanes<double>>();
  return table;
}

}  // namespace sg::kernels::SG_ISA

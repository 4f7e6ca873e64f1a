// The transforms of Winograd's convolutions F(2x2, 3x3), with a channel in each lane.
// A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2016.
#include "engine/kernels/isa/winograd_kernels.h"

#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {
namespace {

template <class T, int Lanes>
void transform_source(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                      std::int64_t point_pitch) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = (2 * tiles.columns + 2) * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    const T* from = staged + 2 * y * row;
    for (std::int64_t x = 0; x < tiles.columns; ++x, from += 2 * Lanes, to += tile_pitch) {
      V rows[4][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const V d0 = load<V>(from + j * Lanes), d1 = load<V>(from + row + j * Lanes);
        const V d2 = load<V>(from + 2 * row + j * Lanes), d3 = load<V>(from + 3 * row + j * Lanes);
        rows[0][j] = d0 - d2;
        rows[1][j] = d1 + d2;
        rows[2][j] = d2 - d1;
        rows[3][j] = d1 - d3;
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        T* const point = to + 4 * i * point_pitch;
        store(point, rows[i][0] - rows[i][2]);
        store(point + point_pitch, rows[i][1] + rows[i][2]);
        store(point + 2 * point_pitch, rows[i][2] - rows[i][1]);
        store(point + 3 * point_pitch, rows[i][1] - rows[i][3]);
      }
    }
  }
}

template <class T, int Lanes>
void transform_cotangent(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                         std::int64_t point_pitch) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = 2 * tiles.columns * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    const T* from = staged + 2 * y * row;
    for (std::int64_t x = 0; x < tiles.columns; ++x, from += 2 * Lanes, to += tile_pitch) {
      V rows[4][2];
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        const V y0 = load<V>(from + j * Lanes), y1 = load<V>(from + row + j * Lanes);
        rows[0][j] = y0;
        rows[1][j] = y0 + y1;
        rows[2][j] = y0 - y1;
        rows[3][j] = -y1;
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        T* const point = to + 4 * i * point_pitch;
        store(point, rows[i][0]);
        store(point + point_pitch, rows[i][0] + rows[i][1]);
        store(point + 2 * point_pitch, rows[i][0] - rows[i][1]);
        store(point + 3 * point_pitch, -rows[i][1]);
      }
    }
  }
}

template <class T, int Lanes>
void transform_weight(const T* staged, std::int64_t count, bool reversed, T* to, std::int64_t pitch,
                      std::int64_t point_pitch) {
  using V = Vector<T, Lanes>;
  const V half = splat<V>(T(0.5));
  const std::int64_t step = reversed ? -Lanes : Lanes;
  for (std::int64_t c = 0; c < count; ++c, to += pitch) {
    const T* const first = staged + (9 * c + (reversed ? 8 : 0)) * Lanes;
    V rows[4][3];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      const V g0 = load<V>(first + j * step), g1 = load<V>(first + (3 + j) * step);
      const V g2 = load<V>(first + (6 + j) * step);
      const V outer = (g0 + g2) * half, inner = g1 * half;
      rows[0][j] = g0;
      rows[1][j] = outer + inner;
      rows[2][j] = outer - inner;
      rows[3][j] = g2;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      T* const point = to + 4 * i * point_pitch;
      const V outer = (rows[i][0] + rows[i][2]) * half, inner = rows[i][1] * half;
      store(point, rows[i][0]);
      store(point + point_pitch, outer + inner);
      store(point + 2 * point_pitch, outer - inner);
      store(point + 3 * point_pitch, rows[i][2]);
    }
  }
}

template <class T, int Lanes>
void transform_result(const WinogradTiles& tiles, const T* from, std::int64_t tile_pitch, std::int64_t point_pitch,
                      T* staged) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = tiles.result_columns * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    T* to = staged + 2 * y * row;
    const bool second_row = 2 * y + 1 < tiles.result_rows;
    for (std::int64_t x = 0; x < tiles.columns; ++x, to += 2 * Lanes, from += tile_pitch) {
      V columns[4][2];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const T* const point = from + 4 * i * point_pitch;
        const V m0 = load<V>(point), m1 = load<V>(point + point_pitch);
        const V m2 = load<V>(point + 2 * point_pitch), m3 = load<V>(point + 3 * point_pitch);
        columns[i][0] = m0 + (m1 + m2);
        columns[i][1] = (m1 - m2) - m3;
      }
      const bool second_column = 2 * x + 1 < tiles.result_columns;
      store(to, columns[0][0] + (columns[1][0] + columns[2][0]));
      if (second_column) store(to + Lanes, columns[0][1] + (columns[1][1] + columns[2][1]));
      if (second_row) {
        store(to + row, (columns[1][0] - columns[2][0]) - columns[3][0]);
        if (second_column) store(to + row + Lanes, (columns[1][1] - columns[2][1]) - columns[3][1]);
      }
    }
  }
}

template <class T, int Lanes>
void transform_weight_gradient(const T* from, std::int64_t count, std::int64_t point_pitch, std::int64_t pieces,
                               std::int64_t piece_pitch, T* staged) {
  using V = Vector<T, Lanes>;
  const V half = splat<V>(T(0.5));
  for (std::int64_t c = 0; c < count; ++c, from += Lanes) {
    V columns[4][3];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      V u[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) u[j] = load<V>(from + (4 * i + j) * point_pitch);
      for (std::int64_t piece = 1; piece < pieces; ++piece) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) u[j] += load<V>(from + piece * piece_pitch + (4 * i + j) * point_pitch);
      }
      const V sum = (u[1] + u[2]) * half, difference = (u[1] - u[2]) * half;
      columns[i][0] = u[0] + sum;
      columns[i][1] = difference;
      columns[i][2] = sum + u[3];
    }
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j, staged += Lanes) {
      const V sum = (columns[1][j] + columns[2][j]) * half, difference = (columns[1][j] - columns[2][j]) * half;
      store(staged, columns[0][j] + sum);
      store(staged + 3 * Lanes, difference);
      store(staged + 6 * Lanes, sum + columns[3][j]);
    }
    staged += 6 * Lanes;
  }
}

template <class T, int Lanes>
constexpr WinogradKernels<T> make_kernels() {
  return {transform_source<T, Lanes>, transform_cotangent<T, Lanes>, transform_weight<T, Lanes>,
          transform_result<T, Lanes>, transform_weight_gradient<T, Lanes>};
}

}  // namespace

const WinogradKernels<float>& winograd_kernels_f32() {
  static constexpr WinogradKernels<float> table = make_kernels<float, kLanes<float>>();
  return table;
}
const WinogradKernels<double>& winograd_kernels_f64() {
  static constexpr WinogradKernels<double> table = make_kernels<double, kLanes<double>>();
  return table;
}

}  // namespace sg::kernels::SG_ISA

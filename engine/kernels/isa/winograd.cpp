// The transforms of Winograd's convolutions, with a channel in each lane.
#include "engine/kernels/isa/winograd_axes.h"
#include "engine/kernels/isa/winograd_kernels.h"

namespace sg::kernels::SG_ISA {
namespace {

/// Transforms patches of `Height` x `Width` pixels along both axes; the next begins a step further.
template <class Y, class X, int Height, int Width, class T, int Lanes, class AlongY, class AlongX>
void transform_patches(const WinogradTiles& tiles, int row_step, int column_step, const T* staged, T* to,
                       std::int64_t tile_pitch, std::int64_t point_pitch, AlongY along_y, AlongX along_x) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = tiles.staged_columns * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    const T* from = staged + row_step * y * row;
    for (std::int64_t x = 0; x < tiles.columns; ++x, from += column_step * Lanes, to += tile_pitch) {
      V rows[Y::kPoints][Width];
#pragma GCC unroll 8
      for (int j = 0; j < Width; ++j) {
        V d[Height], b[Y::kPoints];
#pragma GCC unroll 8
        for (int i = 0; i < Height; ++i) d[i] = load<V>(from + i * row + j * Lanes);
        along_y(d, b);
#pragma GCC unroll 8
        for (int i = 0; i < Y::kPoints; ++i) rows[i][j] = b[i];
      }
#pragma GCC unroll 8
      for (int i = 0; i < Y::kPoints; ++i) {
        V b[X::kPoints];
        along_x(rows[i], b);
#pragma GCC unroll 8
        for (int j = 0; j < X::kPoints; ++j) store(to + (X::kPoints * i + j) * point_pitch, b[j]);
      }
    }
  }
}

template <class Y, class X, class T, int Lanes>
void transform_source(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                      std::int64_t point_pitch) {
  transform_patches<Y, X, Y::kPatch, X::kPatch, T, Lanes>(
      tiles, Y::kStep, X::kStep, staged, to, tile_pitch, point_pitch, [](const auto* d, auto* b) { Y::source(d, b); },
      [](const auto* d, auto* b) { X::source(d, b); });
}

template <class Y, class X, class T, int Lanes>
void transform_cotangent(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                         std::int64_t point_pitch) {
  transform_patches<Y, X, Y::kResults, X::kResults, T, Lanes>(
      tiles, Y::kResults, X::kResults, staged, to, tile_pitch, point_pitch,
      [](const auto* d, auto* b) { Y::cotangent(d, b); }, [](const auto* d, auto* b) { X::cotangent(d, b); });
}

template <class Y, class X, class T, int Lanes>
void transform_weight(const T* staged, std::int64_t count, bool reversed, T* to, std::int64_t pitch,
                      std::int64_t point_pitch) {
  using V = Vector<T, Lanes>;
  const std::int64_t step = reversed ? -Lanes : Lanes;
  for (std::int64_t c = 0; c < count; ++c, to += pitch) {
    const T* const first = staged + (9 * c + (reversed ? 8 : 0)) * Lanes;
    V rows[Y::kPoints][3];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      V g[3], u[Y::kPoints];
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) g[i] = load<V>(first + (3 * i + j) * step);
      Y::weight(g, u);
#pragma GCC unroll 8
      for (int i = 0; i < Y::kPoints; ++i) rows[i][j] = u[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < Y::kPoints; ++i) {
      V u[X::kPoints];
      X::weight(rows[i], u);
#pragma GCC unroll 8
      for (int j = 0; j < X::kPoints; ++j) store(to + (X::kPoints * i + j) * point_pitch, u[j]);
    }
  }
}

template <class Y, class X, class T, int Lanes>
void transform_result(const WinogradTiles& tiles, const T* from, std::int64_t tile_pitch, std::int64_t point_pitch,
                      T* staged) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = tiles.result_columns * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    T* to = staged + Y::kResults * y * row;
    const std::int64_t rows_inside = tiles.result_rows - Y::kResults * y;
    for (std::int64_t x = 0; x < tiles.columns; ++x, to += X::kResults * Lanes, from += tile_pitch) {
      V columns[Y::kResults][X::kPoints];
#pragma GCC unroll 8
      for (int j = 0; j < X::kPoints; ++j) {
        V m[Y::kPoints], r[Y::kResults];
#pragma GCC unroll 8
        for (int i = 0; i < Y::kPoints; ++i) m[i] = load<V>(from + (X::kPoints * i + j) * point_pitch);
        Y::result(m, r);
#pragma GCC unroll 8
        for (int i = 0; i < Y::kResults; ++i) columns[i][j] = r[i];
      }
      const std::int64_t columns_inside = tiles.result_columns - X::kResults * x;
#pragma GCC unroll 8
      for (int i = 0; i < Y::kResults; ++i) {
        V r[X::kResults];
        X::result(columns[i], r);
        if (i >= rows_inside) continue;
#pragma GCC unroll 8
        for (int j = 0; j < X::kResults; ++j) {
          if (j < columns_inside) store(to + i * row + j * Lanes, r[j]);
        }
      }
    }
  }
}

template <class Y, class X, class T, int Lanes>
void transform_weight_gradient(const T* from, std::int64_t count, std::int64_t point_pitch, std::int64_t pieces,
                               std::int64_t piece_pitch, T* staged) {
  using V = Vector<T, Lanes>;
  for (std::int64_t c = 0; c < count; ++c, from += Lanes, staged += 9 * Lanes) {
    V columns[3][X::kPoints];
#pragma GCC unroll 8
    for (int j = 0; j < X::kPoints; ++j) {
      V u[Y::kPoints], g[3];
#pragma GCC unroll 8
      for (int i = 0; i < Y::kPoints; ++i) u[i] = load<V>(from + (X::kPoints * i + j) * point_pitch);
      for (std::int64_t piece = 1; piece < pieces; ++piece) {
        const T* const other = from + piece * piece_pitch;
#pragma GCC unroll 8
        for (int i = 0; i < Y::kPoints; ++i) u[i] += load<V>(other + (X::kPoints * i + j) * point_pitch);
      }
      Y::weight_gradient(u, g);
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) columns[i][j] = g[i];
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      V g[3];
      X::weight_gradient(columns[i], g);
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) store(staged + (3 * i + j) * Lanes, g[j]);
    }
  }
}

template <class A>
constexpr WinogradAxis axis() {
  return {A::kPoints, A::kPatch, A::kStep, A::kResults};
}

template <class Y, class X, class T, int Lanes>
constexpr WinogradAlgorithm<T> of_convolution() {
  return {
      {axis<Y>(), axis<X>()},           transform_source<Y, X, T, Lanes>,    transform_weight<Y, X, T, Lanes>,
      transform_result<Y, X, T, Lanes>, transform_cotangent<Y, X, T, Lanes>, transform_weight_gradient<Y, X, T, Lanes>};
}

template <class Y, class X, class T, int Lanes>
constexpr WinogradAlgorithm<T> of_gradient() {
  return {{axis<Y>(), axis<X>()},
          transform_source<Y, X, T, Lanes>,
          transform_weight<Y, X, T, Lanes>,
          transform_result<Y, X, T, Lanes>,
          nullptr,
          nullptr};
}

template <class T, int Lanes>
constexpr WinogradKernels<T> make_kernels() {
  using Even = Stride2Gradient<false>;
  using Odd = Stride2Gradient<true>;
  return {of_convolution<Stride1, Stride1, T, Lanes>(), of_convolution<Stride1, Stride1Wide, T, Lanes>(),
          of_convolution<Stride2, Stride2, T, Lanes>(), of_gradient<Even, Even, T, Lanes>(),
          of_gradient<Odd, Odd, T, Lanes>()};
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

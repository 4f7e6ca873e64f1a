// The transforms of Winograd's convolutions, with a channel in each lane.
// S. Winograd: Arithmetic Complexity of Computations, 1980; A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural
// Networks, 2016.
#include "engine/kernels/isa/winograd_kernels.h"

#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {
namespace {

// Each algorithm along one axis: results = result(weight(g) * source(d)), elementwise, for three taps g. `cotangent`
// and `weight_gradient` are the transposes of `result` and `weight`.

/// Two results of stride 1 by 4 multiplications: F(2, 3).
struct Stride1 {
  static constexpr int kPoints = 4, kPatch = 4, kStep = 2, kResults = 2;
  template <class V>
  static void source(const V* d, V* b) {
    b[0] = d[0] - d[2];
    b[1] = d[1] + d[2];
    b[2] = d[2] - d[1];
    b[3] = d[1] - d[3];
  }
  template <class V>
  static void weight(const V* g, V* u) {
    const V half = splat<V>(ElementOf<V>(0.5)), outer = (g[0] + g[2]) * half, inner = g[1] * half;
    u[0] = g[0];
    u[1] = outer + inner;
    u[2] = outer - inner;
    u[3] = g[2];
  }
  template <class V>
  static void result(const V* m, V* y) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) - m[3];
  }
  template <class V>
  static void cotangent(const V* y, V* m) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = -y[1];
  }
  template <class V>
  static void weight_gradient(const V* u, V* g) {
    const V half = splat<V>(ElementOf<V>(0.5)), sum = (u[1] + u[2]) * half;
    g[0] = u[0] + sum;
    g[1] = (u[1] - u[2]) * half;
    g[2] = sum + u[3];
  }
};

/// Four results of stride 1 by 6 multiplications: F(4, 3). With the points 0, +-5/8 and +-3/2 its rounding errors are
/// two thirds of those with 0, +-1 and +-2 (64 channels, normal numbers).
struct Stride1Wide {
  static constexpr int kPoints = 6, kPatch = 6, kStep = 4, kResults = 4;
  static constexpr double kNear = 5.0 / 8, kFar = 3.0 / 2;
  static constexpr double kNearSquare = kNear * kNear, kFarSquare = kFar * kFar;
  static constexpr double kZeroWeight = 1 / (kNearSquare * kFarSquare);
  static constexpr double kNearWeight = 1 / (2 * kNearSquare * (kNearSquare - kFarSquare));
  static constexpr double kFarWeight = 1 / (2 * kFarSquare * (kFarSquare - kNearSquare));
  template <class V>
  static V constant(double value) {
    return splat<V>(ElementOf<V>(value));
  }
  template <class V>
  static void source(const V* d, V* b) {
    const V near_square = constant<V>(kNearSquare), far_square = constant<V>(kFarSquare);
    const V near_even = d[4] - far_square * d[2], near_odd = (d[3] - far_square * d[1]) * constant<V>(kNear);
    const V far_even = d[4] - near_square * d[2], far_odd = (d[3] - near_square * d[1]) * constant<V>(kFar);
    b[0] = near_even - near_square * (d[2] - far_square * d[0]);
    b[1] = near_even + near_odd;
    b[2] = near_even - near_odd;
    b[3] = far_even + far_odd;
    b[4] = far_even - far_odd;
    b[5] = (d[5] - far_square * d[3]) - near_square * (d[3] - far_square * d[1]);
  }
  template <class V>
  static void weight(const V* g, V* u) {
    const V near_even = g[0] * constant<V>(kNearWeight) + g[2] * constant<V>(kNearWeight * kNearSquare);
    const V far_even = g[0] * constant<V>(kFarWeight) + g[2] * constant<V>(kFarWeight * kFarSquare);
    const V near_odd = g[1] * constant<V>(kNearWeight * kNear), far_odd = g[1] * constant<V>(kFarWeight * kFar);
    u[0] = g[0] * constant<V>(kZeroWeight);
    u[1] = near_even + near_odd;
    u[2] = near_even - near_odd;
    u[3] = far_even + far_odd;
    u[4] = far_even - far_odd;
    u[5] = g[2];
  }
  template <class V>
  static void result(const V* m, V* y) {
    const V near_sum = m[1] + m[2], near_difference = m[1] - m[2];
    const V far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    y[0] = m[0] + (near_sum + far_sum);
    y[1] = constant<V>(kNear) * near_difference + constant<V>(kFar) * far_difference;
    y[2] = constant<V>(kNearSquare) * near_sum + constant<V>(kFarSquare) * far_sum;
    y[3] =
        (constant<V>(kNear * kNearSquare) * near_difference + constant<V>(kFar * kFarSquare) * far_difference) + m[5];
  }
  template <class V>
  static void cotangent(const V* y, V* m) {
    const V near_square = constant<V>(kNearSquare), far_square = constant<V>(kFarSquare);
    const V near_even = y[0] + near_square * y[2], near_odd = (y[1] + near_square * y[3]) * constant<V>(kNear);
    const V far_even = y[0] + far_square * y[2], far_odd = (y[1] + far_square * y[3]) * constant<V>(kFar);
    m[0] = y[0];
    m[1] = near_even + near_odd;
    m[2] = near_even - near_odd;
    m[3] = far_even + far_odd;
    m[4] = far_even - far_odd;
    m[5] = y[3];
  }
  template <class V>
  static void weight_gradient(const V* u, V* g) {
    const V near_sum = (u[1] + u[2]) * constant<V>(kNearWeight), far_sum = (u[3] + u[4]) * constant<V>(kFarWeight);
    const V near_difference = (u[1] - u[2]) * constant<V>(kNearWeight * kNear);
    g[0] = u[0] * constant<V>(kZeroWeight) + (near_sum + far_sum);
    g[1] = near_difference + (u[3] - u[4]) * constant<V>(kFarWeight * kFar);
    g[2] = (near_sum * constant<V>(kNearSquare) + far_sum * constant<V>(kFarSquare)) + u[5];
  }
};

/// Two results of stride 2 by 5 multiplications instead of 6: the outer taps meet every second pixel as two taps of
/// stride 1, F(2, 2), and the inner one meets those between.
struct Stride2 {
  static constexpr int kPoints = 5, kPatch = 5, kStep = 4, kResults = 2;
  template <class V>
  static void source(const V* d, V* b) {
    b[0] = d[0] - d[2];
    b[1] = d[2];
    b[2] = d[4] - d[2];
    b[3] = d[1];
    b[4] = d[3];
  }
  template <class V>
  static void weight(const V* g, V* u) {
    u[0] = g[0];
    u[1] = g[0] + g[2];
    u[2] = g[2];
    u[3] = g[1];
    u[4] = g[1];
  }
  template <class V>
  static void result(const V* m, V* y) {
    y[0] = (m[0] + m[1]) + m[3];
    y[1] = (m[1] + m[2]) + m[4];
  }
  template <class V>
  static void cotangent(const V* y, V* m) {
    m[0] = m[3] = y[0];
    m[1] = y[0] + y[1];
    m[2] = m[4] = y[1];
  }
  template <class V>
  static void weight_gradient(const V* u, V* g) {
    g[0] = u[0] + u[1];
    g[1] = u[3] + u[4];
    g[2] = u[1] + u[2];
  }
};

/// Four neighbours of the gradient of stride 2 by 5 multiplications instead of 6. Every second of them sums the outer
/// taps, which is F(2, 2); those between have the inner tap alone. The first is one of the former where the padding is
/// even, and one of the latter where it is odd.
template <bool OddPadding>
struct Stride2Gradient {
  static constexpr int kPoints = 5, kPatch = 3, kStep = 2, kResults = 4;
  template <class V>
  static void source(const V* d, V* b) {
    b[0] = d[0] - d[1];
    b[1] = d[1];
    b[2] = d[2] - d[1];
    b[3] = d[OddPadding ? 0 : 1];
    b[4] = d[OddPadding ? 1 : 2];
  }
  template <class V>
  static void weight(const V* g, V* u) {
    Stride2::weight(g, u);
  }
  template <class V>
  static void result(const V* m, V* y) {
    y[OddPadding ? 1 : 0] = m[0] + m[1];
    y[OddPadding ? 3 : 2] = m[1] + m[2];
    y[OddPadding ? 0 : 1] = m[3];
    y[OddPadding ? 2 : 3] = m[4];
  }
};

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

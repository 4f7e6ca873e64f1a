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

/// Transforms along both axes patches of `Taken` x `Taken` pixels, each `Step` after the last.
template <class A, int Taken, int Step, class T, int Lanes, class Transform>
void transform_patches(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                       std::int64_t point_pitch, Transform transform) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = tiles.staged_columns * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    const T* from = staged + Step * y * row;
    for (std::int64_t x = 0; x < tiles.columns; ++x, from += Step * Lanes, to += tile_pitch) {
      V rows[A::kPoints][Taken];
#pragma GCC unroll 8
      for (int j = 0; j < Taken; ++j) {
        V d[Taken], b[A::kPoints];
#pragma GCC unroll 8
        for (int i = 0; i < Taken; ++i) d[i] = load<V>(from + i * row + j * Lanes);
        transform(d, b);
#pragma GCC unroll 8
        for (int i = 0; i < A::kPoints; ++i) rows[i][j] = b[i];
      }
#pragma GCC unroll 8
      for (int i = 0; i < A::kPoints; ++i) {
        V b[A::kPoints];
        transform(rows[i], b);
#pragma GCC unroll 8
        for (int j = 0; j < A::kPoints; ++j) store(to + (A::kPoints * i + j) * point_pitch, b[j]);
      }
    }
  }
}

template <class A, class T, int Lanes>
void transform_source(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                      std::int64_t point_pitch) {
  transform_patches<A, A::kPatch, A::kStep, T, Lanes>(tiles, staged, to, tile_pitch, point_pitch,
                                                      [](const auto* d, auto* b) { A::source(d, b); });
}

template <class A, class T, int Lanes>
void transform_cotangent(const WinogradTiles& tiles, const T* staged, T* to, std::int64_t tile_pitch,
                         std::int64_t point_pitch) {
  transform_patches<A, A::kResults, A::kResults, T, Lanes>(tiles, staged, to, tile_pitch, point_pitch,
                                                           [](const auto* d, auto* b) { A::cotangent(d, b); });
}

template <class A, class T, int Lanes>
void transform_weight(const T* staged, std::int64_t count, bool reversed, T* to, std::int64_t pitch,
                      std::int64_t point_pitch) {
  using V = Vector<T, Lanes>;
  const std::int64_t step = reversed ? -Lanes : Lanes;
  for (std::int64_t c = 0; c < count; ++c, to += pitch) {
    const T* const first = staged + (9 * c + (reversed ? 8 : 0)) * Lanes;
    V rows[A::kPoints][3];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      V g[3], u[A::kPoints];
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) g[i] = load<V>(first + (3 * i + j) * step);
      A::weight(g, u);
#pragma GCC unroll 8
      for (int i = 0; i < A::kPoints; ++i) rows[i][j] = u[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < A::kPoints; ++i) {
      V u[A::kPoints];
      A::weight(rows[i], u);
#pragma GCC unroll 8
      for (int j = 0; j < A::kPoints; ++j) store(to + (A::kPoints * i + j) * point_pitch, u[j]);
    }
  }
}

template <class A, class T, int Lanes>
void transform_result(const WinogradTiles& tiles, const T* from, std::int64_t tile_pitch, std::int64_t point_pitch,
                      T* staged) {
  using V = Vector<T, Lanes>;
  const std::int64_t row = tiles.result_columns * Lanes;
  for (std::int64_t y = 0; y < tiles.rows; ++y) {
    T* to = staged + A::kResults * y * row;
    const std::int64_t rows_inside = tiles.result_rows - A::kResults * y;
    for (std::int64_t x = 0; x < tiles.columns; ++x, to += A::kResults * Lanes, from += tile_pitch) {
      V columns[A::kResults][A::kPoints];
#pragma GCC unroll 8
      for (int j = 0; j < A::kPoints; ++j) {
        V m[A::kPoints], r[A::kResults];
#pragma GCC unroll 8
        for (int i = 0; i < A::kPoints; ++i) m[i] = load<V>(from + (A::kPoints * i + j) * point_pitch);
        A::result(m, r);
#pragma GCC unroll 8
        for (int i = 0; i < A::kResults; ++i) columns[i][j] = r[i];
      }
      const std::int64_t columns_inside = tiles.result_columns - A::kResults * x;
#pragma GCC unroll 8
      for (int i = 0; i < A::kResults; ++i) {
        V r[A::kResults];
        A::result(columns[i], r);
        if (i >= rows_inside) continue;
#pragma GCC unroll 8
        for (int j = 0; j < A::kResults; ++j) {
          if (j < columns_inside) store(to + i * row + j * Lanes, r[j]);
        }
      }
    }
  }
}

template <class A, class T, int Lanes>
void transform_weight_gradient(const T* from, std::int64_t count, std::int64_t point_pitch, std::int64_t pieces,
                               std::int64_t piece_pitch, T* staged) {
  using V = Vector<T, Lanes>;
  for (std::int64_t c = 0; c < count; ++c, from += Lanes, staged += 9 * Lanes) {
    V columns[3][A::kPoints];
#pragma GCC unroll 8
    for (int j = 0; j < A::kPoints; ++j) {
      V u[A::kPoints], g[3];
#pragma GCC unroll 8
      for (int i = 0; i < A::kPoints; ++i) u[i] = load<V>(from + (A::kPoints * i + j) * point_pitch);
      for (std::int64_t piece = 1; piece < pieces; ++piece) {
        const T* const other = from + piece * piece_pitch;
#pragma GCC unroll 8
        for (int i = 0; i < A::kPoints; ++i) u[i] += load<V>(other + (A::kPoints * i + j) * point_pitch);
      }
      A::weight_gradient(u, g);
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) columns[i][j] = g[i];
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      V g[3];
      A::weight_gradient(columns[i], g);
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) store(staged + (3 * i + j) * Lanes, g[j]);
    }
  }
}

template <class A, class T, int Lanes>
constexpr WinogradAlgorithm<T> of_convolution() {
  return {A::kPoints,
          A::kPatch,
          A::kStep,
          A::kResults,
          transform_source<A, T, Lanes>,
          transform_weight<A, T, Lanes>,
          transform_result<A, T, Lanes>,
          transform_cotangent<A, T, Lanes>,
          transform_weight_gradient<A, T, Lanes>};
}

template <class A, class T, int Lanes>
constexpr WinogradAlgorithm<T> of_gradient() {
  return {A::kPoints,
          A::kPatch,
          A::kStep,
          A::kResults,
          transform_source<A, T, Lanes>,
          transform_weight<A, T, Lanes>,
          transform_result<A, T, Lanes>,
          nullptr,
          nullptr};
}

template <class T, int Lanes>
constexpr WinogradKernels<T> make_kernels() {
  return {of_convolution<Stride1, T, Lanes>(), of_convolution<Stride2, T, Lanes>(),
          of_gradient<Stride2Gradient<false>, T, Lanes>(), of_gradient<Stride2Gradient<true>, T, Lanes>()};
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

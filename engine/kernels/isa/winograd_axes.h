// Winograd's algorithms for three taps, along one axis.
// S. Winograd: Arithmetic Complexity of Computations, 1980; A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural
// Networks, 2016.
#pragma once

#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {

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

}  // namespace sg::kernels::SG_ISA

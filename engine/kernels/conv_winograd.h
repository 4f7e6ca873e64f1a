// 3 x 3 convolutions by Winograd's algorithms: for four results, 16 multiply-adds instead of 36 with stride 1 (12 in
// tiles of two rows of four), 25 with stride 2.
// A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2016.
#pragma once

#include <optional>

#include "engine/kernels/conv.h"

namespace sg::kernels {

enum class WinogradKind { stride_1, stride_1_wide, stride_2, stride_2_gradient_even, stride_2_gradient_odd };

/// A convolution or its gradient by the input as sums of 3 x 3 taps over channels. The first tile's patch of source
/// pixels begins `padding` before the source.
struct WinogradShape {
  WinogradKind kind;
  std::int64_t batch, channels, rows;  // channels are summed over, rows are the results
  std::int64_t height, width;          // of the source
  std::int64_t result_height, result_width;
  std::int64_t padding[2];
};

/// The shape, where this way is possible and the faster one.
template <class T>
std::optional<WinogradShape> winograd_forward(const ConvGeometry& geometry);
template <class T>
std::optional<WinogradShape> winograd_weight_gradient(const ConvGeometry& geometry);
template <class T>
std::optional<WinogradShape> winograd_input_gradient(const ConvGeometry& geometry);

/// result [batch, rows, result_height, result_width] of source [batch, channels, height, width]; weight is [rows,
/// channels, 3, 3], or, `of_gradient`, [channels, rows, 3, 3] with its taps reversed.
template <class T>
void run_winograd(const WinogradShape& shape, bool of_gradient, const T* source, const T* weight, T* result);

/// result [rows, channels, 3, 3]: the gradient by the weight of the convolution with this shape.
template <class T>
void run_winograd_weight_gradient(const WinogradShape& shape, const T* source, const T* cotangent, T* result);

}  // namespace sg::kernels

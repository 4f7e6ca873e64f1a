// 3 x 3 convolutions of stride 1 by Winograd's F(2x2, 3x3): 16 multiply-adds for four results instead of 36.
// A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2016.
#pragma once

#include <optional>

#include "engine/kernels/conv.h"

namespace sg::kernels {

/// A convolution as sums of 3 x 3 taps over channels; result pixel (y, x) reads source rows y - padding + 0..2.
struct WinogradShape {
  std::int64_t batch, channels, rows;  // channels are summed over, rows are the results
  std::int64_t height, width;          // of the source
  std::int64_t result_height, result_width;
  std::int64_t padding[2];
};

/// The shape, where this way is possible and the faster one.
template <class T>
std::optional<WinogradShape> winograd_forward(const ConvGeometry& geometry);
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

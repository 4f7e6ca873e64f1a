// The three convolutions over images: the product, its gradient by the input (the transposed convolution) and by the
// weight.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// A 2-D cross-correlation of contiguous arrays: input [batch, in_channels, in_height, in_width], weight
/// [out_channels, in_channels / groups, kernel_height, kernel_width], output [batch, out_channels, out_height,
/// out_width]. Output pixel (y, x) reads input rows y * stride - padding + k * dilation; rows outside of the input
/// count as zero. The output's size is given and may leave input rows that nothing reads.
struct ConvGeometry {
  std::int64_t batch, in_channels, in_height, in_width;
  std::int64_t out_channels, kernel_height, kernel_width, out_height, out_width;
  std::int64_t stride[2], padding[2], dilation[2];
  std::int64_t groups;
};

/// T is float or double. The results do not depend on the number of threads, to the bit.
template <class T>
void conv2d(const ConvGeometry& geometry, const T* input, const T* weight, T* output);
/// The transposed convolution: the sum of the output's cotangents that each input pixel has a part in.
template <class T>
void conv2d_input_gradient(const ConvGeometry& geometry, const T* output_cotangent, const T* weight,
                           T* input_cotangent);
template <class T>
void conv2d_weight_gradient(const ConvGeometry& geometry, const T* input, const T* output_cotangent,
                            T* weight_cotangent);

}  // namespace sg::kernels

// 3 x 3 convolutions of pictures of 2 x 2 pixels, with an image in each lane: the last layers of a residual network,
// whose many weights are read once, as they lie.
#pragma once

#include "engine/kernels/conv.h"

namespace sg::kernels {

/// Whether this is the faster way: stride 1, padding 1, many channels, and a batch that fills vectors.
template <class T>
bool two_by_two_pays(const ConvGeometry& geometry);
template <class T>
bool two_by_two_weight_gradient_pays(const ConvGeometry& geometry);

/// conv2d, or `of_gradient` conv2d_input_gradient, for those. Equal bits for any number of threads.
template <class T>
void run_two_by_two(const ConvGeometry& geometry, bool of_gradient, const T* source, const T* weight, T* result);

/// conv2d_weight_gradient for those.
template <class T>
void run_two_by_two_weight_gradient(const ConvGeometry& geometry, const T* source, const T* cotangent, T* result);

}  // namespace sg::kernels

// Directions: the derivative of an autoencoder's output along smooth directions of its input, which should be the
// direction itself.
#pragma once

#include <cstdint>

#include "engine/tensor.h"

namespace sg::image_autoencoder {

/// A direction for each picture of shape [N, C, H, W]: in each channel a random sum of cosines of at most 7 half waves
/// along each axis, lower ones stronger, scaled to a mean square of 1 over the picture. The numbers depend on seed,
/// step and index alone.
Tensor smooth_directions(const Shape& shape, std::uint64_t seed, std::int64_t step, std::int64_t index, Dtype dtype);

/// The mean over K directions and all elements of (J v - v)^2, J v being the exact derivative of `output` along v at
/// `input`, from which it was computed. The derivative goes through the whole batch: in training through the batch
/// norms' means and variances as well. It is as differentiable as anything else; its gradient by the parameters needs
/// second derivatives of the network. The target is v since an autoencoder should be the identity, whose derivative
/// along v is v (Sobolev training with random projections: Czarnecki et al. 2017).
Tensor exact_directions_loss(const Tensor& output, const Tensor& input, const Tensors& directions);

}  // namespace sg::image_autoencoder

// Gradient clipping. Nothing is computed here: the results take part in the optimiser's plan.
#pragma once

#include "engine/tensor.h"

namespace sg::nn {

/// The square root of the sum of all squares; undefined gradients count as zeros.
Tensor global_norm(const Tensors& gradients);
/// All gradients times min(1, limit / (norm + 1e-6)), as PyTorch's clip_grad_norm_ does.
Tensors clip_by_global_norm(const Tensors& gradients, double limit);
/// All gradients times min(1, limit / (largest absolute value + 1e-6)).
Tensors clip_by_largest(const Tensors& gradients, double limit);
/// Every element into [-limit, limit].
Tensors clip_by_value(const Tensors& gradients, double limit);

}  // namespace sg::nn

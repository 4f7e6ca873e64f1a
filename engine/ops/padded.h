// Sums of padded parts.
#pragma once

#include "engine/tensor.h"

namespace sg {

/// Whether `x` is a smaller tensor between zeros: what a slice's cotangent becomes.
bool is_padded(const Tensor& x);
/// The sum of padded tensors of one shape. Where each is padded along the same axis and together they fill it without
/// overlap, as the cotangents of a split are, they are joined: one pass instead of two a part.
Tensor sum_of_padded(Tensors terms);

}  // namespace sg

// Spatial: what operations on [N, C, L], [N, C, H, W] and [N, C, D, H, W] share.
#pragma once

#include "engine/ops.h"

namespace sg {

/// The amount along spatial axis i, of options that have one number or one an axis.
inline std::int64_t along(std::int64_t amount, std::size_t) { return amount; }
template <std::size_t axes>
std::int64_t along(const PerAxis<axes>& amounts, std::size_t i) {
  return amounts[i];
}

/// Throws unless x has a batch, channels and so many spatial axes, one to three.
void check_spatial(std::string_view operation, const Tensor& x, std::size_t axes);

/// matrix [m, n] applied along an axis of extent n, which becomes m.
Tensor multiply_along(const Tensor& matrix, const Tensor& x, std::size_t axis);

}  // namespace sg

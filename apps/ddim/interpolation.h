// Interpolation between noises.
#pragma once

#include "engine/ops.h"

namespace sg::ddim {

/// Spherical interpolation: sin((1 - share) w) / sin(w) a + sin(share w) / sin(w) b, w being the angle between a and b;
/// at share 0 it is a, at 1 b, and between noises of one length it keeps the length.
Tensor spherical(const Tensor& a, const Tensor& b, double share);

}  // namespace sg::ddim

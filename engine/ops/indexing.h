// Indexing by indices that the engine makes itself.
#pragma once

#include "engine/tensor.h"

namespace sg {

/// `gather` for an index that is known to lie inside: neither it nor its derivatives can fail.
Tensor gather_inside(const Tensor& x, const Tensor& index, std::int64_t axis);

}  // namespace sg

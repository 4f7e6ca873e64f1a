// 3 x 3 convolutions of few channels by Winograd's F(2 x 2, 3 x 3) with a tile in each lane: pixels need not be turned
// into lanes and back, which takes as long as the products of few channels.
#pragma once

#include "engine/kernels/conv_winograd.h"

namespace sg::kernels {

/// Whether this is the faster way: few channels, and rows that fill vectors of tiles.
template <class T>
bool tile_lanes_pay(const WinogradShape& shape);

/// run_winograd for those.
template <class T>
void run_winograd_tiles(const WinogradShape& shape, bool of_gradient, const T* source, const T* weight, T* result);

}  // namespace sg::kernels

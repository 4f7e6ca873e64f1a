// Runs a convolution, or its gradient by the input, as a sum that gathers; and the gradient by the weight as sums over
// pixels.
#pragma once

#include "engine/kernels/conv_plan.h"
#include "engine/kernels/isa/conv_kernels.h"

namespace sg::kernels {

/// The table of loops for the instruction set in use.
template <class T>
const ConvKernels<T>& conv_kernels();

/// A unit of a plan: whole images, or a strip of the rows of one.
struct GatherUnit {
  std::int64_t group, image, images, row, rows;
};
GatherUnit gather_unit(const Gather& gather, const GatherPlan& plan, std::int64_t index);

/// Packs one block of channels of a unit, block_size elements at most.
template <class T>
void pack_block(const ConvKernels<T>& kernels, const Gather& gather, const GatherPlan& plan, const GatherUnit& unit,
                std::int64_t block, const T* source, T* packed);

/// Where the vectors of a unit's pixels begin in a packed copy; returns how many there are.
std::int64_t list_slots(const Gather& gather, const GatherPlan& plan, const GatherUnit& unit, int lanes,
                        std::int32_t* slots);

/// Where tap (y, x) of a block's channel reads in the packed block, relative to a slot.
std::int32_t tap_offset(const GatherPlan& plan, std::int64_t channel, std::int64_t y, std::int64_t x);

/// result [batch, groups * rows, results by axis]. `weights` is stored phase by phase (y slower than x), each of them
/// [groups * rows, channels, its taps by y, its taps by x].
template <class T>
void run_gather(const ConvKernels<T>& kernels, const Gather& gather, const T* source, const T* weights, T* result);

/// The gradient by the weight of the convolution that `gather` is: result [groups * rows, channels, taps by y, taps by
/// x].
template <class T>
void run_weight_gradient(const ConvKernels<T>& kernels, const Gather& gather, const T* source, const T* cotangent,
                         T* result);

}  // namespace sg::kernels

// Runs a convolution, or its gradient by the input, on packed copies of the source; and the gradient by the weight as
// sums over pixels.
#pragma once

#include "engine/kernels/conv_blocking.h"
#include "engine/kernels/isa/conv_kernels.h"

namespace sg::kernels {

/// The table of loops for the instruction set in use.
template <class T>
const ConvKernels<T>& conv_kernels();

/// A unit of a blocking: whole images, or a strip of the rows of one.
struct ConvUnit {
  std::int64_t group, image, images, row, rows;
};
ConvUnit conv_unit(const Correlation& correlation, const ConvBlocking& blocking, std::int64_t index);

/// Packs one block of channels of a unit, block_size elements at most.
template <class T>
void pack_block(const ConvKernels<T>& kernels, const Correlation& correlation, const ConvBlocking& blocking,
                const ConvUnit& unit, std::int64_t block, const T* source, T* packed);

/// Where the vectors of a unit's pixels begin in a packed copy; returns how many there are.
std::int64_t list_packets(const Correlation& correlation, const ConvBlocking& blocking, const ConvUnit& unit, int lanes,
                          std::int32_t* packets);

/// Where the same vectors lie in the planes of the result, relative to those of the unit's first image, and how many of
/// their lanes are pixels. They do where the result has one phase and no vector straddles two images.
void list_planes(const Correlation& correlation, const ConvBlocking& blocking, const ConvUnit& unit, int lanes,
                 std::int64_t* offsets, std::int32_t* counts);

/// Where tap (y, x) of a block's channel reads in the packed block, relative to a packet.
std::int32_t tap_offset(const ConvBlocking& blocking, std::int64_t channel, std::int64_t y, std::int64_t x);

/// result [batch, groups * rows, results by axis]. `weights` is stored phase by phase (y slower than x), each of them
/// [groups * rows, channels, its taps by y, its taps by x].
template <class T>
void run_correlation(const ConvKernels<T>& kernels, const Correlation& correlation, const T* source, const T* weights,
                     T* result);

/// The gradient by the weight of the convolution that `correlation` describes: result [groups * rows, channels, taps by
/// y, taps by x].
template <class T>
void run_weight_gradient(const ConvKernels<T>& kernels, const Correlation& correlation, const T* source,
                         const T* cotangent, T* result);

}  // namespace sg::kernels

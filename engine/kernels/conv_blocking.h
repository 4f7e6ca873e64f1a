// How a convolution is cut: which copies of the input are packed, into which blocks, and where each tap reads in them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/kernels/conv.h"

namespace sg::kernels {

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::int64_t floor_mod(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }
inline std::int64_t floor_div(std::int64_t a, std::int64_t b) { return (a - floor_mod(a, b)) / b; }

/// One axis of a correlation: result position j (of phase p) sums over that phase's taps k the source at j * stride +
/// tap[k].
struct CorrelationAxis {
  std::int64_t size;       // of the source
  std::int64_t positions;  // of the largest phase
  std::int64_t stride;
  int phases;                     // interleaved results: position j of phase p is result j * phases + p
  std::int64_t results;           // of all phases together
  std::vector<std::int64_t> tap;  // by kernel index
  std::vector<int> phase;         // by kernel index
};

/// A convolution and its gradient by the input, both as correlations: the gradient reads with stride 1 and has as
/// many phases as the convolution has strides, each with a part of the kernel.
struct Correlation {
  std::int64_t batch, groups;
  std::int64_t channels, rows;  // of one group: channels are summed over, rows are the results
  CorrelationAxis axis[2];
};
Correlation forward_correlation(const ConvGeometry& geometry);
Correlation input_gradient_correlation(const ConvGeometry& geometry);

/// The packed copies of one axis. Taps that differ by multiples of the stride share a copy and read it shifted, or each
/// distinct tap has a copy of its own, which then has as many positions as the result.
struct PackedAxis {
  std::vector<std::int64_t> begin;  // by copy: position i of it is the source at i * stride + begin
  std::vector<int> copy;            // by kernel index
  std::vector<int> shift;           // by kernel index
  int extra = 0;                    // the largest shift
};

/// A unit of work is some whole images, or a strip of one image's rows; its source is packed one block of channels
/// after another. Within a block: channel, copy along y, copy along x, image, row, column.
struct ConvBlocking {
  PackedAxis packed[2];
  std::int64_t channel_block, images, strip;  // the largest of each
  std::int64_t channel_blocks, image_blocks, strips;
  std::int64_t row_pitch, copy_pitch, block_size;  // in elements
  bool flat_rows, flat_images;                     // vectors of pixels run on across rows, across images
  std::int64_t row_vectors;                        // vectors per row, where they do not
  double cost;                                     // estimated cycles of the whole

  std::int64_t image_pitch(std::int64_t rows) const { return (rows + packed[0].extra) * row_pitch; }
  std::int64_t packets(std::int64_t image_count, std::int64_t rows, std::int64_t columns, int lanes) const;
};

/// Picks the cheapest layout for this shape; `reduction` is for the gradient by the weight.
ConvBlocking choose_blocking(const Correlation& correlation, int lanes, int element_size, bool reduction);

}  // namespace sg::kernels

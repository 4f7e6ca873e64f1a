// Convolutions of 2 x 2 pixels: images into lanes, products in blocks of channels, and back.
#include "engine/kernels/conv_two_by_two.h"

#include <algorithm>

#include "engine/kernels/conv_panel.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/isa/panel_kernels.h"
#include "engine/kernels/isa/two_by_two_kernels.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kPixels = 4, kTaps = 9;
constexpr std::int64_t kLeastChannels = 64;
constexpr double kLeastFilled = 0.75;     // of the lanes, by images
constexpr std::int64_t kRowBlock = 36;    // of a task: a multiple of every register tile's rows
constexpr std::int64_t kVectorBlock = 8;  // of a task, by images: their results stay in the second-level cache
/// Images over which the gradient by the weight is summed without pieces: more would round more.
constexpr std::int64_t kMostImages = 256;
/// Channels that are summed at once: shorter sums round less, and their weights for a block of rows stay in the cache.
constexpr std::int64_t kDepthBlock = 32;

template <class T>
const TwoByTwoKernels<T>& two_by_two_kernels();
template <>
const TwoByTwoKernels<float>& two_by_two_kernels<float>() {
  return SG_OF_ISA(two_by_two_kernels_f32);
}
template <>
const TwoByTwoKernels<double>& two_by_two_kernels<double>() {
  return SG_OF_ISA(two_by_two_kernels_f64);
}

}  // namespace

template <class T>
bool two_by_two_pays(const ConvGeometry& g) {
  if (g.groups != 1 || g.kernel_height != 3 || g.kernel_width != 3) return false;
  if (g.in_height != 2 || g.in_width != 2 || g.out_height != 2 || g.out_width != 2) return false;
  for (int i = 0; i < 2; ++i) {
    if (g.stride[i] != 1 || g.padding[i] != 1 || g.dilation[i] != 1) return false;
  }
  const std::int64_t lanes = two_by_two_kernels<T>().lanes;
  const double filled = static_cast<double>(g.batch) / static_cast<double>(ceil_div(g.batch, lanes) * lanes);
  return filled >= kLeastFilled && std::min(g.in_channels, g.out_channels) >= kLeastChannels;
}

template <class T>
bool two_by_two_weight_gradient_pays(const ConvGeometry& g) {
  return g.batch <= kMostImages && two_by_two_pays<T>(g);
}

template <class T>
void run_two_by_two(const ConvGeometry& g, bool of_gradient, const T* source, const T* weight, T* result) {
  const PanelKernels<T>& panels = panel_kernels<T>();
  const TwoByTwoKernels<T>& kernels = two_by_two_kernels<T>();
  const std::int64_t lanes = kernels.lanes, vectors = ceil_div(g.batch, lanes);
  const std::int64_t channels = of_gradient ? g.out_channels : g.in_channels;
  const std::int64_t rows = of_gradient ? g.in_channels : g.out_channels;
  const Scratch turned(static_cast<std::size_t>(vectors * lanes * channels * kPixels) * sizeof(T));
  const std::int64_t blocks = ceil_div(channels, kDepthBlock);
  parallel_for(vectors * blocks, [&](std::int64_t task) {
    const std::int64_t vector = task / blocks, first = task % blocks * kDepthBlock;
    const std::int64_t count = std::min(kDepthBlock, channels - first);
    panels.load_pixels(turned.as<T>() + (vector * channels + first) * kPixels * lanes, nullptr,
                       source + (vector * lanes * channels + first) * kPixels, channels * kPixels,
                       std::min(lanes, g.batch - vector * lanes), count * kPixels);
  });
  const std::int64_t row_blocks = ceil_div(rows, kRowBlock);
  parallel_for(row_blocks * ceil_div(vectors, kVectorBlock), [&](std::int64_t task) {
    const std::int64_t row = task % row_blocks * kRowBlock, count = std::min(kRowBlock, rows - row);
    const std::int64_t first_vector = task / row_blocks * kVectorBlock;
    const std::int64_t last_vector = std::min(vectors, first_vector + kVectorBlock);
    const std::int64_t size = count * kPixels * lanes;  // of a vector's results
    const Scratch sums(static_cast<std::size_t>((last_vector - first_vector) * size) * sizeof(T));
    TwoByTwoProduct<T> product;
    product.rows = count;
    product.weight_row = of_gradient ? kTaps : channels * kTaps;
    product.weight_depth = of_gradient ? rows * kTaps : kTaps;
    product.reversed = of_gradient;
    for (std::int64_t first = 0; first < channels; first += kDepthBlock) {
      product.depth = std::min(kDepthBlock, channels - first);
      product.weight = weight + row * product.weight_row + first * product.weight_depth;
      product.accumulate = first > 0;
      for (std::int64_t vector = first_vector; vector < last_vector; ++vector) {
        product.source = turned.as<T>() + (vector * channels + first) * kPixels * lanes;
        product.result = sums.as<T>() + (vector - first_vector) * size;
        kernels.product(product);
      }
    }
    for (std::int64_t vector = first_vector; vector < last_vector; ++vector) {
      panels.store_pixels(result + (vector * lanes * rows + row) * kPixels, rows * kPixels,
                          std::min(lanes, g.batch - vector * lanes), sums.as<T>() + (vector - first_vector) * size,
                          lanes, count * kPixels);
    }
  });
}

template <class T>
void run_two_by_two_weight_gradient(const ConvGeometry& g, const T* source, const T* cotangent, T* result) {
  const PanelKernels<T>& panels = panel_kernels<T>();
  const TwoByTwoKernels<T>& kernels = two_by_two_kernels<T>();
  const std::int64_t lanes = kernels.lanes, channels = g.in_channels, rows = g.out_channels;
  const std::int64_t vectors = ceil_div(channels, lanes), vector_size = g.batch * kPixels * lanes;
  const Scratch turned(static_cast<std::size_t>(vectors * vector_size) * sizeof(T));
  parallel_for(vectors, [&](std::int64_t vector) {
    const std::int64_t first = vector * lanes, count = std::min(lanes, channels - first);
    for (std::int64_t image = 0; image < g.batch; ++image) {
      panels.load_pixels(turned.as<T>() + vector * vector_size + image * kPixels * lanes, nullptr,
                         source + (image * channels + first) * kPixels, kPixels, count, kPixels);
    }
  });
  parallel_for(ceil_div(rows, kRowBlock), [&](std::int64_t task) {
    const std::int64_t row = task * kRowBlock, count = std::min(kRowBlock, rows - row);
    // Images are a power of two apart, in one set of the first-level cache: laid next to each other.
    const Scratch block(static_cast<std::size_t>(g.batch * count * kPixels) * sizeof(T));
    for (std::int64_t image = 0; image < g.batch; ++image) {
      std::copy_n(cotangent + (image * rows + row) * kPixels, count * kPixels, block.as<T>() + image * count * kPixels);
    }
    for (std::int64_t vector = 0; vector < vectors; ++vector) {
      const std::int64_t first = vector * lanes;
      kernels.weight_gradient({g.batch, count, std::min(lanes, channels - first), block.as<T>(),
                               turned.as<T>() + vector * vector_size, result + (row * channels + first) * kTaps,
                               channels * kTaps});
    }
  });
}

template bool two_by_two_pays<float>(const ConvGeometry&);
template bool two_by_two_pays<double>(const ConvGeometry&);
template bool two_by_two_weight_gradient_pays<float>(const ConvGeometry&);
template bool two_by_two_weight_gradient_pays<double>(const ConvGeometry&);
template void run_two_by_two(const ConvGeometry&, bool, const float*, const float*, float*);
template void run_two_by_two(const ConvGeometry&, bool, const double*, const double*, double*);
template void run_two_by_two_weight_gradient(const ConvGeometry&, const float*, const float*, float*);
template void run_two_by_two_weight_gradient(const ConvGeometry&, const double*, const double*, double*);

}  // namespace sg::kernels

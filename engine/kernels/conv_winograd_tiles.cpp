// Winograd's convolutions with a tile in each lane, a strip of an image after another.
#include "engine/kernels/conv_winograd_tiles.h"

#include <algorithm>

#include "engine/kernels/conv_winograd_parts.h"
#include "engine/kernels/gemm_narrow.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kMostChannels = 63;
constexpr std::int64_t kStripBytes = 300 * 1024;  // of a strip's transformed source, and as much of its products
constexpr std::int64_t kTasks = 12;               // enough for every thread to have its share
constexpr double kLeastFilled = 0.9;              // of the lanes

template <class T>
const WinogradTileKernels<T>& tile_kernels();
template <>
const WinogradTileKernels<float>& tile_kernels<float>() {
  return SG_OF_ISA(winograd_tile_kernels_f32);
}
template <>
const WinogradTileKernels<double>& tile_kernels<double>() {
  return SG_OF_ISA(winograd_tile_kernels_f64);
}

/// A strip of an image's rows of tiles.
template <class T>
struct Strips {
  const WinogradShape& shape;
  const WinogradTileKernels<T>& kernels = tile_kernels<T>();
  std::int64_t vectors, all_rows, rows, count;  // of tiles in a row; rows of tiles in an image and in a strip
  std::int64_t row_pitch;                       // of staged pixels

  explicit Strips(const WinogradShape& of) : shape(of) {
    vectors = ceil_div(ceil_div(of.result_width, 2), kernels.lanes);
    all_rows = ceil_div(of.result_height, 2);
    const std::int64_t row_bytes = 16 * of.channels * vectors * kernels.lanes * static_cast<std::int64_t>(sizeof(T));
    rows = std::clamp<std::int64_t>(kStripBytes / row_bytes, 1, all_rows);
    if (!runs_alone()) rows = std::min(rows, ceil_div(of.batch * all_rows, kTasks));
    rows = ceil_div(all_rows, ceil_div(all_rows, rows));
    count = ceil_div(all_rows, rows);
    row_pitch = 2 * (vectors + 1) * kernels.lanes;
  }
};

/// The rows of a channel that a strip reads, with zeros around. Those of the next channel are asked for meanwhile.
template <class T>
void stage(const Strips<T>& strips, std::int64_t first_row, std::int64_t rows, const T* plane, T* staged) {
  const WinogradShape& shape = strips.shape;
  const std::int64_t width = std::min(shape.width, strips.row_pitch - shape.padding[1]);
  constexpr auto line = static_cast<std::int64_t>(64 / sizeof(T));
  for (std::int64_t y = 0; y < rows; ++y, staged += strips.row_pitch) {
    const std::int64_t row = first_row + y;
    if (row < 0 || row >= shape.height) {
      std::fill_n(staged, strips.row_pitch, T(0));
      continue;
    }
    const T* const from = plane + row * shape.width;
    for (std::int64_t x = 0; x < width; x += line) __builtin_prefetch(from + shape.height * shape.width + x);
    std::fill_n(staged, shape.padding[1], T(0));
    std::copy_n(from, width, staged + shape.padding[1]);
    std::fill(staged + shape.padding[1] + width, staged + strips.row_pitch, T(0));
  }
}

}  // namespace

template <class T>
bool tile_lanes_pay(const WinogradShape& shape) {
  if (shape.kind != WinogradKind::stride_1 || shape.channels > kMostChannels) return false;
  const std::int64_t tiles = ceil_div(shape.result_width, 2), lanes = tile_kernels<T>().lanes;
  return static_cast<double>(tiles) >= kLeastFilled * static_cast<double>(ceil_div(tiles, lanes) * lanes);
}

template <class T>
void run_winograd_tiles(const WinogradShape& shape, bool of_gradient, const T* source, const T* weight, T* result) {
  const Winograd<T> winograd(shape, channel_pitch<T>(shape.channels, panel_kernels<T>().lanes));
  const Strips<T> strips(shape);
  const GemmKernels<T>& gemm = gemm_kernels<T>();
  const std::int64_t slabs = ceil_div(winograd.row_vectors(), kWinogradSlab), points = winograd.points;
  const Scratch weights(static_cast<std::size_t>(winograd.slab_weights(slabs)) * sizeof(T));
  winograd.transform_weights(0, slabs, of_gradient, weight, weights.as<T>());
  const std::int64_t plane = shape.height * shape.width, result_plane = shape.result_height * shape.result_width;
  parallel_for(shape.batch * strips.count, [&](std::int64_t task) {
    const std::int64_t image = task / strips.count, row = task % strips.count * strips.rows;
    const std::int64_t rows = std::min(strips.rows, strips.all_rows - row);
    const std::int64_t tiles = rows * strips.vectors * strips.kernels.lanes;
    const std::int64_t source_point = point_pitch<T>(shape.channels * tiles);
    const Scratch staged(static_cast<std::size_t>((2 * rows + 2) * strips.row_pitch) * sizeof(T));
    const Scratch transformed(static_cast<std::size_t>(points * source_point) * sizeof(T));
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      stage(strips, 2 * row - shape.padding[0], 2 * rows + 2, source + (image * shape.channels + c) * plane,
            staged.as<T>());
      strips.kernels.transform_source(rows, strips.vectors, staged.as<T>(), strips.row_pitch,
                                      transformed.as<T>() + c * tiles, source_point);
    }
    for (std::int64_t slab = 0; slab < slabs; ++slab) {
      const std::int64_t first = slab * kWinogradSlab * winograd.lanes;
      const std::int64_t count = std::min(shape.rows - first, kWinogradSlab * winograd.lanes);
      const std::int64_t width = ceil_div(count, winograd.lanes) * winograd.lanes;
      const std::int64_t product_point = point_pitch<T>(count * tiles);
      const Scratch products(static_cast<std::size_t>(points * product_point) * sizeof(T));
      const T* const slab_weights = weights.as<T>() + winograd.slab_weights(slab);
      for (std::int64_t point = 0; point < points; ++point) {
        gemm.product({count, tiles, shape.channels, slab_weights + point * point_pitch<T>(shape.channels * width), 1,
                      width, transformed.as<T>() + point * source_point, gemm.width, tiles,
                      products.as<T>() + point * product_point, tiles, false});
      }
      for (std::int64_t r = 0; r < count; ++r) {
        strips.kernels.transform_result(
            rows, strips.vectors, products.as<T>() + r * tiles, product_point, shape.result_height - 2 * row,
            shape.result_width,
            result + (image * shape.rows + first + r) * result_plane + 2 * row * shape.result_width);
      }
    }
  });
}

template bool tile_lanes_pay<float>(const WinogradShape&);
template bool tile_lanes_pay<double>(const WinogradShape&);
template void run_winograd_tiles(const WinogradShape&, bool, const float*, const float*, float*);
template void run_winograd_tiles(const WinogradShape&, bool, const double*, const double*, double*);

}  // namespace sg::kernels

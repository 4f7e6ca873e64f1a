// The parts of Winograd's convolutions: units of tiles, their staged pixels, their transforms and products.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/kernels/conv_panel.h"
#include "engine/kernels/conv_winograd.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/isa/winograd_kernels.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {

/// Bytes of a unit's transformed source: half of a second-level cache.
inline constexpr std::int64_t kWinogradUnitBytes = 400 * 1024;
/// Tiles of a unit, and the least points of all of them: the transformed weights are read once for each unit, and
/// products of 32 rows take 2 KB a tile.
inline constexpr std::int64_t kWinogradMostTiles = 96, kWinogradLeastPoints = 768;
/// Of one piece of the gradient by the weight: its sums stay in the second-level cache.
inline constexpr std::int64_t kWinogradSumBytes = 1 << 20;
/// Channels whose weights are staged together.
inline constexpr std::int64_t kWinogradWeightsAtOnce = 16;
/// The most channels that are summed by themselves: shorter sums round less.
inline constexpr std::int64_t kWinogradPiece = 64;
/// The least number of such pieces in wide tiles, whose transforms round more: with 64 channels and positive pixels,
/// where it matters most, the rms error is 0.97 of a plain sum's (two pieces: 1.07; four: 0.92, and a tenth more time).
/// Without fused multiply-adds it takes four.
inline constexpr std::int64_t kWinogradPieces = 3, kWinogradUnfusedPieces = 4;
/// Vectors of rows that are multiplied together.
inline constexpr int kWinogradSlab = 2;

/// From one point to the next, for so many elements at each: an odd number of cache lines, so that the points of a tile
/// spread over the sets of the first-level cache.
template <class T>
std::int64_t point_pitch(std::int64_t elements) {
  constexpr auto line = static_cast<std::int64_t>(64 / sizeof(T));
  return (ceil_div(elements, line) | 1) * line;
}

/// The algorithm in the instruction set in use.
template <class T>
const WinogradAlgorithm<T>& winograd_algorithm(WinogradKind kind);

/// A unit is some whole images, or a strip of one image's rows of tiles.
struct WinogradUnit {
  std::int64_t image, images, row, rows, tiles;  // rows of tiles
};

struct WinogradUnits {
  std::int64_t columns, all_rows;  // of tiles in an image
  std::int64_t images, strip;      // the largest of each
  std::int64_t strips, count;
  const WinogradShape& shape;
  int row_results;  // of a tile

  template <class T>
  WinogradUnits(const WinogradShape& of, const WinogradAlgorithm<T>& algorithm, std::int64_t elements_per_tile)
      : shape(of), row_results(algorithm.axis[0].results) {
    columns = ceil_div(of.result_width, algorithm.axis[1].results);
    all_rows = ceil_div(of.result_height, row_results);
    const std::int64_t points = algorithm.points(),
                       bytes = points * elements_per_tile * static_cast<std::int64_t>(sizeof(T));
    const std::int64_t wanted =
        std::clamp(kWinogradUnitBytes / bytes, kWinogradLeastPoints / points, kWinogradMostTiles);
    strip = std::clamp<std::int64_t>(wanted / columns, 1, all_rows);
    strip = ceil_div(all_rows, ceil_div(all_rows, strip));
    images = strip < all_rows ? 1 : std::clamp<std::int64_t>(wanted / (all_rows * columns), 1, of.batch);
    images = ceil_div(of.batch, ceil_div(of.batch, images));
    strips = ceil_div(all_rows, strip);
    count = ceil_div(of.batch, images) * strips;
  }
  std::int64_t most_tiles() const { return images * strip * columns; }
  WinogradUnit unit(std::int64_t index) const {
    WinogradUnit u;
    u.row = index % strips * strip;
    u.rows = std::min(strip, all_rows - u.row);
    u.image = index / strips * images;
    u.images = std::min(images, shape.batch - u.image);
    u.tiles = u.images * u.rows * columns;
    return u;
  }
  WinogradTiles tiles(const WinogradUnit& u, std::int64_t staged_columns) const {
    return {u.rows, columns, std::min(row_results * u.rows, shape.result_height - row_results * u.row),
            shape.result_width, staged_columns};
  }
};

/// How images are staged with a channel in each lane, zeros around: the same for all units of a call.
struct WinogradPixels {
  std::int64_t height, width, first_column, columns;  // first_column is not inside of the image
  std::vector<std::int32_t> offsets;                  // of the pixels of neighbouring rows of the image, from the first

  WinogradPixels(std::int64_t image_height, std::int64_t image_width, std::int64_t first, std::int64_t most_rows,
                 std::int64_t staged_columns, std::int64_t lanes)
      : height(image_height),
        width(image_width),
        first_column(first),
        columns(std::max(staged_columns, image_width - first)) {
    const std::int64_t rows = std::min(most_rows, height);
    offsets.reserve(static_cast<std::size_t>(rows * width));
    for (std::int64_t y = 0; y < rows; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        offsets.push_back(static_cast<std::int32_t>((y * columns + x - first_column) * lanes));
      }
    }
  }
};

/// Rows of images for the transforms of a unit, one vector of channels of an image at a time.
template <class T>
class WinogradStage {
 public:
  /// The unit's tiles read `rows` rows of each image from first_row on.
  WinogradStage(const PanelKernels<T>& kernels, const WinogradPixels& pixels, std::int64_t first_row, std::int64_t rows)
      : kernels_(kernels),
        pixels_(pixels),
        begin_(std::clamp<std::int64_t>(first_row, 0, pixels.height)),
        end_(std::clamp<std::int64_t>(first_row + rows, begin_, pixels.height)),
        first_offset_((begin_ - first_row) * pixels.columns * kernels.lanes),
        staged_(static_cast<std::size_t>(rows * pixels.columns * kernels.lanes) * sizeof(T)) {
    std::memset(staged_.template as<T>(), 0,
                static_cast<std::size_t>(rows * pixels.columns * kernels.lanes) * sizeof(T));
  }
  /// Stages one vector of the channels of an image and returns where it begins.
  const T* load(const T* image, std::int64_t channels) const {
    kernels_.load_pixels(staged_.template as<T>() + first_offset_, pixels_.offsets.data(),
                         image + begin_ * pixels_.width, pixels_.height * pixels_.width, channels,
                         (end_ - begin_) * pixels_.width);
    return staged_.template as<T>();
  }

 private:
  const PanelKernels<T>& kernels_;
  const WinogradPixels& pixels_;
  std::int64_t begin_, end_, first_offset_;
  Scratch staged_;
};

/// What all parts of one call share.
template <class T>
struct Winograd {
  const WinogradShape& shape;
  const PanelKernels<T>& kernels = panel_kernels<T>();
  const WinogradAlgorithm<T>& algorithm = winograd_algorithm<T>(shape.kind);
  std::int64_t lanes = kernels.lanes, points = algorithm.points();
  std::int64_t pitch = channel_pitch<T>(shape.channels, kernels.lanes);        // of the transformed source
  std::int64_t cotangent_pitch = channel_pitch<T>(shape.rows, kernels.lanes);  // of the transformed cotangent
  WinogradUnits units;
  WinogradAxis vertical = algorithm.axis[0], horizontal = algorithm.axis[1];
  WinogradPixels source_pixels;

  /// A unit of `elements_per_tile` at each point shall stay in the second-level cache.
  Winograd(const WinogradShape& of, std::int64_t elements_per_tile)
      : shape(of),
        units(of, algorithm, elements_per_tile),
        source_pixels(of.height, of.width, -of.padding[1], pixels_of(vertical, units.strip),
                      pixels_of(horizontal, units.columns), lanes) {}

  /// That so many neighbouring tiles read.
  static std::int64_t pixels_of(const WinogradAxis& axis, std::int64_t tiles) {
    return axis.step * tiles + axis.patch - axis.step;
  }

  std::int64_t source_size() const { return points * point_pitch<T>(units.most_tiles() * pitch); }
  std::int64_t cotangent_size() const { return points * point_pitch<T>(units.most_tiles() * cotangent_pitch); }
  std::int64_t channel_vectors() const { return ceil_div(shape.channels, lanes); }
  std::int64_t row_vectors() const { return ceil_div(shape.rows, lanes); }
  /// Channels that are summed before their sum is added to others'.
  std::int64_t piece() const {
    std::int64_t pieces = ceil_div(shape.channels, kWinogradPiece);
    if (shape.kind == WinogradKind::stride_1_wide) {
      pieces = std::max(pieces, isa() == Isa::baseline ? kWinogradUnfusedPieces : kWinogradPieces);
    }
    return ceil_div(shape.channels, pieces);
  }

  /// Vectors [first, last) of the channels of a unit's source.
  void transform_source(const WinogradUnit& u, std::int64_t first, std::int64_t last, const T* source, T* to) const {
    const WinogradStage<T> stage(kernels, source_pixels, vertical.step * u.row - shape.padding[0],
                                 pixels_of(vertical, u.rows));
    const std::int64_t plane = shape.height * shape.width, image_tiles = u.rows * units.columns;
    for (std::int64_t v = first; v < last; ++v) {
      const std::int64_t channel = v * lanes, channels = std::min(lanes, shape.channels - channel);
      for (std::int64_t i = 0; i < u.images; ++i) {
        const T* staged = stage.load(source + ((u.image + i) * shape.channels + channel) * plane, channels);
        algorithm.transform_source(units.tiles(u, source_pixels.columns), staged,
                                   to + i * image_tiles * pitch + channel, pitch, point_pitch<T>(u.tiles * pitch));
      }
    }
  }

  WinogradPixels cotangent_pixels() const {
    return {shape.result_height,
            shape.result_width,
            0,
            vertical.results * units.strip,
            horizontal.results * units.columns,
            lanes};
  }

  void transform_cotangent(const WinogradPixels& pixels, const WinogradUnit& u, std::int64_t first, std::int64_t last,
                           const T* cotangent, T* to) const {
    const WinogradStage<T> stage(kernels, pixels, vertical.results * u.row, vertical.results * u.rows);
    const std::int64_t plane = shape.result_height * shape.result_width, image_tiles = u.rows * units.columns;
    for (std::int64_t v = first; v < last; ++v) {
      const std::int64_t row = v * lanes, rows = std::min(lanes, shape.rows - row);
      for (std::int64_t i = 0; i < u.images; ++i) {
        const T* staged = stage.load(cotangent + ((u.image + i) * shape.rows + row) * plane, rows);
        algorithm.transform_cotangent(units.tiles(u, pixels.columns), staged,
                                      to + i * image_tiles * cotangent_pitch + row, cotangent_pitch,
                                      point_pitch<T>(u.tiles * cotangent_pitch));
      }
    }
  }

  std::int64_t slab_weights(std::int64_t slabs) const {
    return slabs * points * point_pitch<T>(shape.channels * kWinogradSlab * lanes);
  }

  /// Slabs [first_slab, last_slab) of the result rows, one after another: point, channel, row of the slab.
  void transform_weights(std::int64_t first_slab, std::int64_t last_slab, bool of_gradient, const T* weight,
                         T* to) const {
    const std::int64_t vectors = row_vectors(), chunks = ceil_div(shape.channels, kWinogradWeightsAtOnce);
    const std::int64_t first_vector = first_slab * kWinogradSlab,
                       last_vector = std::min(vectors, last_slab * kWinogradSlab);
    parallel_for((last_vector - first_vector) * chunks, [&](std::int64_t task) {
      const std::int64_t vector = first_vector + task / chunks, slab = vector / kWinogradSlab;
      const std::int64_t width = std::min<std::int64_t>(kWinogradSlab, vectors - slab * kWinogradSlab) * lanes;
      const std::int64_t row = vector * lanes, rows = std::min(lanes, shape.rows - row);
      const std::int64_t first = task % chunks * kWinogradWeightsAtOnce;
      const std::int64_t channels = std::min(kWinogradWeightsAtOnce, shape.channels - first);
      const Scratch scratch(static_cast<std::size_t>(9 * kWinogradWeightsAtOnce * lanes) * sizeof(T));
      T* const staged = scratch.as<T>();
      if (of_gradient) {
        for (std::int64_t c = 0; c < channels; ++c) {
          kernels.load_pixels(staged + 9 * c * lanes, nullptr, weight + ((first + c) * shape.rows + row) * 9, 9, rows,
                              9);
        }
      } else {
        kernels.load_pixels(staged, nullptr, weight + (row * shape.channels + first) * 9, shape.channels * 9, rows,
                            9 * channels);
      }
      T* const slab_begin = to + slab_weights(slab - first_slab);
      algorithm.transform_weight(staged, channels, of_gradient,
                                 slab_begin + first * width + vector % kWinogradSlab * lanes, width,
                                 point_pitch<T>(shape.channels * width));
    });
  }

  /// One slab of the result rows of a unit, with the slab's weights.
  void multiply(const WinogradUnit& u, std::int64_t slab, const T* transformed, const T* weights, T* result) const {
    const std::int64_t plane = shape.result_height * shape.result_width, image_tiles = u.rows * units.columns;
    const WinogradTiles tiles = units.tiles(u, 0);
    const Scratch staged(static_cast<std::size_t>(tiles.result_rows * tiles.result_columns * lanes) * sizeof(T));
    const int vectors = static_cast<int>(std::min<std::int64_t>(kWinogradSlab, row_vectors() - slab * kWinogradSlab));
    const std::int64_t width = vectors * lanes;
    const std::int64_t source_point = point_pitch<T>(u.tiles * pitch), product_point = point_pitch<T>(u.tiles * width);
    const std::int64_t weight_point = point_pitch<T>(shape.channels * width);
    const Scratch products(static_cast<std::size_t>(points * product_point) * sizeof(T));
    for (int point = 0; point < points; ++point) {
      PanelProduct<T> product;
      constexpr PanelTerm whole = {0, 0};
      product.terms = &whole;
      product.term_count = 1;
      product.a_row = pitch;
      product.a_depth = 1;
      product.rows = u.tiles;
      product.b_row = width;
      product.c = products.as<T>() + point * product_point;
      product.c_row = width;
      product.c_vector = lanes;
      product.vectors = vectors;
      for (std::int64_t channel = 0; channel < shape.channels; channel += piece()) {
        product.a = transformed + point * source_point + channel;
        product.b = weights + point * weight_point + channel * width;
        product.depth = std::min(piece(), shape.channels - channel);
        product.accumulate = channel > 0;
        kernels.product(product);
      }
    }
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t row = (slab * kWinogradSlab + v) * lanes, rows = std::min(lanes, shape.rows - row);
      for (std::int64_t i = 0; i < u.images; ++i) {
        algorithm.transform_result(tiles, products.as<T>() + i * image_tiles * width + v * lanes, width, product_point,
                                   staged.as<T>());
        kernels.store_pixels(
            result + ((u.image + i) * shape.rows + row) * plane + vertical.results * u.row * shape.result_width, plane,
            rows, staged.as<T>(), lanes, tiles.result_rows * tiles.result_columns);
      }
    }
  }
};

}  // namespace sg::kernels

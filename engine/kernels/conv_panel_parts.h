// The parts of convolutions with a channel in each lane: units of staged pixels, panels of weights, and their products.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/kernels/conv_panel.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {

/// Bytes of a unit's staged pixels: with the panel, inside a second-level cache.
inline constexpr std::int64_t kPanelUnitBytes = 256 * 1024;
/// Pixels of a unit's result: its panel of 32 rows takes 128 KB.
inline constexpr std::int64_t kPanelMostPixels = 1024;
/// Rows of pixels that are shorter take panels that are wider.
inline constexpr std::int64_t kPanelShortRun = 6;
/// Units that are enough for tasks to be whole units; one thread alone takes unit after unit.
inline constexpr std::int64_t kPanelUnits = 12;
/// Channels whose weights are turned together.
inline constexpr std::int64_t kPanelWeightsAtOnce = 16;

/// Multiply-adds of a result that follow each other before their sum is added to others': a running sum of n terms
/// rounds like sqrt(n), and each piece costs a pass over the results. As many as 16 channels of 3 x 3 taps have.
inline constexpr std::int64_t kPanelSum = 144;

/// The product in pieces of at most `kPanelSum` multiply-adds a result.
template <class T>
void product_in_pieces(const PanelKernels<T>& kernels, const PanelProduct<T>& whole) {
  if (whole.term_count * whole.depth <= kPanelSum) return kernels.product(whole);
  const std::int64_t depth = ceil_div(whole.depth, ceil_div(whole.depth, kPanelSum));
  const std::int64_t terms = std::max<std::int64_t>(1, kPanelSum / depth);
  const std::int64_t even_terms = ceil_div(whole.term_count, ceil_div(whole.term_count, terms));
  PanelProduct<T> piece = whole;
  for (std::int64_t first = 0; first < whole.depth; first += depth) {
    piece.a = whole.a + first * whole.a_depth;
    piece.b = whole.b + first * whole.b_row;
    piece.depth = std::min(depth, whole.depth - first);
    for (std::int64_t term = 0; term < whole.term_count; term += even_terms) {
      piece.terms = whole.terms + term;
      piece.term_count = std::min(even_terms, whole.term_count - term);
      kernels.product(piece);
      piece.accumulate = true;
    }
  }
}

struct PanelUnit {
  std::int64_t image, images, row, rows;  // rows of positions
};

/// Vectors of rows that are multiplied together.
struct PanelSlab {
  std::int64_t first;
  int vectors;
};

/// A tap of one phase, and where its weights stand among all.
struct PanelTap {
  std::int64_t y, x;  // reads the source at position * stride + this
  std::int64_t order, kernel_index;
};

/// What all parts of one call share.
template <class T>
struct Panels {
  const PanelKernels<T>& kernels = panel_kernels<T>();
  const Correlation& g;
  const CorrelationAxis &vertical = g.axis[0], &horizontal = g.axis[1];
  std::int64_t lanes = kernels.lanes, pitch = channel_pitch<T>(g.channels, kernels.lanes);
  std::int64_t taps = static_cast<std::int64_t>(vertical.tap.size() * horizontal.tap.size());
  std::int64_t low_y = *std::min_element(vertical.tap.begin(), vertical.tap.end());
  std::int64_t low_x = *std::min_element(horizontal.tap.begin(), horizontal.tap.end());
  std::int64_t span_y = *std::max_element(vertical.tap.begin(), vertical.tap.end()) - low_y + 1;
  std::int64_t high_x = *std::max_element(horizontal.tap.begin(), horizontal.tap.end());
  // Columns that nothing reads are staged as well.
  std::int64_t first_column = std::min<std::int64_t>(low_x, 0);
  std::int64_t staged_columns =
      std::max((horizontal.positions - 1) * horizontal.stride + high_x + 1, horizontal.size) - first_column;
  std::int64_t channel_vectors = ceil_div(g.channels, lanes), row_vectors = ceil_div(g.rows, lanes);
  bool along_images;  // rows of a product are the same pixel of neighbouring images, or else neighbours in a row
  std::vector<PanelSlab> slabs;
  std::vector<std::int64_t> slab_of;  // by vector of rows
  std::int64_t images, strip, strips, units;
  std::vector<std::vector<PanelTap>> phases;
  std::vector<std::int32_t> pixel_offsets;  // where the pixels of the source's rows are staged, from a row's first on

  Panels(const Correlation& correlation, std::int64_t extra_bytes_per_pixel) : g(correlation) {
    const std::int64_t height = vertical.positions, width = horizontal.positions;
    const std::int64_t pixels = height * width;
    along_images = width <= kPanelShortRun && g.batch > width;
    const auto bytes = [&](std::int64_t rows) {
      return staged_rows(rows) * staged_columns * pitch * static_cast<std::int64_t>(sizeof(T)) +
             rows * width * extra_bytes_per_pixel;
    };
    strip = height;
    images = 1;
    if (bytes(height) > kPanelUnitBytes || pixels > kPanelMostPixels) {
      while (strip > 1 && (bytes(strip) > kPanelUnitBytes || strip * width > kPanelMostPixels)) --strip;
      strip = std::max(strip, std::min(height, ceil_div(span_y, vertical.stride)));
    } else {
      images = std::min(kPanelUnitBytes / bytes(height), kPanelMostPixels / pixels);
      if (along_images) images = std::max<std::int64_t>(images, 12);
      images = std::clamp<std::int64_t>(images, 1, g.batch);
    }
    strip = ceil_div(height, ceil_div(height, strip));
    images = ceil_div(g.batch, ceil_div(g.batch, images));
    strips = ceil_div(height, strip);
    units = ceil_div(g.batch, images) * strips;
    const std::int64_t widest = (along_images ? images : width) <= kPanelShortRun ? 4 : 2;
    for (std::int64_t first = 0; first < row_vectors;) {
      const std::int64_t left = row_vectors - first, vectors = left >= widest ? widest : left >= 2 ? 2 : 1;
      slab_of.insert(slab_of.end(), static_cast<std::size_t>(vectors), static_cast<std::int64_t>(slabs.size()));
      slabs.push_back({first, static_cast<int>(vectors)});
      first += vectors;
    }
    const std::int64_t source_rows = std::min(staged_rows(strip), vertical.size);
    for (std::int64_t y = 0; y < source_rows; ++y) {
      for (std::int64_t x = 0; x < horizontal.size; ++x) {
        pixel_offsets.push_back(static_cast<std::int32_t>((y * staged_columns + x - first_column) * pitch));
      }
    }
    std::int64_t order = 0;
    for (int py = 0; py < vertical.phases; ++py) {
      for (int px = 0; px < horizontal.phases; ++px) {
        std::vector<PanelTap> chosen;
        for (std::size_t y = 0; y < vertical.tap.size(); ++y) {
          for (std::size_t x = 0; x < horizontal.tap.size(); ++x) {
            if (vertical.phase[y] != py || horizontal.phase[x] != px) continue;
            chosen.push_back({vertical.tap[y], horizontal.tap[x], order++,
                              static_cast<std::int64_t>(y * horizontal.tap.size() + x)});
          }
        }
        phases.push_back(std::move(chosen));
      }
    }
  }

  std::int64_t staged_rows(std::int64_t rows) const { return (rows - 1) * vertical.stride + span_y; }
  std::int64_t staged_image(std::int64_t rows) const { return staged_rows(rows) * staged_columns * pitch; }
  std::int64_t staged_unit() const { return images * staged_image(strip); }
  PanelUnit unit(std::int64_t index) const {
    PanelUnit u;
    u.row = index % strips * strip;
    u.rows = std::min(strip, vertical.positions - u.row);
    u.image = index / strips * images;
    u.images = std::min(images, g.batch - u.image);
    return u;
  }

  /// Zeros around the pixels of a unit's source.
  void clear_margins(const PanelUnit& u, T* to) const {
    const std::int64_t first_row = u.row * vertical.stride + low_y, rows = staged_rows(u.rows);
    const std::int64_t begin = std::clamp<std::int64_t>(first_row, 0, vertical.size) - first_row;
    const std::int64_t end = std::clamp<std::int64_t>(first_row + rows, begin + first_row, vertical.size) - first_row;
    const std::int64_t row_size = staged_columns * pitch, left = -first_column * pitch;
    const std::int64_t inside = left + horizontal.size * pitch;
    for (std::int64_t i = 0; i < u.images; ++i, to += rows * row_size) {
      if (begin >= end) {
        std::fill_n(to, rows * row_size, T(0));
        continue;
      }
      std::fill_n(to, begin * row_size + left, T(0));
      for (std::int64_t y = begin; y + 1 < end; ++y) {
        std::fill_n(to + y * row_size + inside, row_size - inside + left, T(0));
      }
      std::fill(to + (end - 1) * row_size + inside, to + rows * row_size, T(0));
    }
  }

  /// Vectors [first, last) of the channels of a unit's source.
  void stage(const PanelUnit& u, std::int64_t first, std::int64_t last, const T* source, T* to) const {
    const std::int64_t first_row = u.row * vertical.stride + low_y, rows = staged_rows(u.rows);
    const std::int64_t begin = std::clamp<std::int64_t>(first_row, 0, vertical.size);
    const std::int64_t end = std::clamp<std::int64_t>(first_row + rows, begin, vertical.size);
    const std::int64_t image_size = staged_image(u.rows), plane = vertical.size * horizontal.size;
    to += (begin - first_row) * staged_columns * pitch;
    for (std::int64_t i = 0; i < u.images; ++i) {
      const T* const image = source + (u.image + i) * g.channels * plane + begin * horizontal.size;
      for (std::int64_t v = first; v < last; ++v) {
        kernels.load_pixels(to + i * image_size + v * lanes, pixel_offsets.data(), image + v * lanes * plane, plane,
                            std::min(lanes, g.channels - v * lanes), (end - begin) * horizontal.size);
      }
    }
  }

  bool reads(const CorrelationAxis& axis, std::int64_t position, std::int64_t tap) const {
    const std::int64_t at = position * axis.stride + tap;
    return at >= 0 && at < axis.size;
  }

  std::int64_t weights_before(const PanelSlab& slab) const { return slab.first * lanes * taps * g.channels; }

  /// Of some slabs of rows, one after another: tap, channel, row of the slab.
  void turn_weights(const PanelSlab& first_slab, const PanelSlab& last_slab, bool of_gradient, const T* weight,
                    T* to) const {
    const std::int64_t chunks = ceil_div(g.channels, kPanelWeightsAtOnce);
    std::vector<std::int64_t> order(static_cast<std::size_t>(taps));
    for (const std::vector<PanelTap>& phase : phases) {
      for (const PanelTap& tap : phase) order[static_cast<std::size_t>(tap.kernel_index)] = tap.order;
    }
    parallel_for((last_slab.first + last_slab.vectors - first_slab.first) * chunks, [&](std::int64_t task) {
      const std::int64_t vector = first_slab.first + task / chunks;
      const PanelSlab& slab = slabs[static_cast<std::size_t>(slab_of[static_cast<std::size_t>(vector)])];
      const std::int64_t width = slab.vectors * lanes;
      const std::int64_t row = vector * lanes, rows = std::min(lanes, g.rows - row);
      const std::int64_t first = task % chunks * kPanelWeightsAtOnce;
      const std::int64_t channels = std::min(kPanelWeightsAtOnce, g.channels - first);
      std::vector<std::int32_t> offsets;
      for (std::int64_t c = 0; c < (of_gradient ? 1 : channels); ++c) {
        for (std::int64_t t = 0; t < taps; ++t) {
          offsets.push_back(static_cast<std::int32_t>((order[static_cast<std::size_t>(t)] * g.channels + c) * width));
        }
      }
      T* const begin =
          to + weights_before(slab) - weights_before(first_slab) + first * width + (vector - slab.first) * lanes;
      if (of_gradient) {
        for (std::int64_t c = 0; c < channels; ++c) {
          kernels.load_pixels(begin + c * width, offsets.data(), weight + ((first + c) * g.rows + row) * taps, taps,
                              rows, taps);
        }
      } else {
        kernels.load_pixels(begin, offsets.data(), weight + (row * g.channels + first) * taps, g.channels * taps, rows,
                            channels * taps);
      }
    });
  }

  /// One slab of the rows of a unit, with the slab's weights.
  void multiply(const PanelUnit& u, const PanelSlab& slab, const T* staged, const T* weights, T* result) const;
};

template <class T>
void Panels<T>::multiply(const PanelUnit& u, const PanelSlab& slab, const T* staged, const T* weights,
                         T* result) const {
  const std::int64_t width = slab.vectors * lanes, columns = horizontal.results;
  const std::int64_t first_row = u.row * vertical.phases;
  const std::int64_t rows = std::min(u.rows * vertical.phases, vertical.results - first_row);
  const std::int64_t image_pixels = rows * columns, image_size = staged_image(u.rows);
  const Scratch results(static_cast<std::size_t>(u.images * image_pixels * width) * sizeof(T));
  std::vector<PanelTerm> terms;
  PanelProduct<T> product;
  product.a_depth = 1;
  product.b = weights;
  product.b_row = width;
  product.depth = g.channels;
  product.c_vector = u.images * image_pixels * lanes;
  product.vectors = slab.vectors;
  product.accumulate = false;
  const auto collect = [&](const std::vector<PanelTap>& phase, std::int64_t y, std::int64_t x, bool any_column) {
    terms.clear();
    for (const PanelTap& tap : phase) {
      if (!reads(vertical, u.row + y, tap.y) || !(any_column || reads(horizontal, x, tap.x))) continue;
      terms.push_back(
          {((y * vertical.stride + tap.y - low_y) * staged_columns + x * horizontal.stride + tap.x - first_column) *
               pitch,
           tap.order * g.channels * width});
    }
    product.terms = terms.data();
    product.term_count = static_cast<std::int64_t>(terms.size());
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t px = 0; px < horizontal.phases; ++px) {
      const std::int64_t run = ceil_div(columns - px, horizontal.phases), y = row / vertical.phases;
      const std::vector<PanelTap>& phase =
          phases[static_cast<std::size_t>(row % vertical.phases * horizontal.phases + px)];
      T* const c = results.as<T>() + (row * columns + px) * lanes;
      if (along_images) {
        product.a = staged;
        product.a_row = image_size;
        product.rows = u.images;
        product.c_row = image_pixels * lanes;
        for (std::int64_t x = 0; x < run; ++x) {
          collect(phase, y, x, false);
          product.c = c + x * horizontal.phases * lanes;
          product_in_pieces(kernels, product);
        }
        continue;
      }
      collect(phase, y, 0, true);
      product.a_row = horizontal.stride * pitch;
      product.rows = run;
      product.c_row = horizontal.phases * lanes;
      for (std::int64_t i = 0; i < u.images; ++i) {
        product.a = staged + i * image_size;
        product.c = c + i * image_pixels * lanes;
        product_in_pieces(kernels, product);
      }
    }
  }
  const std::int64_t plane = vertical.results * columns;
  for (int v = 0; v < slab.vectors; ++v) {
    const std::int64_t row = (slab.first + v) * lanes;
    for (std::int64_t i = 0; i < u.images; ++i) {
      kernels.store_pixels(result + ((u.image + i) * g.rows + row) * plane + first_row * columns, plane,
                           std::min(lanes, g.rows - row), results.as<T>() + (v * u.images + i) * image_pixels * lanes,
                           lanes, image_pixels);
    }
  }
}

}  // namespace sg::kernels

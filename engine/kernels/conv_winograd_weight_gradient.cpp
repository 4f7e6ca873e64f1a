// The gradient of a 3 x 3 convolution by its weight with Winograd's algorithms: the transposes of what the convolution
// does, summed over all tiles at each point.
#include "engine/kernels/conv_winograd_parts.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kUnits = 12;            // enough that each piece has some
constexpr std::int64_t kWaveBytes = 48 << 20;  // of transformed source and cotangent at once

}  // namespace

template <class T>
void run_winograd_weight_gradient(const WinogradShape& shape, const T* source, const T* cotangent, T* result) {
  const int vector = panel_kernels<T>().lanes;
  const Winograd<T> winograd(shape,
                             (channel_pitch<T>(shape.channels, vector) + channel_pitch<T>(shape.rows, vector)) / 2);
  const WinogradUnits& units = winograd.units;
  const WinogradPixels cotangent_pixels = winograd.cotangent_pixels();
  const std::int64_t lanes = winograd.lanes, points = winograd.points, row_pitch = winograd.cotangent_pitch;
  const std::int64_t size = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t channel_vectors = winograd.channel_vectors(), row_vectors = winograd.row_vectors();
  const std::int64_t sum_row = channel_vectors * lanes, sum_point = point_pitch<T>(shape.rows * sum_row);
  const std::int64_t sum_size = points * sum_point;
  const std::int64_t source_size = winograd.source_size();
  const std::int64_t unit_size = source_size + winograd.cotangent_size();

  const auto add_point = [&](const WinogradUnit& u, int point, const T* transformed, bool first, T* sums) {
    for (std::int64_t v = 0; v < channel_vectors; v += kWinogradSlab) {
      PanelProduct<T> product;
      constexpr PanelTerm whole = {0, 0};
      product.terms = &whole;
      product.term_count = 1;
      product.a = transformed + source_size + point * point_pitch<T>(u.tiles * row_pitch);
      product.a_row = 1;
      product.a_depth = row_pitch;
      product.rows = shape.rows;
      product.depth = u.tiles;
      product.b = transformed + point * point_pitch<T>(u.tiles * winograd.pitch) + v * lanes;
      product.b_row = winograd.pitch;
      product.c = sums + point * sum_point + v * lanes;
      product.c_row = sum_row;
      product.c_vector = lanes;
      product.vectors = static_cast<int>(std::min<std::int64_t>(kWinogradSlab, channel_vectors - v));
      product.accumulate = !first;
      winograd.kernels.product(product);
    }
  };

  // Where the sums are small each piece has its own, next to what it transforms; otherwise a task has some points of
  // all units.
  const bool small_sums = sum_size * size <= kWinogradSumBytes, in_pieces = units.count >= kUnits && small_sums;
  const std::int64_t pieces = in_pieces ? kUnits : 1, units_per_piece = ceil_div(units.count, pieces);
  const Scratch sums(static_cast<std::size_t>(pieces * sum_size) * sizeof(T));
  const std::int64_t used_pieces = ceil_div(units.count, units_per_piece);
  if (in_pieces || (small_sums && runs_alone())) {
    parallel_for(used_pieces, [&](std::int64_t piece) {
      const Scratch transformed(static_cast<std::size_t>(unit_size) * sizeof(T));
      const std::int64_t first = piece * units_per_piece, last = std::min(units.count, first + units_per_piece);
      for (std::int64_t i = first; i < last; ++i) {
        const WinogradUnit unit = units.unit(i);
        winograd.transform_source(unit, 0, channel_vectors, source, transformed.as<T>());
        winograd.transform_cotangent(cotangent_pixels, unit, 0, row_vectors, cotangent,
                                     transformed.as<T>() + source_size);
        for (int point = 0; point < points; ++point) {
          add_point(unit, point, transformed.as<T>(), i == first, sums.as<T>() + piece * sum_size);
        }
      }
    });
  } else {
    const std::int64_t wave = std::clamp<std::int64_t>(kWaveBytes / (unit_size * size), 1, units.count);
    const Scratch transformed(static_cast<std::size_t>(wave * unit_size) * sizeof(T));
    const std::int64_t vectors = channel_vectors + row_vectors;
    for (std::int64_t first = 0; first < units.count; first += wave) {
      const std::int64_t last = std::min(units.count, first + wave);
      parallel_for((last - first) * vectors, [&](std::int64_t i) {
        const WinogradUnit unit = units.unit(first + i / vectors);
        T* const to = transformed.as<T>() + i / vectors * unit_size;
        const std::int64_t which = i % vectors;
        if (which < channel_vectors) {
          winograd.transform_source(unit, which, which + 1, source, to);
        } else {
          winograd.transform_cotangent(cotangent_pixels, unit, which - channel_vectors, which - channel_vectors + 1,
                                       cotangent, to + source_size);
        }
      });
      parallel_for(points, [&](std::int64_t point) {
        for (std::int64_t i = first; i < last; ++i) {
          add_point(units.unit(i), static_cast<int>(point), transformed.as<T>() + (i - first) * unit_size, i == 0,
                    sums.as<T>());
        }
      });
    }
  }
  parallel_for(shape.rows, [&](std::int64_t row) {
    const Scratch staged(static_cast<std::size_t>(9 * sum_row) * sizeof(T));
    winograd.algorithm.transform_weight_gradient(sums.as<T>() + row * sum_row, channel_vectors, sum_point, used_pieces,
                                                 sum_size, staged.as<T>());
    for (std::int64_t v = 0; v < channel_vectors; ++v) {
      winograd.kernels.store_pixels(result + (row * shape.channels + v * lanes) * 9, 9,
                                    std::min(lanes, shape.channels - v * lanes), staged.as<T>() + 9 * v * lanes, lanes,
                                    9);
    }
  });
}

template void run_winograd_weight_gradient(const WinogradShape&, const float*, const float*, float*);
template void run_winograd_weight_gradient(const WinogradShape&, const double*, const double*, double*);

}  // namespace sg::kernels

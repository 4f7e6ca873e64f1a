// The gradient by the weight of convolutions with a channel in each lane: sums over the pixels of all units, for each
// tap.
#include <cstring>

#include "engine/kernels/conv_panel_parts.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kSumBytes = 1 << 20;    // of one piece of the gradient by the weight
constexpr std::int64_t kWaveBytes = 48 << 20;  // of staged pixels at once

/// The cotangent's pixels of a unit, row by row with nothing around.
template <class T>
void stage_cotangent(const Panels<T>& panels, const PanelUnit& u, std::int64_t first, std::int64_t last,
                     const T* cotangent, std::int64_t pitch, T* to) {
  const Correlation& g = panels.g;
  const std::int64_t width = g.axis[1].positions, plane = g.axis[0].positions * width, pixels = u.rows * width;
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(pixels));
  for (std::int64_t p = 0; p < pixels; ++p) offsets[static_cast<std::size_t>(p)] = static_cast<std::int32_t>(p * pitch);
  for (std::int64_t i = 0; i < u.images; ++i) {
    for (std::int64_t v = first; v < last; ++v) {
      panels.kernels.load_pixels(to + i * pixels * pitch + v * panels.lanes, offsets.data(),
                                 cotangent + ((u.image + i) * g.rows + v * panels.lanes) * plane + u.row * width, plane,
                                 std::min(panels.lanes, g.rows - v * panels.lanes), pixels);
    }
  }
}

/// Adds a unit's part to the sums of some rows for one tap: [rows, vectors of channels].
template <class T>
void add_tap(const Panels<T>& panels, const PanelUnit& u, const PanelTap& tap, std::int64_t first_row,
             std::int64_t rows, const T* staged, const T* cotangent, std::int64_t cotangent_pitch, bool accumulate,
             T* sums) {
  const CorrelationAxis &vertical = panels.vertical, &horizontal = panels.horizontal;
  const std::int64_t width = horizontal.positions, image_size = panels.staged_image(u.rows);
  const std::int64_t sum_row = panels.channel_vectors * panels.lanes;
  std::vector<PanelTerm> terms;
  const auto add_term = [&](std::int64_t image, std::int64_t y, std::int64_t x) {
    const std::int64_t row = y * vertical.stride + tap.y - panels.low_y;
    const std::int64_t column = x * horizontal.stride + tap.x - panels.first_column;
    terms.push_back({((image * u.rows + y) * width + x) * cotangent_pitch,
                     image * image_size + (row * panels.staged_columns + column) * panels.pitch});
  };
  for (std::int64_t y = 0; y < u.rows; ++y) {
    if (!panels.reads(vertical, u.row + y, tap.y)) continue;
    for (std::int64_t i = 0; i < (panels.along_images ? width : u.images); ++i) {
      if (!panels.along_images) {
        add_term(i, y, 0);
      } else if (panels.reads(horizontal, i, tap.x)) {
        add_term(0, y, i);
      }
    }
  }
  PanelProduct<T> product;
  product.terms = terms.data();
  product.term_count = static_cast<std::int64_t>(terms.size());
  product.a = cotangent + first_row;
  product.a_row = 1;
  product.a_depth = panels.along_images ? u.rows * width * cotangent_pitch : cotangent_pitch;
  product.rows = rows;
  product.depth = panels.along_images ? u.images : width;
  product.b_row = panels.along_images ? image_size : horizontal.stride * panels.pitch;
  product.c_row = sum_row;
  product.c_vector = panels.lanes;
  product.accumulate = accumulate;
  for (std::int64_t v = 0; v < panels.channel_vectors;) {
    product.vectors = panels.channel_vectors - v >= 2 ? 2 : 1;
    product.b = staged + v * panels.lanes;
    product.c = sums + first_row * sum_row + v * panels.lanes;
    panels.kernels.product(product);
    v += product.vectors;
  }
}

}  // namespace

template <class T>
void run_panels_weight_gradient(const Correlation& g, const T* source, const T* cotangent, T* result) {
  const std::int64_t size = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t cotangent_pitch = channel_pitch<T>(g.rows, panel_kernels<T>().lanes);
  const Panels<T> panels(g, cotangent_pitch * size);
  const std::vector<PanelTap>& taps = panels.phases[0];
  const std::int64_t lanes = panels.lanes, sum_row = panels.channel_vectors * lanes, sum_tap = g.rows * sum_row;
  const std::int64_t sum_size = panels.taps * sum_tap, staged_size = panels.staged_unit();
  const std::int64_t unit_size =
      staged_size + panels.images * panels.strip * panels.horizontal.positions * cotangent_pitch;

  // Where the sums are small each piece has its own, next to what it stages; otherwise a task has some rows of a tap of
  // all units.
  const bool small_sums = sum_size * size <= kSumBytes, in_pieces = panels.units >= kPanelUnits && small_sums;
  const std::int64_t pieces = in_pieces ? kPanelUnits : 1, units_per_piece = ceil_div(panels.units, pieces);
  const std::int64_t used_pieces = ceil_div(panels.units, units_per_piece);
  const Scratch sums(static_cast<std::size_t>(used_pieces * sum_size) * sizeof(T));
  if (in_pieces || (small_sums && runs_alone())) {
    parallel_for(used_pieces, [&](std::int64_t piece) {
      const Scratch staged(static_cast<std::size_t>(unit_size) * sizeof(T));
      const std::int64_t first = piece * units_per_piece, last = std::min(panels.units, first + units_per_piece);
      for (std::int64_t i = first; i < last; ++i) {
        const PanelUnit unit = panels.unit(i);
        panels.clear_margins(unit, staged.as<T>());
        panels.stage(unit, 0, panels.channel_vectors, source, staged.as<T>());
        stage_cotangent(panels, unit, 0, panels.row_vectors, cotangent, cotangent_pitch, staged.as<T>() + staged_size);
        for (const PanelTap& tap : taps) {
          add_tap(panels, unit, tap, 0, g.rows, staged.as<T>(), staged.as<T>() + staged_size, cotangent_pitch,
                  i > first, sums.as<T>() + piece * sum_size + tap.kernel_index * sum_tap);
        }
      }
    });
  } else {
    const std::int64_t wave = std::clamp<std::int64_t>(kWaveBytes / (unit_size * size), 1, panels.units);
    const Scratch staged(static_cast<std::size_t>(wave * unit_size) * sizeof(T));
    const std::int64_t vectors = panels.channel_vectors + panels.row_vectors;
    const std::int64_t row_blocks = std::min(ceil_div(g.rows, 12), std::max<std::int64_t>(4, 16 / panels.taps));
    const std::int64_t block = ceil_div(ceil_div(g.rows, row_blocks), 12) * 12;
    for (std::int64_t first = 0; first < panels.units; first += wave) {
      const std::int64_t last = std::min(panels.units, first + wave);
      parallel_for(last - first, [&](std::int64_t i) {
        panels.clear_margins(panels.unit(first + i), staged.as<T>() + i * unit_size);
      });
      parallel_for((last - first) * vectors, [&](std::int64_t i) {
        const PanelUnit unit = panels.unit(first + i / vectors);
        T* const to = staged.as<T>() + i / vectors * unit_size;
        const std::int64_t vector = i % vectors, row_vector = vector - panels.channel_vectors;
        if (row_vector < 0) {
          panels.stage(unit, vector, vector + 1, source, to);
        } else {
          stage_cotangent(panels, unit, row_vector, row_vector + 1, cotangent, cotangent_pitch, to + staged_size);
        }
      });
      parallel_for(panels.taps * ceil_div(g.rows, block), [&](std::int64_t task) {
        const PanelTap& tap = taps[static_cast<std::size_t>(task % panels.taps)];
        const std::int64_t row = task / panels.taps * block;
        for (std::int64_t i = first; i < last; ++i) {
          const T* const at = staged.as<T>() + (i - first) * unit_size;
          add_tap(panels, panels.unit(i), tap, row, std::min(block, g.rows - row), at, at + staged_size,
                  cotangent_pitch, i > 0, sums.as<T>() + tap.kernel_index * sum_tap);
        }
      });
    }
  }
  parallel_for(g.rows, [&](std::int64_t row) {
    T* const total = sums.as<T>() + row * sum_row;
    for (std::int64_t piece = 1; piece < used_pieces; ++piece) {
      for (std::int64_t tap = 0; tap < panels.taps; ++tap) {
        T* const to = total + tap * sum_tap;
        const T* const from = to + piece * sum_size;
        for (std::int64_t i = 0; i < sum_row; ++i) to[i] += from[i];
      }
    }
    for (std::int64_t v = 0; v < panels.channel_vectors; ++v) {
      panels.kernels.store_pixels(result + (row * g.channels + v * lanes) * panels.taps, panels.taps,
                                  std::min(lanes, g.channels - v * lanes), total + v * lanes, sum_tap, panels.taps);
    }
  });
}

template void run_panels_weight_gradient(const Correlation&, const float*, const float*, float*);
template void run_panels_weight_gradient(const Correlation&, const double*, const double*, double*);

}  // namespace sg::kernels

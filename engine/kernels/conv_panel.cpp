// Convolutions with a channel in each lane, unit after unit: its pixels are staged, multiplied with panels of weights,
// and turned back.
#include "engine/kernels/conv_panel.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/kernels/cpu.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {

template <>
const PanelKernels<float>& panel_kernels<float>() {
#if defined(SG_X86_ISAS)
  if (isa() == Isa::avx512) return avx512::panel_kernels_f32();
  if (isa() == Isa::avx2) return avx2::panel_kernels_f32();
#endif
  return baseline::panel_kernels_f32();
}
template <>
const PanelKernels<double>& panel_kernels<double>() {
#if defined(SG_X86_ISAS)
  if (isa() == Isa::avx512) return avx512::panel_kernels_f64();
  if (isa() == Isa::avx2) return avx2::panel_kernels_f64();
#endif
  return baseline::panel_kernels_f64();
}

namespace {

constexpr std::int64_t kUnitBytes = 256 * 1024;  // of staged pixels: with the panel, inside a second-level cache
constexpr std::int64_t kMostPixels = 1024;       // of a unit's result: its panel of 32 rows takes 128 KB
constexpr std::int64_t kShortRun = 6;            // rows that are shorter take panels that are wider
constexpr std::int64_t kUnits = 12;  // enough that tasks are whole units; one thread alone takes unit after unit
constexpr std::int64_t kSlabs = 8;   // enough that tasks are whole slabs, where units are few
constexpr std::int64_t kSumBytes = 1 << 20;    // of one piece of the gradient by the weight
constexpr std::int64_t kWaveBytes = 48 << 20;  // of staged pixels at once
constexpr std::int64_t kWeightsAtOnce = 16;    // channels whose weights are turned together

struct Unit {
  std::int64_t image, images, row, rows;  // rows of positions
};

/// Vectors of rows that are multiplied together.
struct Slab {
  std::int64_t first;
  int vectors;
};

/// A tap of one phase, and where its weights stand among all.
struct Tap {
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
  std::vector<Slab> slabs;
  std::vector<std::int64_t> slab_of;  // by vector of rows
  std::int64_t images, strip, strips, units;
  std::vector<std::vector<Tap>> phases;

  Panels(const Correlation& correlation, std::int64_t extra_bytes_per_pixel) : g(correlation) {
    const std::int64_t height = vertical.positions, width = horizontal.positions;
    const std::int64_t pixels = height * width;
    along_images = width <= kShortRun && g.batch > width;
    const auto bytes = [&](std::int64_t rows) {
      return staged_rows(rows) * staged_columns * pitch * static_cast<std::int64_t>(sizeof(T)) +
             rows * width * extra_bytes_per_pixel;
    };
    strip = height;
    images = 1;
    if (bytes(height) > kUnitBytes || pixels > kMostPixels) {
      while (strip > 1 && (bytes(strip) > kUnitBytes || strip * width > kMostPixels)) --strip;
      strip = std::max(strip, std::min(height, ceil_div(span_y, vertical.stride)));
    } else {
      images = std::min(kUnitBytes / bytes(height), kMostPixels / pixels);
      if (along_images) images = std::max<std::int64_t>(images, 12);
      images = std::clamp<std::int64_t>(images, 1, g.batch);
    }
    strip = ceil_div(height, ceil_div(height, strip));
    images = ceil_div(g.batch, ceil_div(g.batch, images));
    strips = ceil_div(height, strip);
    units = ceil_div(g.batch, images) * strips;
    const std::int64_t widest = (along_images ? images : width) <= kShortRun ? 4 : 2;
    for (std::int64_t first = 0; first < row_vectors;) {
      const std::int64_t left = row_vectors - first, vectors = left >= widest ? widest : left >= 2 ? 2 : 1;
      slab_of.insert(slab_of.end(), static_cast<std::size_t>(vectors), static_cast<std::int64_t>(slabs.size()));
      slabs.push_back({first, static_cast<int>(vectors)});
      first += vectors;
    }
    std::int64_t order = 0;
    for (int py = 0; py < vertical.phases; ++py) {
      for (int px = 0; px < horizontal.phases; ++px) {
        std::vector<Tap> chosen;
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
  Unit unit(std::int64_t index) const {
    Unit u;
    u.row = index % strips * strip;
    u.rows = std::min(strip, vertical.positions - u.row);
    u.image = index / strips * images;
    u.images = std::min(images, g.batch - u.image);
    return u;
  }

  /// Vectors [first, last) of the channels of a unit's source; `to` is zero where no pixel is staged.
  void stage(const Unit& u, std::int64_t first, std::int64_t last, const T* source, T* to) const {
    const std::int64_t first_row = u.row * vertical.stride + low_y, rows = staged_rows(u.rows);
    const std::int64_t begin = std::clamp<std::int64_t>(first_row, 0, vertical.size);
    const std::int64_t end = std::clamp<std::int64_t>(first_row + rows, begin, vertical.size);
    const std::int64_t image_size = staged_image(u.rows);
    std::vector<std::int32_t> offsets;
    for (std::int64_t y = begin; y < end; ++y) {
      for (std::int64_t x = 0; x < horizontal.size; ++x) {
        offsets.push_back(static_cast<std::int32_t>(((y - first_row) * staged_columns + x - first_column) * pitch));
      }
    }
    const std::int64_t plane = vertical.size * horizontal.size;
    for (std::int64_t i = 0; i < u.images; ++i) {
      const T* const image = source + (u.image + i) * g.channels * plane + begin * horizontal.size;
      for (std::int64_t v = first; v < last; ++v) {
        kernels.load_pixels(to + i * image_size + v * lanes, offsets.data(), image + v * lanes * plane, plane,
                            std::min(lanes, g.channels - v * lanes), static_cast<std::int64_t>(offsets.size()));
      }
    }
  }

  bool reads(const CorrelationAxis& axis, std::int64_t position, std::int64_t tap) const {
    const std::int64_t at = position * axis.stride + tap;
    return at >= 0 && at < axis.size;
  }

  std::int64_t weights_before(const Slab& slab) const { return slab.first * lanes * taps * g.channels; }

  /// Of some slabs of rows, one after another: tap, channel, row of the slab.
  void turn_weights(const Slab& first_slab, const Slab& last_slab, bool of_gradient, const T* weight, T* to) const {
    const std::int64_t chunks = ceil_div(g.channels, kWeightsAtOnce);
    std::vector<std::int64_t> order(static_cast<std::size_t>(taps));
    for (const std::vector<Tap>& phase : phases) {
      for (const Tap& tap : phase) order[static_cast<std::size_t>(tap.kernel_index)] = tap.order;
    }
    parallel_for((last_slab.first + last_slab.vectors - first_slab.first) * chunks, [&](std::int64_t task) {
      const std::int64_t vector = first_slab.first + task / chunks;
      const Slab& slab = slabs[static_cast<std::size_t>(slab_of[static_cast<std::size_t>(vector)])];
      const std::int64_t width = slab.vectors * lanes;
      const std::int64_t row = vector * lanes, rows = std::min(lanes, g.rows - row);
      const std::int64_t first = task % chunks * kWeightsAtOnce;
      const std::int64_t channels = std::min(kWeightsAtOnce, g.channels - first);
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
  void multiply(const Unit& u, const Slab& slab, const T* staged, const T* weights, T* result) const;
};

template <class T>
void Panels<T>::multiply(const Unit& u, const Slab& slab, const T* staged, const T* weights, T* result) const {
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
  const auto collect = [&](const std::vector<Tap>& phase, std::int64_t y, std::int64_t x, bool any_column) {
    terms.clear();
    for (const Tap& tap : phase) {
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
      const std::vector<Tap>& phase = phases[static_cast<std::size_t>(row % vertical.phases * horizontal.phases + px)];
      T* const c = results.as<T>() + (row * columns + px) * lanes;
      if (along_images) {
        product.a = staged;
        product.a_row = image_size;
        product.rows = u.images;
        product.c_row = image_pixels * lanes;
        for (std::int64_t x = 0; x < run; ++x) {
          collect(phase, y, x, false);
          product.c = c + x * horizontal.phases * lanes;
          kernels.product(product);
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
        kernels.product(product);
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

}  // namespace

template <class T>
bool panels_pay(const Correlation& g) {
  const std::int64_t lanes = panel_kernels<T>().lanes;
  return g.groups == 1 && g.channels >= lanes && g.rows >= lanes &&
         (g.axis[0].tap.size() > 1 || g.axis[1].tap.size() > 1);
}

template <class T>
void run_panels(const Correlation& g, bool of_gradient, const T* source, const T* weight, T* result) {
  const Panels<T> panels(g, 0);
  const std::size_t unit_size = static_cast<std::size_t>(panels.staged_unit());
  const std::int64_t slab_count = static_cast<std::int64_t>(panels.slabs.size());
  const std::int64_t vector_weights = panels.lanes * panels.taps * g.channels;
  const bool few_units = panels.units < kUnits && !runs_alone(), many_slabs = few_units && slab_count >= kSlabs;
  const Scratch weights(many_slabs ? 0 : static_cast<std::size_t>(panels.row_vectors * vector_weights) * sizeof(T));
  if (!many_slabs) {
    panels.turn_weights(panels.slabs.front(), panels.slabs.back(), of_gradient, weight, weights.as<T>());
  }
  if (!few_units) {
    parallel_for(panels.units, [&](std::int64_t i) {
      const Scratch staged(unit_size * sizeof(T));
      std::memset(staged.as<T>(), 0, unit_size * sizeof(T));
      const Unit unit = panels.unit(i);
      panels.stage(unit, 0, panels.channel_vectors, source, staged.as<T>());
      for (const Slab& slab : panels.slabs) {
        panels.multiply(unit, slab, staged.as<T>(), weights.as<T>() + panels.weights_before(slab), result);
      }
    });
    return;
  }
  const Scratch staged(static_cast<std::size_t>(panels.units) * unit_size * sizeof(T));
  const auto of_unit = [&](std::int64_t i) { return staged.as<T>() + static_cast<std::size_t>(i) * unit_size; };
  parallel_for(panels.units, [&](std::int64_t i) { std::memset(of_unit(i), 0, unit_size * sizeof(T)); });
  parallel_for(panels.units * panels.channel_vectors, [&](std::int64_t i) {
    const std::int64_t unit = i / panels.channel_vectors, vector = i % panels.channel_vectors;
    panels.stage(panels.unit(unit), vector, vector + 1, source, of_unit(unit));
  });
  if (many_slabs) {
    // Each task turns the weights that it needs, and finds them in its cache.
    parallel_for(slab_count, [&](std::int64_t i) {
      const Slab& slab = panels.slabs[static_cast<std::size_t>(i)];
      const Scratch own(static_cast<std::size_t>(slab.vectors * vector_weights) * sizeof(T));
      panels.turn_weights(slab, slab, of_gradient, weight, own.as<T>());
      for (std::int64_t unit = 0; unit < panels.units; ++unit) {
        panels.multiply(panels.unit(unit), slab, of_unit(unit), own.as<T>(), result);
      }
    });
    return;
  }
  parallel_for(panels.units * slab_count, [&](std::int64_t i) {
    const std::int64_t unit = i % panels.units;
    const Slab& slab = panels.slabs[static_cast<std::size_t>(i / panels.units)];
    panels.multiply(panels.unit(unit), slab, of_unit(unit), weights.as<T>() + panels.weights_before(slab), result);
  });
}

namespace {

/// The cotangent's pixels of a unit, row by row with nothing around.
template <class T>
void stage_cotangent(const Panels<T>& panels, const Unit& u, std::int64_t first, std::int64_t last, const T* cotangent,
                     std::int64_t pitch, T* to) {
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
void add_tap(const Panels<T>& panels, const Unit& u, const Tap& tap, std::int64_t first_row, std::int64_t rows,
             const T* staged, const T* cotangent, std::int64_t cotangent_pitch, bool accumulate, T* sums) {
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
  const std::vector<Tap>& taps = panels.phases[0];
  const std::int64_t lanes = panels.lanes, sum_row = panels.channel_vectors * lanes, sum_tap = g.rows * sum_row;
  const std::int64_t sum_size = panels.taps * sum_tap, staged_size = panels.staged_unit();
  const std::int64_t unit_size =
      staged_size + panels.images * panels.strip * panels.horizontal.positions * cotangent_pitch;

  // Where the sums are small each piece has its own, next to what it stages; otherwise a task has some rows of a tap of
  // all units.
  const bool small_sums = sum_size * size <= kSumBytes, in_pieces = panels.units >= kUnits && small_sums;
  const std::int64_t pieces = in_pieces ? kUnits : 1, units_per_piece = ceil_div(panels.units, pieces);
  const std::int64_t used_pieces = ceil_div(panels.units, units_per_piece);
  const Scratch sums(static_cast<std::size_t>(used_pieces * sum_size) * sizeof(T));
  if (in_pieces || (small_sums && runs_alone())) {
    parallel_for(used_pieces, [&](std::int64_t piece) {
      const Scratch staged(static_cast<std::size_t>(unit_size) * sizeof(T));
      const std::int64_t first = piece * units_per_piece, last = std::min(panels.units, first + units_per_piece);
      for (std::int64_t i = first; i < last; ++i) {
        const Unit unit = panels.unit(i);
        std::memset(staged.as<T>(), 0, static_cast<std::size_t>(staged_size) * sizeof(T));
        panels.stage(unit, 0, panels.channel_vectors, source, staged.as<T>());
        stage_cotangent(panels, unit, 0, panels.row_vectors, cotangent, cotangent_pitch, staged.as<T>() + staged_size);
        for (const Tap& tap : taps) {
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
        std::memset(staged.as<T>() + i * unit_size, 0, static_cast<std::size_t>(staged_size) * sizeof(T));
      });
      parallel_for((last - first) * vectors, [&](std::int64_t i) {
        const Unit unit = panels.unit(first + i / vectors);
        T* const to = staged.as<T>() + i / vectors * unit_size;
        const std::int64_t vector = i % vectors, row_vector = vector - panels.channel_vectors;
        if (row_vector < 0) {
          panels.stage(unit, vector, vector + 1, source, to);
        } else {
          stage_cotangent(panels, unit, row_vector, row_vector + 1, cotangent, cotangent_pitch, to + staged_size);
        }
      });
      parallel_for(panels.taps * ceil_div(g.rows, block), [&](std::int64_t task) {
        const Tap& tap = taps[static_cast<std::size_t>(task % panels.taps)];
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

template bool panels_pay<float>(const Correlation&);
template bool panels_pay<double>(const Correlation&);
template void run_panels(const Correlation&, bool, const float*, const float*, float*);
template void run_panels(const Correlation&, bool, const double*, const double*, double*);
template void run_panels_weight_gradient(const Correlation&, const float*, const float*, float*);
template void run_panels_weight_gradient(const Correlation&, const double*, const double*, double*);

}  // namespace sg::kernels

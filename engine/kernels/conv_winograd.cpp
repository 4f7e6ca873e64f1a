// 3 x 3 convolutions of stride 1 by Winograd's F(2x2, 3x3), tiles of a unit after one another: transform, multiply at
// 16 points, transform back.
#include "engine/kernels/conv_winograd.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/kernels/conv_panel.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/isa/winograd_kernels.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kUnitBytes = 400 * 1024;  // of a unit's transformed source: half of a second-level cache
constexpr std::int64_t kLeastTiles = 48;         // of a unit: the transformed weights are read once for each unit
constexpr std::int64_t kMostTiles = 96;          // of a unit: its products of 32 rows take 200 KB
constexpr std::int64_t kUnits = 12;              // enough that tasks are whole units
constexpr std::int64_t kSlabs = 8;               // enough that tasks are whole slabs, where units are few
constexpr std::int64_t kSumBytes = 1 << 20;      // of one piece of the gradient by the weight
constexpr std::int64_t kWaveBytes = 48 << 20;    // of transformed source and cotangent at once
constexpr std::int64_t kWeightsAtOnce = 16;      // channels whose weights are staged together
constexpr double kLeastGain = 1.3;               // in multiply-adds: transforms take 10 to 20 % of them
constexpr PanelTerm whole = {0, 0};
constexpr int kSlab = 2;  // vectors of rows that are multiplied together

/// The loops of the instruction set in use.
template <class T>
struct Kernels;
template <>
struct Kernels<float> : PanelKernels<float>, WinogradKernels<float> {
  Kernels() : PanelKernels<float>(panel_kernels<float>()), WinogradKernels<float>(table()) {}
  static const WinogradKernels<float>& table() {
#if defined(SG_X86_ISAS)
    if (isa() == Isa::avx512) return avx512::winograd_kernels_f32();
    if (isa() == Isa::avx2) return avx2::winograd_kernels_f32();
#endif
    return baseline::winograd_kernels_f32();
  }
};
template <>
struct Kernels<double> : PanelKernels<double>, WinogradKernels<double> {
  Kernels() : PanelKernels<double>(panel_kernels<double>()), WinogradKernels<double>(table()) {}
  static const WinogradKernels<double>& table() {
#if defined(SG_X86_ISAS)
    if (isa() == Isa::avx512) return avx512::winograd_kernels_f64();
    if (isa() == Isa::avx2) return avx2::winograd_kernels_f64();
#endif
    return baseline::winograd_kernels_f64();
  }
};

/// A unit is some whole images, or a strip of one image's rows of tiles.
struct Unit {
  std::int64_t image, images, row, rows, tiles;  // rows of tiles
};

struct Units {
  std::int64_t columns, all_rows;  // of tiles in an image
  std::int64_t images, strip;      // the largest of each
  std::int64_t strips, count;
  const WinogradShape& shape;

  Units(const WinogradShape& of, std::int64_t bytes_per_tile) : shape(of) {
    columns = ceil_div(of.result_width, 2);
    all_rows = ceil_div(of.result_height, 2);
    const std::int64_t wanted = std::clamp(kUnitBytes / bytes_per_tile, kLeastTiles, kMostTiles);
    strip = std::clamp<std::int64_t>(wanted / columns, 1, all_rows);
    strip = ceil_div(all_rows, ceil_div(all_rows, strip));
    images = strip < all_rows ? 1 : std::clamp<std::int64_t>(wanted / (all_rows * columns), 1, of.batch);
    images = ceil_div(of.batch, ceil_div(of.batch, images));
    strips = ceil_div(all_rows, strip);
    count = ceil_div(of.batch, images) * strips;
  }
  std::int64_t most_tiles() const { return images * strip * columns; }
  Unit unit(std::int64_t index) const {
    Unit u;
    u.row = index % strips * strip;
    u.rows = std::min(strip, all_rows - u.row);
    u.image = index / strips * images;
    u.images = std::min(images, shape.batch - u.image);
    u.tiles = u.images * u.rows * columns;
    return u;
  }
  WinogradTiles tiles(const Unit& u) const {
    return {u.rows, columns, std::min(2 * u.rows, shape.result_height - 2 * u.row), shape.result_width};
  }
};

/// Images of which some rows are staged with a channel in each lane, zeros around, for the transforms of a unit.
template <class T>
class Stage {
 public:
  /// The unit's tiles read `rows` by `columns` pixels of each image, the first at (first_row, first_column).
  Stage(const PanelKernels<T>& kernels, std::int64_t height, std::int64_t width, std::int64_t first_row,
        std::int64_t first_column, std::int64_t rows, std::int64_t columns)
      : kernels_(kernels),
        plane_(height * width),
        pixels_(static_cast<std::size_t>(rows * columns * kernels.lanes) * sizeof(T)) {
    std::memset(pixels_.template as<T>(), 0, static_cast<std::size_t>(rows * columns * kernels.lanes) * sizeof(T));
    const std::int64_t begin = std::clamp<std::int64_t>(first_row, 0, height);
    const std::int64_t end = std::clamp<std::int64_t>(first_row + rows, begin, height);
    first_pixel_ = begin * width;
    for (std::int64_t y = begin; y < end; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        offsets_.push_back(static_cast<std::int32_t>(((y - first_row) * columns + x - first_column) * kernels.lanes));
      }
    }
  }
  /// Stages one vector of the channels of an image and returns where it begins.
  const T* load(const T* image, std::int64_t channels) const {
    kernels_.load_pixels(pixels_.template as<T>(), offsets_.data(), image + first_pixel_, plane_, channels,
                         static_cast<std::int64_t>(offsets_.size()));
    return pixels_.template as<T>();
  }

 private:
  const PanelKernels<T>& kernels_;
  std::int64_t plane_, first_pixel_;
  std::vector<std::int32_t> offsets_;
  Scratch pixels_;
};

template <class T>
struct Winograd {
  const Kernels<T>& kernels;
  const WinogradShape& shape;
  const Units& units;
  std::int64_t lanes, pitch;  // of the transformed source

  Winograd(const Kernels<T>& table, const WinogradShape& of, const Units& in)
      : kernels(table), shape(of), units(in), lanes(table.lanes), pitch(channel_pitch<T>(of.channels, table.lanes)) {}

  std::int64_t source_size() const { return kWinogradPoints * units.most_tiles() * pitch; }
  std::int64_t channel_vectors() const { return ceil_div(shape.channels, lanes); }
  std::int64_t row_vectors() const { return ceil_div(shape.rows, lanes); }

  /// Vectors [first, last) of the channels of a unit's source.
  void transform_source(const Unit& u, std::int64_t first, std::int64_t last, const T* source, T* to) const {
    const Stage<T> stage(kernels, shape.height, shape.width, 2 * u.row - shape.padding[0], -shape.padding[1],
                         2 * u.rows + 2, 2 * units.columns + 2);
    const std::int64_t plane = shape.height * shape.width, image_tiles = u.rows * units.columns;
    for (std::int64_t v = first; v < last; ++v) {
      const std::int64_t channel = v * lanes, channels = std::min(lanes, shape.channels - channel);
      for (std::int64_t i = 0; i < u.images; ++i) {
        const T* staged = stage.load(source + ((u.image + i) * shape.channels + channel) * plane, channels);
        kernels.transform_source(units.tiles(u), staged, to + i * image_tiles * pitch + channel, pitch,
                                 u.tiles * pitch);
      }
    }
  }

  void transform_cotangent(const Unit& u, std::int64_t first, std::int64_t last, const T* cotangent,
                           std::int64_t row_pitch, T* to) const {
    const Stage<T> stage(kernels, shape.result_height, shape.result_width, 2 * u.row, 0, 2 * u.rows, 2 * units.columns);
    const std::int64_t plane = shape.result_height * shape.result_width, image_tiles = u.rows * units.columns;
    for (std::int64_t v = first; v < last; ++v) {
      const std::int64_t row = v * lanes, rows = std::min(lanes, shape.rows - row);
      for (std::int64_t i = 0; i < u.images; ++i) {
        const T* staged = stage.load(cotangent + ((u.image + i) * shape.rows + row) * plane, rows);
        kernels.transform_cotangent(units.tiles(u), staged, to + i * image_tiles * row_pitch + row, row_pitch,
                                    u.tiles * row_pitch);
      }
    }
  }

  std::int64_t slab_weights(std::int64_t slabs) const {
    return slabs * kSlab * lanes * kWinogradPoints * shape.channels;
  }

  /// Slabs [first_slab, last_slab) of the result rows, one after another: point, channel, row of the slab.
  void transform_weights(std::int64_t first_slab, std::int64_t last_slab, bool of_gradient, const T* weight,
                         T* to) const {
    const std::int64_t vectors = row_vectors(), chunks = ceil_div(shape.channels, kWeightsAtOnce);
    const std::int64_t first_vector = first_slab * kSlab, last_vector = std::min(vectors, last_slab * kSlab);
    parallel_for((last_vector - first_vector) * chunks, [&](std::int64_t task) {
      const std::int64_t vector = first_vector + task / chunks, slab = vector / kSlab;
      const std::int64_t width = std::min<std::int64_t>(kSlab, vectors - slab * kSlab) * lanes;
      const std::int64_t row = vector * lanes, rows = std::min(lanes, shape.rows - row);
      const std::int64_t first = task % chunks * kWeightsAtOnce;
      const std::int64_t channels = std::min(kWeightsAtOnce, shape.channels - first);
      const Scratch scratch(static_cast<std::size_t>(9 * kWeightsAtOnce * lanes) * sizeof(T));
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
      kernels.transform_weight(staged, channels, of_gradient, slab_begin + first * width + vector % kSlab * lanes,
                               width, shape.channels * width);
    });
  }

  /// One slab of the result rows of a unit, with the slab's weights.
  void multiply(const Unit& u, std::int64_t slab, const T* transformed, const T* weights, T* result) const {
    const std::int64_t plane = shape.result_height * shape.result_width, image_tiles = u.rows * units.columns;
    const WinogradTiles tiles = units.tiles(u);
    const Scratch products(static_cast<std::size_t>(kWinogradPoints * u.tiles * kSlab * lanes) * sizeof(T));
    const Scratch staged(static_cast<std::size_t>(tiles.result_rows * tiles.result_columns * lanes) * sizeof(T));
    const int vectors = static_cast<int>(std::min<std::int64_t>(kSlab, row_vectors() - slab * kSlab));
    const std::int64_t width = vectors * lanes;
    for (int point = 0; point < kWinogradPoints; ++point) {
      PanelProduct<T> product;
      product.terms = &whole;
      product.term_count = 1;
      product.a = transformed + point * u.tiles * pitch;
      product.a_row = pitch;
      product.a_depth = 1;
      product.rows = u.tiles;
      product.depth = shape.channels;
      product.b = weights + point * shape.channels * width;
      product.b_row = width;
      product.c = products.as<T>() + point * u.tiles * width;
      product.c_row = width;
      product.c_vector = lanes;
      product.vectors = vectors;
      product.accumulate = false;
      kernels.product(product);
    }
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t row = (slab * kSlab + v) * lanes, rows = std::min(lanes, shape.rows - row);
      for (std::int64_t i = 0; i < u.images; ++i) {
        kernels.transform_result(tiles, products.as<T>() + i * image_tiles * width + v * lanes, width, u.tiles * width,
                                 staged.as<T>());
        kernels.store_pixels(result + ((u.image + i) * shape.rows + row) * plane + 2 * u.row * shape.result_width,
                             plane, rows, staged.as<T>(), lanes, tiles.result_rows * tiles.result_columns);
      }
    }
  }
};

std::optional<WinogradShape> possible(const ConvGeometry& g) {
  if (g.groups != 1 || g.kernel_height != 3 || g.kernel_width != 3 || g.batch == 0) return {};
  for (int i = 0; i < 2; ++i) {
    const std::int64_t in = i == 0 ? g.in_height : g.in_width, out = i == 0 ? g.out_height : g.out_width;
    if (g.stride[i] != 1 || g.dilation[i] != 1 || g.padding[i] > 2 || in < 1 || out < 1) return {};
    if (out != in + 2 * g.padding[i] - 2) return {};
  }
  return WinogradShape{g.batch,    g.in_channels, g.out_channels, g.in_height,
                       g.in_width, g.out_height,  g.out_width,    {g.padding[0], g.padding[1]}};
}

/// Products that a plain sum makes along one axis: pairs of a result and a tap that reads inside of the source.
std::int64_t products_along(std::int64_t results, std::int64_t size, std::int64_t padding) {
  std::int64_t products = 0;
  for (std::int64_t tap = 0; tap < 3; ++tap) {
    products +=
        std::max<std::int64_t>(0, std::min(results, size + padding - tap) - std::max<std::int64_t>(0, padding - tap));
  }
  return products;
}

/// Small images read zeros at most of their taps: there plain sums have fewer products, and smaller errors. With fewer
/// channels than lanes the transforms take longer than what they save.
template <class T>
bool pays(const WinogradShape& shape) {
  const std::int64_t lanes = panel_kernels<T>().lanes;
  const std::int64_t plain = products_along(shape.result_height, shape.height, shape.padding[0]) *
                             products_along(shape.result_width, shape.width, shape.padding[1]);
  const std::int64_t tiles = ceil_div(shape.result_height, 2) * ceil_div(shape.result_width, 2);
  return shape.channels >= lanes && shape.rows >= lanes &&
         static_cast<double>(plain) >= kLeastGain * static_cast<double>(kWinogradPoints * tiles);
}

}  // namespace

template <class T>
std::optional<WinogradShape> winograd_forward(const ConvGeometry& geometry) {
  const std::optional<WinogradShape> shape = possible(geometry);
  return shape && pays<T>(*shape) ? shape : std::nullopt;
}

template <class T>
std::optional<WinogradShape> winograd_input_gradient(const ConvGeometry& geometry) {
  const std::optional<WinogradShape> forward = possible(geometry);
  if (!forward) return {};
  const WinogradShape& f = *forward;
  const WinogradShape shape{f.batch,        f.rows,   f.channels, f.result_height,
                            f.result_width, f.height, f.width,    {2 - f.padding[0], 2 - f.padding[1]}};
  return pays<T>(shape) ? std::optional(shape) : std::nullopt;
}

template <class T>
void run_winograd(const WinogradShape& shape, bool of_gradient, const T* source, const T* weight, T* result) {
  const Kernels<T> kernels;
  const std::int64_t size = static_cast<std::int64_t>(sizeof(T));
  const Units units(shape, kWinogradPoints * channel_pitch<T>(shape.channels, kernels.lanes) * size);
  const Winograd<T> winograd(kernels, shape, units);
  const std::int64_t slabs = ceil_div(winograd.row_vectors(), kSlab), vectors = winograd.channel_vectors();
  const bool few_units = units.count < kUnits, many_slabs = few_units && slabs >= kSlabs;
  const Scratch weights(many_slabs ? 0 : static_cast<std::size_t>(winograd.slab_weights(slabs)) * sizeof(T));
  if (!many_slabs) winograd.transform_weights(0, slabs, of_gradient, weight, weights.as<T>());
  const std::size_t unit_size = static_cast<std::size_t>(winograd.source_size());
  if (!few_units) {
    parallel_for(units.count, [&](std::int64_t i) {
      const Scratch transformed(unit_size * sizeof(T));
      const Unit unit = units.unit(i);
      winograd.transform_source(unit, 0, vectors, source, transformed.as<T>());
      for (std::int64_t slab = 0; slab < slabs; ++slab) {
        winograd.multiply(unit, slab, transformed.as<T>(), weights.as<T>() + winograd.slab_weights(slab), result);
      }
    });
    return;
  }
  const Scratch transformed(static_cast<std::size_t>(units.count) * unit_size * sizeof(T));
  const auto of_unit = [&](std::int64_t i) { return transformed.as<T>() + static_cast<std::size_t>(i) * unit_size; };
  parallel_for(units.count * vectors, [&](std::int64_t i) {
    const std::int64_t vector = i % vectors;
    winograd.transform_source(units.unit(i / vectors), vector, vector + 1, source, of_unit(i / vectors));
  });
  if (many_slabs) {
    // Each task transforms the weights that it needs, and finds them in its cache.
    parallel_for(slabs, [&](std::int64_t slab) {
      const Scratch own(static_cast<std::size_t>(winograd.slab_weights(1)) * sizeof(T));
      winograd.transform_weights(slab, slab + 1, of_gradient, weight, own.as<T>());
      for (std::int64_t unit = 0; unit < units.count; ++unit) {
        winograd.multiply(units.unit(unit), slab, of_unit(unit), own.as<T>(), result);
      }
    });
    return;
  }
  parallel_for(units.count * slabs, [&](std::int64_t i) {
    const std::int64_t unit = i % units.count, slab = i / units.count;
    winograd.multiply(units.unit(unit), slab, of_unit(unit), weights.as<T>() + winograd.slab_weights(slab), result);
  });
}

template <class T>
void run_winograd_weight_gradient(const WinogradShape& shape, const T* source, const T* cotangent, T* result) {
  const Kernels<T> kernels;
  const std::int64_t lanes = kernels.lanes, size = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t row_pitch = channel_pitch<T>(shape.rows, kernels.lanes);
  const Units units(shape, kWinogradPoints * (channel_pitch<T>(shape.channels, kernels.lanes) + row_pitch) / 2 * size);
  const Winograd<T> winograd(kernels, shape, units);
  const std::int64_t channel_vectors = winograd.channel_vectors(), row_vectors = winograd.row_vectors();
  const std::int64_t sum_row = channel_vectors * lanes, sum_point = shape.rows * sum_row;
  const std::int64_t sum_size = kWinogradPoints * sum_point;
  const std::int64_t source_size = winograd.source_size();
  const std::int64_t unit_size = source_size + kWinogradPoints * units.most_tiles() * row_pitch;

  const auto add_point = [&](const Unit& u, int point, const T* transformed, bool first, T* sums) {
    for (std::int64_t v = 0; v < channel_vectors; v += kSlab) {
      PanelProduct<T> product;
      product.terms = &whole;
      product.term_count = 1;
      product.a = transformed + source_size + point * u.tiles * row_pitch;
      product.a_row = 1;
      product.a_depth = row_pitch;
      product.rows = shape.rows;
      product.depth = u.tiles;
      product.b = transformed + point * u.tiles * winograd.pitch + v * lanes;
      product.b_row = winograd.pitch;
      product.c = sums + point * sum_point + v * lanes;
      product.c_row = sum_row;
      product.c_vector = lanes;
      product.vectors = static_cast<int>(std::min<std::int64_t>(kSlab, channel_vectors - v));
      product.accumulate = !first;
      kernels.product(product);
    }
  };

  // Where the sums are small each piece has its own, next to what it transforms; otherwise a task has some points of
  // all units.
  const bool in_pieces = units.count >= kUnits && sum_size * size <= kSumBytes;
  const std::int64_t pieces = in_pieces ? kUnits : 1, units_per_piece = ceil_div(units.count, pieces);
  const Scratch sums(static_cast<std::size_t>(pieces * sum_size) * sizeof(T));
  const std::int64_t used_pieces = ceil_div(units.count, units_per_piece);
  if (in_pieces) {
    parallel_for(used_pieces, [&](std::int64_t piece) {
      const Scratch transformed(static_cast<std::size_t>(unit_size) * sizeof(T));
      const std::int64_t first = piece * units_per_piece, last = std::min(units.count, first + units_per_piece);
      for (std::int64_t i = first; i < last; ++i) {
        const Unit unit = units.unit(i);
        winograd.transform_source(unit, 0, channel_vectors, source, transformed.as<T>());
        winograd.transform_cotangent(unit, 0, row_vectors, cotangent, row_pitch, transformed.as<T>() + source_size);
        for (int point = 0; point < kWinogradPoints; ++point) {
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
        const Unit unit = units.unit(first + i / vectors);
        T* const to = transformed.as<T>() + i / vectors * unit_size;
        const std::int64_t vector = i % vectors;
        if (vector < channel_vectors) {
          winograd.transform_source(unit, vector, vector + 1, source, to);
        } else {
          winograd.transform_cotangent(unit, vector - channel_vectors, vector - channel_vectors + 1, cotangent,
                                       row_pitch, to + source_size);
        }
      });
      parallel_for(kWinogradPoints, [&](std::int64_t point) {
        for (std::int64_t i = first; i < last; ++i) {
          add_point(units.unit(i), static_cast<int>(point), transformed.as<T>() + (i - first) * unit_size, i == 0,
                    sums.as<T>());
        }
      });
    }
  }
  parallel_for(shape.rows, [&](std::int64_t row) {
    const Scratch staged(static_cast<std::size_t>(9 * sum_row) * sizeof(T));
    kernels.transform_weight_gradient(sums.as<T>() + row * sum_row, channel_vectors, sum_point, used_pieces, sum_size,
                                      staged.as<T>());
    for (std::int64_t v = 0; v < channel_vectors; ++v) {
      kernels.store_pixels(result + (row * shape.channels + v * lanes) * 9, 9,
                           std::min(lanes, shape.channels - v * lanes), staged.as<T>() + 9 * v * lanes, lanes, 9);
    }
  });
}

template std::optional<WinogradShape> winograd_forward<float>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_forward<double>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_input_gradient<float>(const ConvGeometry&);
template std::optional<WinogradShape> winograd_input_gradient<double>(const ConvGeometry&);
template void run_winograd(const WinogradShape&, bool, const float*, const float*, float*);
template void run_winograd(const WinogradShape&, bool, const double*, const double*, double*);
template void run_winograd_weight_gradient(const WinogradShape&, const float*, const float*, float*);
template void run_winograd_weight_gradient(const WinogradShape&, const double*, const double*, double*);

}  // namespace sg::kernels

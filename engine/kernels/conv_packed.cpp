// Runs a convolution, or its gradient by the input, on packed copies of the source, block by block.
#include "engine/kernels/conv_packed.h"

#include <algorithm>
#include <vector>

#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kTasks = 16;
constexpr std::int64_t kSharedBytes = 64 << 20;  // the most that is packed for all units at once
constexpr double kTaskWork = 3e5;                // multiply-adds

template <class T>
struct Phase {
  std::int64_t row_phase, column_phase, taps;
  const T* weights;
  std::vector<std::int32_t> offsets;  // of a whole block of channels
};

template <class T>
std::vector<Phase<T>> make_phases(const Correlation& g, const ConvBlocking& blocking, const T* weights) {
  std::vector<Phase<T>> phases;
  for (int py = 0; py < g.axis[0].phases; ++py) {
    for (int px = 0; px < g.axis[1].phases; ++px) {
      Phase<T> phase{py, px, 0, weights, {}};
      for (std::int64_t c = 0; c < blocking.channel_block; ++c) {
        for (std::size_t y = 0; y < g.axis[0].tap.size(); ++y) {
          if (g.axis[0].phase[y] != py) continue;
          for (std::size_t x = 0; x < g.axis[1].tap.size(); ++x) {
            if (g.axis[1].phase[x] == px) phase.offsets.push_back(tap_offset(blocking, c, y, x));
          }
        }
      }
      phase.taps = static_cast<std::int64_t>(phase.offsets.size()) / blocking.channel_block;
      weights += g.groups * g.rows * g.channels * phase.taps;
      phases.push_back(std::move(phase));
    }
  }
  return phases;
}

/// What all units of one call share.
template <class T>
struct Run {
  const ConvKernels<T>& kernels;
  const Correlation& g;
  const ConvBlocking& blocking;
  const std::vector<Phase<T>>& phases;
  const T* source;
  T* result;
  bool direct;  // vectors are stored where they belong; otherwise the unit is laid out in scratch first

  std::int64_t plane() const { return g.axis[0].results * g.axis[1].results; }
  std::int64_t packets_per_unit() const {
    return blocking.packets(blocking.images, blocking.strip, g.axis[1].positions, kernels.lanes);
  }

  T* result_plane(const ConvUnit& unit, std::int64_t image, std::int64_t row) const {
    return result + (((unit.image + image) * g.groups + unit.group) * g.rows + row) * plane();
  }

  void write_rows(const ConvUnit& unit, std::int64_t first_row, std::int64_t rows, const T* laid_out) const;
  void run_rows(const ConvUnit& unit, std::int64_t first_row, std::int64_t rows, T* packed, bool is_packed) const;
};

template <class T>
void Run<T>::write_rows(const ConvUnit& unit, std::int64_t first_row, std::int64_t rows, const T* laid_out) const {
  const std::int64_t width = g.axis[1].positions, lanes = kernels.lanes;
  const std::int64_t length = blocking.packets(unit.images, unit.rows, width, kernels.lanes) * lanes;
  const std::int64_t row_length = blocking.flat_rows ? width : blocking.row_vectors * lanes;
  const std::int64_t image_length =
      blocking.flat_rows && !blocking.flat_images ? ceil_div(unit.rows * width, lanes) * lanes : unit.rows * row_length;
  const std::int64_t row_phases = g.axis[0].phases, column_phases = g.axis[1].phases, results = g.axis[1].results;
  for (std::int64_t m = 0; m < rows; ++m) {
    for (std::int64_t image = 0; image < unit.images; ++image) {
      T* const to_plane = result_plane(unit, image, first_row + m);
      for (std::int64_t y = 0; y < unit.rows; ++y) {
        for (std::int64_t py = 0; py < row_phases; ++py) {
          const std::int64_t to_row = (unit.row + y) * row_phases + py;
          if (to_row >= g.axis[0].results) continue;
          T* const to = to_plane + to_row * results;
          const T* const from =
              laid_out + (py * column_phases * rows + m) * length + image * image_length + y * row_length;
          if (column_phases == 1) {
            kernels.pack_row(to, results, from, 0, 1, results);
          } else if (column_phases == 2) {
            kernels.interleave_row(to, from, from + rows * length, results);
          } else {
            for (std::int64_t px = 0; px < column_phases; ++px) {
              kernels.scatter_row(to + px, column_phases, from + px * rows * length,
                                  ceil_div(results - px, column_phases));
            }
          }
        }
      }
    }
  }
}

template <class T>
void Run<T>::run_rows(const ConvUnit& unit, std::int64_t first_row, std::int64_t rows, T* packed,
                      bool is_packed) const {
  const std::int64_t most = packets_per_unit(), lanes = kernels.lanes;
  const Scratch lists(static_cast<std::size_t>(most) * 16);
  std::int64_t* const targets = lists.as<std::int64_t>();
  std::int32_t* const counts = reinterpret_cast<std::int32_t*>(targets + most);
  std::int32_t* const packets = counts + most;
  const std::int64_t count = list_packets(g, blocking, unit, kernels.lanes, packets);
  if (direct) {
    list_planes(g, blocking, unit, kernels.lanes, targets, counts);
  } else {
    for (std::int64_t s = 0; s < count; ++s) {
      targets[s] = s * lanes;
      counts[s] = static_cast<std::int32_t>(lanes);
    }
  }
  const std::int64_t length = count * lanes;
  const Scratch laid_out(direct ? 0 : phases.size() * static_cast<std::size_t>(rows * length) * sizeof(T));
  for (std::int64_t block = 0; block < blocking.channel_blocks; ++block) {
    const std::int64_t first_channel = block * blocking.channel_block;
    const std::int64_t channels = std::min(blocking.channel_block, g.channels - first_channel);
    T* const from = is_packed ? packed + block * blocking.block_size : packed;
    if (!is_packed) pack_block(kernels, g, blocking, unit, block, source, from);
    for (std::size_t p = 0; p < phases.size(); ++p) {
      const Phase<T>& phase = phases[p];
      const std::int64_t depth = g.channels * phase.taps;
      ConvProduct<T> product;
      product.a = phase.weights + (unit.group * g.rows + first_row) * depth + first_channel * phase.taps;
      product.a_row = depth;
      product.rows = rows;
      product.offsets = phase.offsets.data();
      product.depth = channels * phase.taps;
      product.b = from;
      product.packets = packets;
      product.packet_count = count;
      product.c =
          direct ? result_plane(unit, 0, first_row) : laid_out.as<T>() + static_cast<std::int64_t>(p) * rows * length;
      product.c_offsets = targets;
      product.counts = counts;
      product.c_row = direct ? plane() : length;
      product.accumulate = block > 0;
      kernels.product(product);
    }
  }
  if (!direct) write_rows(unit, first_row, rows, laid_out.as<T>());
}

}  // namespace

ConvUnit conv_unit(const Correlation& g, const ConvBlocking& blocking, std::int64_t index) {
  ConvUnit unit;
  const std::int64_t strip = index % blocking.strips, rest = index / blocking.strips;
  unit.row = strip * blocking.strip;
  unit.rows = std::min(blocking.strip, g.axis[0].positions - unit.row);
  unit.group = rest % g.groups;
  unit.image = rest / g.groups * blocking.images;
  unit.images = std::min(blocking.images, g.batch - unit.image);
  return unit;
}

std::int32_t tap_offset(const ConvBlocking& blocking, std::int64_t channel, std::int64_t y, std::int64_t x) {
  const std::int64_t row_copies = static_cast<std::int64_t>(blocking.packed[0].begin.size());
  const std::int64_t column_copies = static_cast<std::int64_t>(blocking.packed[1].begin.size());
  const std::int64_t copy =
      (channel * row_copies + blocking.packed[0].copy[y]) * column_copies + blocking.packed[1].copy[x];
  return static_cast<std::int32_t>(copy * blocking.copy_pitch + blocking.packed[0].shift[y] * blocking.row_pitch +
                                   blocking.packed[1].shift[x]);
}

std::int64_t list_packets(const Correlation& g, const ConvBlocking& blocking, const ConvUnit& unit, int lanes,
                          std::int32_t* packets) {
  const std::int64_t width = g.axis[1].positions, image_pitch = blocking.image_pitch(unit.rows);
  std::int64_t count = 0;
  if (blocking.flat_images) {
    for (std::int64_t q = 0; q < unit.images * unit.rows * width; q += lanes) {
      packets[count++] = static_cast<std::int32_t>(q);
    }
    return count;
  }
  for (std::int64_t image = 0; image < unit.images; ++image) {
    const std::int64_t runs = blocking.flat_rows ? 1 : unit.rows, run = blocking.flat_rows ? unit.rows * width : width;
    for (std::int64_t y = 0; y < runs; ++y) {
      for (std::int64_t q = 0; q < run; q += lanes) {
        packets[count++] = static_cast<std::int32_t>(image * image_pitch + y * blocking.row_pitch + q);
      }
    }
  }
  return count;
}

void list_planes(const Correlation& g, const ConvBlocking& blocking, const ConvUnit& unit, int lanes,
                 std::int64_t* offsets, std::int32_t* counts) {
  const std::int64_t width = g.axis[1].positions, plane = g.axis[0].positions * width;
  const std::int64_t image_step = g.groups * g.rows * plane;
  const bool flat_images = blocking.flat_images && unit.images > 1;
  const std::int64_t run = flat_images ? unit.images * plane : blocking.flat_rows ? unit.rows * width : width;
  const std::int64_t runs_per_image = blocking.flat_rows ? 1 : unit.rows;
  std::int64_t s = 0;
  for (std::int64_t image = 0; image < (flat_images ? 1 : unit.images); ++image) {
    for (std::int64_t y = 0; y < runs_per_image; ++y) {
      const std::int64_t start = image * image_step + (unit.row + y) * width;
      for (std::int64_t x = 0; x < run; x += lanes, ++s) {
        // Only whole vectors run on into the next image.
        const std::int64_t past = flat_images ? x / plane : 0;
        offsets[s] = start + past * image_step + x - past * plane;
        counts[s] = static_cast<std::int32_t>(std::min<std::int64_t>(lanes, run - x));
      }
    }
  }
}

namespace {

/// Where a plane of the source is laid out before its copies are made: the rows that a unit reads, each phase of their
/// columns by itself, with zeros around.
struct Staging {
  std::int64_t first_row, rows;  // of the source; may begin before it and end behind it
  std::int64_t left;             // zeros before the first column
  std::int64_t row_pitch, phase_pitch, size;
};

Staging make_staging(const Correlation& g, const ConvBlocking& blocking, const ConvUnit& unit, int lanes) {
  const auto [row_low, row_high] =
      std::minmax_element(blocking.packed[0].begin.begin(), blocking.packed[0].begin.end());
  const auto [column_low, column_high] =
      std::minmax_element(blocking.packed[1].begin.begin(), blocking.packed[1].begin.end());
  const CorrelationAxis& columns = g.axis[1];
  Staging staging;
  staging.first_row = unit.row * g.axis[0].stride + *row_low;
  staging.rows = (unit.rows + blocking.packed[0].extra - 1) * g.axis[0].stride + *row_high - *row_low + 1;
  staging.left = std::max<std::int64_t>(0, -floor_div(*column_low, columns.stride));
  const std::int64_t right =
      std::max(ceil_div(columns.size, columns.stride), floor_div(*column_high, columns.stride) + blocking.row_pitch);
  staging.row_pitch = staging.left + right;
  staging.phase_pitch = staging.rows * staging.row_pitch;
  staging.size = columns.stride * staging.phase_pitch + lanes;  // the last vector reads on
  return staging;
}

}  // namespace

template <class T>
void pack_block(const ConvKernels<T>& kernels, const Correlation& g, const ConvBlocking& blocking, const ConvUnit& unit,
                std::int64_t block, const T* source, T* packed) {
  const CorrelationAxis &rows = g.axis[0], &columns = g.axis[1];
  const std::int64_t first = block * blocking.channel_block,
                     channels = std::min(blocking.channel_block, g.channels - first);
  const std::int64_t packed_rows = unit.rows + blocking.packed[0].extra, packed_size = packed_rows * blocking.row_pitch;
  const std::int64_t copies =
      static_cast<std::int64_t>(blocking.packed[0].begin.size() * blocking.packed[1].begin.size());
  const auto plane = [&](std::int64_t image, std::int64_t channel) {
    return source +
           (((unit.image + image) * g.groups + unit.group) * g.channels + first + channel) * rows.size * columns.size;
  };
  if (copies == 1) {
    const ConvPackedRows shape{packed_rows,    blocking.row_pitch, unit.row * rows.stride + blocking.packed[0].begin[0],
                               rows.stride,    rows.size,          blocking.packed[1].begin[0],
                               columns.stride, columns.size};
    for (std::int64_t c = 0; c < channels; ++c, packed += blocking.copy_pitch) {
      for (std::int64_t image = 0; image < unit.images; ++image) {
        kernels.pack_rows(packed + image * packed_size, shape, plane(image, c));
      }
      // The last vectors read on into this.
      std::fill_n(packed + unit.images * packed_size, kernels.lanes, T(0));
    }
    return;
  }
  const Staging staging = make_staging(g, blocking, unit, kernels.lanes);
  const Scratch scratch(static_cast<std::size_t>(staging.size) * sizeof(T));
  T* const staged = scratch.as<T>();
  std::fill_n(staged, staging.size, T(0));
  const std::int64_t from_row = std::clamp<std::int64_t>(staging.first_row, 0, rows.size);
  const std::int64_t to_row = std::clamp<std::int64_t>(staging.first_row + staging.rows, 0, rows.size);
  T* const inside = staged + (from_row - staging.first_row) * staging.row_pitch + staging.left;
  for (std::int64_t c = 0; c < channels; ++c, packed += copies * blocking.copy_pitch) {
    for (std::int64_t image = 0; image < unit.images; ++image) {
      kernels.split_rows(inside, staging.phase_pitch, staging.row_pitch, plane(image, c) + from_row * columns.size,
                         to_row - from_row, columns.size, columns.stride);
      T* to = packed + image * packed_size;
      for (const std::int64_t row_begin : blocking.packed[0].begin) {
        const T* const first_row =
            staged + (unit.row * rows.stride + row_begin - staging.first_row) * staging.row_pitch + staging.left;
        for (const std::int64_t column_begin : blocking.packed[1].begin) {
          const std::int64_t shift = floor_div(column_begin, columns.stride),
                             phase = column_begin - shift * columns.stride;
          kernels.join_rows(to, first_row + phase * staging.phase_pitch + shift, rows.stride * staging.row_pitch,
                            packed_rows, blocking.row_pitch);
          to += blocking.copy_pitch;
        }
      }
    }
    for (std::int64_t copy = 0; copy < copies; ++copy) {
      std::fill_n(packed + copy * blocking.copy_pitch + unit.images * packed_size, kernels.lanes, T(0));
    }
  }
}

template <class T>
void run_correlation(const ConvKernels<T>& kernels, const Correlation& g, const T* source, const T* weights,
                     T* result) {
  const std::int64_t results = g.batch * g.groups * g.rows * g.axis[0].results * g.axis[1].results;
  if (results == 0) return;
  if (g.channels == 0 || g.axis[0].tap.empty() || g.axis[1].tap.empty() || g.axis[0].size == 0 || g.axis[1].size == 0) {
    std::fill_n(result, results, T(0));
    return;
  }
  const ConvBlocking blocking = choose_blocking(g, kernels.lanes, sizeof(T), false);
  const std::vector<Phase<T>> phases = make_phases(g, blocking, weights);
  const bool straddles =
      blocking.flat_images && blocking.images > 1 && g.axis[0].positions * g.axis[1].positions % kernels.lanes != 0;
  const Run<T> run{kernels, g, blocking, phases, source, result, phases.size() == 1 && !straddles};
  const std::int64_t units = g.groups * blocking.image_blocks * blocking.strips;
  const double unit_work = static_cast<double>(blocking.images * blocking.strip * g.axis[1].positions) *
                           static_cast<double>(g.rows * g.channels) *
                           static_cast<double>(g.axis[0].tap.size() * g.axis[1].tap.size());
  // With few units the packed source is shared by tasks that have some rows each.
  std::int64_t row_blocks = std::min({ceil_div(kTasks, units), ceil_div(g.rows, 2 * kernels.rows),
                                      std::max<std::int64_t>(1, static_cast<std::int64_t>(unit_work / kTaskWork))});
  const std::int64_t shared_size = units * blocking.channel_blocks * blocking.block_size;
  if (shared_size * static_cast<std::int64_t>(sizeof(T)) > kSharedBytes) row_blocks = 1;
  if (row_blocks > 1) {
    const Scratch shared(static_cast<std::size_t>(shared_size) * sizeof(T));
    const auto packed = [&](std::int64_t unit) {
      return shared.as<T>() + unit * blocking.channel_blocks * blocking.block_size;
    };
    parallel_for(units * blocking.channel_blocks, [&](std::int64_t i) {
      const std::int64_t unit = i / blocking.channel_blocks, block = i % blocking.channel_blocks;
      pack_block(kernels, g, blocking, conv_unit(g, blocking, unit), block, source,
                 packed(unit) + block * blocking.block_size);
    });
    const std::int64_t rows = ceil_div(ceil_div(g.rows, row_blocks), kernels.rows) * kernels.rows;
    row_blocks = ceil_div(g.rows, rows);
    parallel_for(units * row_blocks, [&](std::int64_t i) {
      const std::int64_t unit = i / row_blocks, first = i % row_blocks * rows;
      run.run_rows(conv_unit(g, blocking, unit), first, std::min(rows, g.rows - first), packed(unit), true);
    });
    return;
  }
  const std::int64_t chunk = std::max<std::int64_t>(1, static_cast<std::int64_t>(kTaskWork / 2 / unit_work));
  parallel_for(ceil_div(units, chunk), [&](std::int64_t i) {
    const Scratch packed(static_cast<std::size_t>(blocking.block_size) * sizeof(T));
    for (std::int64_t unit = i * chunk; unit < std::min(units, (i + 1) * chunk); ++unit) {
      run.run_rows(conv_unit(g, blocking, unit), 0, g.rows, packed.as<T>(), false);
    }
  });
}

template void pack_block(const ConvKernels<float>&, const Correlation&, const ConvBlocking&, const ConvUnit&,
                         std::int64_t, const float*, float*);
template void pack_block(const ConvKernels<double>&, const Correlation&, const ConvBlocking&, const ConvUnit&,
                         std::int64_t, const double*, double*);
template void run_correlation(const ConvKernels<float>&, const Correlation&, const float*, const float*, float*);
template void run_correlation(const ConvKernels<double>&, const Correlation&, const double*, const double*, double*);

}  // namespace sg::kernels

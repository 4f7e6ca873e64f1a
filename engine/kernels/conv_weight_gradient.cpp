// Runs the gradient of a convolution by its weight: sums over pixels, cut into fixed pieces that are added in their
// order.
#include <algorithm>

#include "engine/kernels/conv_packed.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kTasks = 24;               // enough for every thread to have its share
constexpr std::int64_t kPartialBytes = 32 << 20;  // the most that partial sums may take
constexpr double kTaskWork = 3e5;                 // multiply-adds that are worth a task

/// Lays out the cotangent's pixels of a unit in the order of its packets, a row for each output channel; what is left
/// of a vector is 0.
template <class T>
void lay_out_cotangent(const ConvKernels<T>& kernels, const Correlation& g, const ConvBlocking& blocking,
                       const ConvUnit& unit, const T* cotangent, std::int64_t row_length, T* laid_out) {
  const std::int64_t width = g.axis[1].positions, plane = g.axis[0].positions * width, lanes = kernels.lanes;
  for (std::int64_t m = 0; m < g.rows; ++m) {
    T* to = laid_out + m * row_length;
    for (std::int64_t image = 0; image < unit.images; ++image) {
      const T* const from =
          cotangent + (((unit.image + image) * g.groups + unit.group) * g.rows + m) * plane + unit.row * width;
      const std::int64_t runs = blocking.flat_rows ? 1 : unit.rows,
                         run = blocking.flat_rows ? unit.rows * width : width;
      for (std::int64_t y = 0; y < runs; ++y) {
        const std::int64_t padded = blocking.flat_images ? run : ceil_div(run, lanes) * lanes;
        kernels.pack_row(to, padded, from + y * width, 0, 1, run);
        to += padded;
      }
    }
    std::fill(to, laid_out + (m + 1) * row_length, T(0));
  }
}

/// Planes that are a multiple of this apart have their pixels in the same sets of the first-level cache.
constexpr std::int64_t kPageBytes = 4096;
/// Such planes are laid out where each of their vectors is read for so many sums (128 to 64 channels at 32 x 32, 1 x 1:
/// 166 GFLOP/s instead of 150), and still read in place for fewer (3 to 16 channels at 64 x 64: 206 instead of 162).
constexpr std::int64_t kLaidOutDepth = 48;

/// Whether all vectors of the units' packets are whole in the planes of the cotangent, which are read in place then:
/// copying them took a third of the time where the source has one channel, and a fifth for a single tap.
template <class T>
bool is_whole(const Correlation& g, const ConvBlocking& blocking, std::int64_t lanes) {
  const std::int64_t width = g.axis[1].positions, height = g.axis[0].positions;
  const std::int64_t depth =
      blocking.channel_block * static_cast<std::int64_t>(g.axis[0].tap.size() * g.axis[1].tap.size());
  if (depth >= kLaidOutDepth && height * width * static_cast<std::int64_t>(sizeof(T)) % kPageBytes == 0) return false;
  if (blocking.flat_images && blocking.images > 1) return height * width % lanes == 0;
  if (!blocking.flat_rows) return width % lanes == 0;
  return blocking.strip * width % lanes == 0 && height * width % lanes == 0;
}

}  // namespace

template <class T>
void run_weight_gradient(const ConvKernels<T>& kernels, const Correlation& g, const T* source, const T* cotangent,
                         T* result) {
  const std::int64_t taps = static_cast<std::int64_t>(g.axis[0].tap.size() * g.axis[1].tap.size());
  const std::int64_t depth = g.channels * taps, size = g.groups * g.rows * depth;
  if (size == 0) return;
  if (g.batch == 0 || g.axis[0].positions == 0 || g.axis[1].positions == 0 || g.axis[0].size == 0 ||
      g.axis[1].size == 0) {
    std::fill_n(result, size, T(0));
    return;
  }
  const ConvBlocking blocking = choose_blocking(g, kernels.lanes, sizeof(T), true);
  const std::int64_t units = blocking.image_blocks * blocking.strips;  // of one group
  const double work =
      static_cast<double>(g.batch * g.axis[0].positions * g.axis[1].positions) * static_cast<double>(size);
  const std::int64_t pieces =
      std::max<std::int64_t>(1, std::min({units, ceil_div(kTasks, g.groups * blocking.channel_blocks),
                                          static_cast<std::int64_t>(work / kTaskWork),
                                          kPartialBytes / static_cast<std::int64_t>(size * sizeof(T))}));
  const std::int64_t units_per_piece = ceil_div(units, pieces);
  const std::int64_t most_packets =
      blocking.packets(blocking.images, blocking.strip, g.axis[1].positions, kernels.lanes);

  std::vector<std::int32_t> offsets;
  for (std::int64_t c = 0; c < blocking.channel_block; ++c) {
    for (std::size_t y = 0; y < g.axis[0].tap.size(); ++y) {
      for (std::size_t x = 0; x < g.axis[1].tap.size(); ++x) offsets.push_back(tap_offset(blocking, c, y, x));
    }
  }

  const bool whole = is_whole<T>(g, blocking, kernels.lanes);
  const std::int64_t plane = g.axis[0].positions * g.axis[1].positions;

  const Scratch partial_sums(pieces > 1 ? static_cast<std::size_t>(pieces * size) * sizeof(T) : 0);
  parallel_for(g.groups * blocking.channel_blocks * pieces, [&](std::int64_t task) {
    const std::int64_t piece = task % pieces, block = task / pieces % blocking.channel_blocks,
                       group = task / pieces / blocking.channel_blocks;
    const std::int64_t first_channel = block * blocking.channel_block,
                       channels = std::min(blocking.channel_block, g.channels - first_channel);
    const Scratch packed(static_cast<std::size_t>(blocking.block_size) * sizeof(T));
    const Scratch laid_out(whole ? 0 : static_cast<std::size_t>(g.rows * most_packets * kernels.lanes) * sizeof(T));
    const Scratch lists(static_cast<std::size_t>(most_packets) * 16);
    std::int64_t* const cotangent_packets = lists.as<std::int64_t>();
    std::int32_t* const packets = reinterpret_cast<std::int32_t*>(cotangent_packets + most_packets);
    std::int32_t* const counts = packets + most_packets;
    T* const sums =
        (pieces > 1 ? partial_sums.as<T>() + piece * size : result) + group * g.rows * depth + first_channel * taps;
    const std::int64_t first = piece * units_per_piece, last = std::min(units, first + units_per_piece);
    if (first >= last) {
      for (std::int64_t m = 0; m < g.rows; ++m) std::fill_n(sums + m * depth, channels * taps, T(0));
    }
    for (std::int64_t i = first; i < last; ++i) {
      const ConvUnit unit =
          conv_unit(g, blocking, (i / blocking.strips * g.groups + group) * blocking.strips + i % blocking.strips);
      const std::int64_t count = list_packets(g, blocking, unit, kernels.lanes, packets);
      pack_block(kernels, g, blocking, unit, block, source, packed.as<T>());
      ConvReduction<T> reduction;
      if (whole) {
        list_planes(g, blocking, unit, kernels.lanes, cotangent_packets, counts);
        reduction.a = cotangent + (unit.image * g.groups + group) * g.rows * plane;
        reduction.a_row = plane;
      } else {
        lay_out_cotangent(kernels, g, blocking, unit, cotangent, count * kernels.lanes, laid_out.as<T>());
        for (std::int64_t s = 0; s < count; ++s) cotangent_packets[s] = s * kernels.lanes;
        reduction.a = laid_out.as<T>();
        reduction.a_row = count * kernels.lanes;
      }
      reduction.a_packets = cotangent_packets;
      reduction.rows = g.rows;
      reduction.offsets = offsets.data();
      reduction.depth = channels * taps;
      reduction.b = packed.as<T>();
      reduction.packets = packets;
      reduction.packet_count = count;
      reduction.c = sums;
      reduction.c_row = depth;
      reduction.accumulate = i > first;
      kernels.reduction(reduction);
    }
  });
  if (pieces == 1) return;
  constexpr std::int64_t chunk = 8192;
  parallel_for(ceil_div(size, chunk), [&](std::int64_t part) {
    const std::int64_t begin = part * chunk, end = std::min(size, begin + chunk);
    std::copy(partial_sums.as<T>() + begin, partial_sums.as<T>() + end, result + begin);
    for (std::int64_t piece = 1; piece < pieces; ++piece) {
      const T* const sums = partial_sums.as<T>() + piece * size;
      for (std::int64_t i = begin; i < end; ++i) result[i] += sums[i];
    }
  });
}

template void run_weight_gradient(const ConvKernels<float>&, const Correlation&, const float*, const float*, float*);
template void run_weight_gradient(const ConvKernels<double>&, const Correlation&, const double*, const double*,
                                  double*);

}  // namespace sg::kernels

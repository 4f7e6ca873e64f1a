// How a convolution is cut into blocks.
#include "engine/kernels/conv_plan.h"

#include <algorithm>

namespace sg::kernels {
namespace {

constexpr std::int64_t kBlockBytes =
    224 * 1024;  // of packed source: with the weights, well inside a second-level cache
constexpr std::int64_t kDepth =
    576;  // channels times taps in one block: the neighbouring vectors they read stay in the first level
constexpr std::int64_t kReductionDepth = 288;  // the same for the gradient by the weight
constexpr std::int64_t kLeastDepth = 72;
constexpr std::int64_t kSlots =
    12;  // of a unit: a vector that is filled in part, or a tile with fewer of them, costs little then
constexpr std::int64_t kReductionSlots = 40;  // the same where each unit's sums over lanes have to pay
constexpr std::int64_t kUnits = 24;           // enough for every thread to have its share
constexpr double kWaste = 1.1;                // the most that smaller units may have more vectors
constexpr double kUnitWork = 3e5;             // multiply-adds that are worth a task

/// The largest even share that is at most `most`.
std::int64_t even_share(std::int64_t total, std::int64_t most) {
  return ceil_div(total, ceil_div(total, std::max<std::int64_t>(most, 1)));
}

PackedAxis pack_axis(const GatherAxis& axis, bool copy_per_tap) {
  PackedAxis packed;
  const std::int64_t lowest = *std::min_element(axis.tap.begin(), axis.tap.end());
  for (const std::int64_t tap : axis.tap) {
    const std::int64_t begin = copy_per_tap ? tap : lowest + (tap - lowest) % axis.stride;
    const auto found = std::find(packed.begin.begin(), packed.begin.end(), begin);
    packed.copy.push_back(static_cast<int>(found - packed.begin.begin()));
    if (found == packed.begin.end()) packed.begin.push_back(begin);
    packed.shift.push_back(static_cast<int>((tap - begin) / axis.stride));
    packed.extra = std::max(packed.extra, packed.shift.back());
  }
  return packed;
}

GatherPlan plan_layout(const Gather& g, int lanes, int element_size, bool reduction, bool copy_per_row_tap,
                       bool copy_per_column_tap) {
  GatherPlan plan;
  plan.packed[0] = pack_axis(g.axis[0], copy_per_row_tap);
  plan.packed[1] = pack_axis(g.axis[1], copy_per_column_tap);
  const std::int64_t height = g.axis[0].positions, width = g.axis[1].positions;
  const std::int64_t taps = static_cast<std::int64_t>(g.axis[0].tap.size() * g.axis[1].tap.size());
  const std::int64_t phases = g.axis[0].phases * g.axis[1].phases;
  const std::int64_t copies = static_cast<std::int64_t>(plan.packed[0].begin.size() * plan.packed[1].begin.size());
  const std::int64_t extra = plan.packed[0].extra;
  plan.row_pitch = width + plan.packed[1].extra;
  plan.flat_rows = plan.packed[1].extra == 0;
  plan.flat_images = plan.flat_rows && extra == 0;
  plan.row_vectors = ceil_div(width, lanes);

  plan.channel_block =
      even_share(g.channels, std::max<std::int64_t>(1, (reduction ? kReductionDepth : kDepth) * phases / taps));
  const std::int64_t channel_bytes = copies * plan.row_pitch * element_size;  // of one row of one channel
  // Small images: fewer channels at once, so that a unit has enough of them.
  const std::int64_t images_wanted = std::max<std::int64_t>(
      1, std::min(g.batch, (reduction ? kReductionSlots : kSlots) * lanes / std::max<std::int64_t>(1, height * width)));
  while (plan.channel_block * taps >= 2 * kLeastDepth * phases &&
         plan.channel_block * channel_bytes * (height + extra) * images_wanted > kBlockBytes) {
    plan.channel_block = even_share(g.channels, plan.channel_block / 2);
  }
  // A strip should be taller than what it shares with its neighbours.
  while (plan.channel_block > 1 &&
         plan.channel_block * channel_bytes * (std::min(height, 3 * extra + 1) + extra) > kBlockBytes) {
    plan.channel_block = even_share(g.channels, plan.channel_block - 1);
  }
  const std::int64_t result_bytes =
      phases > 1 ? g.rows * phases * width * element_size : 0;  // of one row, held between phases
  const std::int64_t row_bytes = plan.channel_block * channel_bytes + result_bytes;
  const double row_work = static_cast<double>(g.channels * taps * g.rows * width);
  plan.images = 1;
  plan.strip = height;
  if ((height + extra) * row_bytes > kBlockBytes) {
    plan.strip = even_share(height, std::max(kBlockBytes / row_bytes - extra, std::min(height, 2 * extra + 1)));
  } else {
    plan.images = std::min(g.batch, kBlockBytes / ((height + extra) * row_bytes));
  }
  plan.images = even_share(g.batch, plan.images);
  if (!reduction) {
    const auto units = [&] { return g.groups * ceil_div(g.batch, plan.images) * ceil_div(height, plan.strip); };
    const auto slots_of = [&](std::int64_t images) {
      return plan.slots(images, height, width, lanes) * ceil_div(g.batch, images);
    };
    while (plan.images > 1 && units() < kUnits &&
           row_work * static_cast<double>(height * plan.images) > 2 * kUnitWork &&
           plan.images * height * width > 6 * lanes) {
      const std::int64_t half = even_share(g.batch, ceil_div(plan.images, 2));
      if (static_cast<double>(slots_of(half)) > kWaste * static_cast<double>(slots_of(plan.images))) break;
      plan.images = half;
    }
    while (plan.strip > 3 * extra + 1 && plan.images == 1 && units() < kUnits &&
           row_work * static_cast<double>(plan.strip) > 2 * kUnitWork && plan.strip * width > 6 * lanes) {
      plan.strip = even_share(height, ceil_div(plan.strip, 2));
    }
  }
  plan.channel_blocks = ceil_div(g.channels, plan.channel_block);
  plan.image_blocks = ceil_div(g.batch, plan.images);
  plan.strips = ceil_div(height, plan.strip);
  // Copies begin at odd multiples of a cache line, so that they spread over the sets of the first-level cache.
  const std::int64_t line = 64 / element_size;
  plan.copy_pitch = (ceil_div(plan.images * plan.image_pitch(plan.strip) + lanes, line) | 1) * line;
  plan.block_size = plan.channel_block * copies * plan.copy_pitch;

  const double slots =
      static_cast<double>(plan.slots(plan.images, plan.strip, width, lanes) * plan.image_blocks * plan.strips);
  // A single copy is made from the source; several are, from a staging area that splits and pads its rows.
  const double rows = static_cast<double>(plan.strips * (plan.strip + extra) * g.batch * g.channels);
  const double vectors = static_cast<double>(ceil_div(plan.row_pitch, lanes));
  const double staging =
      static_cast<double>(g.axis[0].stride) * (8 + 2 * static_cast<double>(g.axis[1].stride) * vectors);
  const double packing =
      rows * (copies == 1 ? 8 + 2 * vectors : staging + static_cast<double>(copies) * (1 + 2 * vectors));
  const double arithmetic =
      slots * static_cast<double>(g.channels * taps) * static_cast<double>(ceil_div(g.rows, 4) * 4) / 2;
  plan.cost =
      static_cast<double>(g.groups) *
      (packing + arithmetic + (plan.flat_images && plan.images > 1 ? slots * static_cast<double>(g.rows) * 4 : 0));
  return plan;
}

}  // namespace

std::int64_t GatherPlan::slots(std::int64_t image_count, std::int64_t rows, std::int64_t columns, int lanes) const {
  if (flat_images) return ceil_div(image_count * rows * columns, lanes);
  if (flat_rows) return image_count * ceil_div(rows * columns, lanes);
  return image_count * rows * row_vectors;
}

Gather forward_gather(const ConvGeometry& g) {
  Gather gather{g.batch, g.groups, g.in_channels / g.groups, g.out_channels / g.groups, {}};
  for (int i = 0; i < 2; ++i) {
    GatherAxis& axis = gather.axis[i];
    axis.size = i == 0 ? g.in_height : g.in_width;
    axis.positions = axis.results = i == 0 ? g.out_height : g.out_width;
    axis.stride = g.stride[i];
    axis.phases = 1;
    for (std::int64_t k = 0; k < (i == 0 ? g.kernel_height : g.kernel_width); ++k) {
      axis.tap.push_back(k * g.dilation[i] - g.padding[i]);
      axis.phase.push_back(0);
    }
  }
  return gather;
}

Gather input_gradient_gather(const ConvGeometry& g) {
  Gather gather{g.batch, g.groups, g.out_channels / g.groups, g.in_channels / g.groups, {}};
  for (int i = 0; i < 2; ++i) {
    GatherAxis& axis = gather.axis[i];
    axis.size = i == 0 ? g.out_height : g.out_width;
    axis.results = i == 0 ? g.in_height : g.in_width;
    axis.stride = 1;
    axis.phases = static_cast<int>(g.stride[i]);
    axis.positions = ceil_div(axis.results, g.stride[i]);
    // Output row y reads input row y * stride + shift, so input row j * stride + phase is read by output row
    // j + (phase - shift) / stride, of the one phase that makes this whole.
    for (std::int64_t k = 0; k < (i == 0 ? g.kernel_height : g.kernel_width); ++k) {
      const std::int64_t shift = k * g.dilation[i] - g.padding[i];
      axis.phase.push_back(static_cast<int>(floor_mod(shift, g.stride[i])));
      axis.tap.push_back(-floor_div(shift, g.stride[i]));
    }
  }
  return gather;
}

GatherPlan plan_gather(const Gather& gather, int lanes, int element_size, bool reduction) {
  GatherPlan best = plan_layout(gather, lanes, element_size, reduction, false, false);
  for (const bool copy_per_row_tap : {false, true}) {
    GatherPlan plan = plan_layout(gather, lanes, element_size, reduction, copy_per_row_tap, true);
    if (plan.cost < best.cost) best = std::move(plan);
  }
  return best;
}

}  // namespace sg::kernels

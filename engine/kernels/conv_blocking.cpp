// How a convolution is cut into blocks.
#include "engine/kernels/conv_blocking.h"

#include <algorithm>

namespace sg::kernels {
namespace {

constexpr std::int64_t kBlockBytes =
    224 * 1024;  // of packed source: with the weights, well inside a second-level cache
constexpr std::int64_t kDepth =
    576;  // channels times taps in one block: the neighbouring vectors they read stay in the first level
// A single tap's vectors have no neighbours to share a line with: more channels than these leave the first level (the
// gradient by the input of 64 to 384 channels takes 2.24 ms instead of 2.41).
constexpr std::int64_t kSingleTapDepth = 128;
constexpr std::int64_t kReductionDepth = 288;  // the same for the gradient by the weight
constexpr std::int64_t kLeastDepth = 72;
constexpr std::int64_t kPackets =
    12;  // of a unit: a vector that is filled in part, or a tile with fewer of them, costs little then
constexpr std::int64_t kReductionPackets = 40;  // the same where each unit's sums over lanes have to pay
constexpr std::int64_t kUnits = 24;             // enough for every thread to have its share
constexpr double kWaste = 1.1;                  // the most that smaller units may have more vectors
constexpr double kUnitWork = 3e5;               // multiply-adds that are worth a task
constexpr std::int64_t kLeastVectors = 6;       // of pixels in a unit

/// The largest even share that is at most `most`.
std::int64_t even_share(std::int64_t total, std::int64_t most) {
  return ceil_div(total, ceil_div(total, std::max<std::int64_t>(most, 1)));
}

PackedAxis pack_axis(const CorrelationAxis& axis, bool copy_per_tap) {
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

/// Works one choice of packed copies out, a pass after another: channels, units of work, the blocks' memory, the cost.
class BlockingChooser {
 public:
  BlockingChooser(const Correlation& correlation, int lanes, int element_size, bool reduction)
      : g_(correlation), lanes_(lanes), element_size_(element_size), reduction_(reduction) {}

  ConvBlocking run(bool copy_per_row_tap, bool copy_per_column_tap) {
    blocking_.packed[0] = pack_axis(g_.axis[0], copy_per_row_tap);
    blocking_.packed[1] = pack_axis(g_.axis[1], copy_per_column_tap);
    copies_ = static_cast<std::int64_t>(blocking_.packed[0].begin.size() * blocking_.packed[1].begin.size());
    extra_ = blocking_.packed[0].extra;
    blocking_.row_pitch = width_ + blocking_.packed[1].extra;
    blocking_.flat_rows = blocking_.packed[1].extra == 0;
    blocking_.flat_images = blocking_.flat_rows && extra_ == 0;
    blocking_.row_vectors = ceil_div(width_, lanes_);
    choose_channels();
    fill_cache();
    // The gradient by the weight has partial sums a unit, and no use for more of them.
    if (!reduction_) share_among_threads();
    blocking_.channel_blocks = ceil_div(g_.channels, blocking_.channel_block);
    blocking_.image_blocks = ceil_div(g_.batch, blocking_.images);
    blocking_.strips = ceil_div(height_, blocking_.strip);
    lay_blocks_out();
    blocking_.cost = cost();
    return std::move(blocking_);
  }

 private:
  /// Of one row of one channel, all copies.
  std::int64_t channel_bytes() const { return copies_ * blocking_.row_pitch * element_size_; }

  /// How many channels a block has.
  void choose_channels() {
    const std::int64_t depth = reduction_ ? kReductionDepth : taps_ == 1 ? kSingleTapDepth : kDepth;
    blocking_.channel_block = even_share(g_.channels, std::max<std::int64_t>(1, depth * phases_ / taps_));
    // Small images: fewer channels at once, so that a unit has enough of them.
    const std::int64_t packets = reduction_ ? kReductionPackets : kPackets;
    const std::int64_t images =
        std::max<std::int64_t>(1, std::min(g_.batch, packets * lanes_ / std::max<std::int64_t>(1, height_ * width_)));
    while (blocking_.channel_block * taps_ >= 2 * kLeastDepth * phases_ &&
           blocking_.channel_block * channel_bytes() * (height_ + extra_) * images > kBlockBytes) {
      blocking_.channel_block = even_share(g_.channels, blocking_.channel_block / 2);
    }
    // A strip should be taller than what it shares with its neighbours.
    const std::int64_t least_strip = std::min(height_, 3 * extra_ + 1);
    while (blocking_.channel_block > 1 &&
           blocking_.channel_block * channel_bytes() * (least_strip + extra_) > kBlockBytes) {
      blocking_.channel_block = even_share(g_.channels, blocking_.channel_block - 1);
    }
  }

  /// Whole images, as many as fit into the cache, or a strip of one that does.
  void fill_cache() {
    // Of one row of the results, which is held between phases.
    const std::int64_t result_bytes = phases_ > 1 ? g_.rows * phases_ * width_ * element_size_ : 0;
    const std::int64_t row_bytes = blocking_.channel_block * channel_bytes() + result_bytes;
    blocking_.images = 1;
    blocking_.strip = height_;
    if ((height_ + extra_) * row_bytes > kBlockBytes) {
      blocking_.strip =
          even_share(height_, std::max(kBlockBytes / row_bytes - extra_, std::min(height_, 2 * extra_ + 1)));
    } else {
      blocking_.images = std::min(g_.batch, kBlockBytes / ((height_ + extra_) * row_bytes));
    }
    blocking_.images = even_share(g_.batch, blocking_.images);
  }

  /// Halves units until there are enough for all threads, as long as what that wastes stays small.
  void share_among_threads() {
    const double row_work = static_cast<double>(g_.channels * taps_ * g_.rows * width_);
    const auto units = [&] {
      return g_.groups * ceil_div(g_.batch, blocking_.images) * ceil_div(height_, blocking_.strip);
    };
    const auto packets_of = [&](std::int64_t images) {
      return static_cast<double>(blocking_.packets(images, height_, width_, lanes_) * ceil_div(g_.batch, images));
    };
    while (blocking_.images > 1 && units() < kUnits &&
           row_work * static_cast<double>(height_ * blocking_.images) > 2 * kUnitWork &&
           blocking_.images * height_ * width_ > kLeastVectors * lanes_) {
      const std::int64_t half = even_share(g_.batch, ceil_div(blocking_.images, 2));
      if (packets_of(half) > kWaste * packets_of(blocking_.images)) break;
      blocking_.images = half;
    }
    while (blocking_.strip > 3 * extra_ + 1 && blocking_.images == 1 && units() < kUnits &&
           row_work * static_cast<double>(blocking_.strip) > 2 * kUnitWork &&
           blocking_.strip * width_ > kLeastVectors * lanes_) {
      blocking_.strip = even_share(height_, ceil_div(blocking_.strip, 2));
    }
  }

  /// Copies begin at odd multiples of a cache line, so that they spread over the sets of the first-level cache.
  void lay_blocks_out() {
    const std::int64_t line = 64 / element_size_;
    blocking_.copy_pitch =
        (ceil_div(blocking_.images * blocking_.image_pitch(blocking_.strip) + lanes_, line) | 1) * line;
    blocking_.block_size = blocking_.channel_block * copies_ * blocking_.copy_pitch;
  }

  /// Estimated cycles of the whole: packing, multiply-adds, and sums over lanes that cross images.
  double cost() const {
    const double packets = static_cast<double>(blocking_.packets(blocking_.images, blocking_.strip, width_, lanes_) *
                                               blocking_.image_blocks * blocking_.strips);
    // A single copy is made from the source; several are, from a staging area that splits and pads its rows.
    const double rows = static_cast<double>(blocking_.strips * (blocking_.strip + extra_) * g_.batch * g_.channels);
    const double vectors = static_cast<double>(ceil_div(blocking_.row_pitch, lanes_));
    const double staging =
        static_cast<double>(g_.axis[0].stride) * (8 + 2 * static_cast<double>(g_.axis[1].stride) * vectors);
    const double packing =
        rows * (copies_ == 1 ? 8 + 2 * vectors : staging + static_cast<double>(copies_) * (1 + 2 * vectors));
    const double arithmetic =
        packets * static_cast<double>(g_.channels * taps_) * static_cast<double>(ceil_div(g_.rows, 4) * 4) / 2;
    return static_cast<double>(g_.groups) *
           (packing + arithmetic +
            (blocking_.flat_images && blocking_.images > 1 ? packets * static_cast<double>(g_.rows) * 4 : 0));
  }

  const Correlation& g_;
  const int lanes_, element_size_;
  const bool reduction_;
  const std::int64_t height_ = g_.axis[0].positions, width_ = g_.axis[1].positions;
  const std::int64_t taps_ = static_cast<std::int64_t>(g_.axis[0].tap.size() * g_.axis[1].tap.size());
  const std::int64_t phases_ = g_.axis[0].phases * g_.axis[1].phases;
  std::int64_t copies_ = 0;  // of a channel, packed
  std::int64_t extra_ = 0;   // rows that a strip shares with the next
  ConvBlocking blocking_;
};

}  // namespace

std::int64_t ConvBlocking::packets(std::int64_t image_count, std::int64_t rows, std::int64_t columns, int lanes) const {
  if (flat_images) return ceil_div(image_count * rows * columns, lanes);
  if (flat_rows) return image_count * ceil_div(rows * columns, lanes);
  return image_count * rows * row_vectors;
}

Correlation forward_correlation(const ConvGeometry& g) {
  Correlation correlation{g.batch, g.groups, g.in_channels / g.groups, g.out_channels / g.groups, {}};
  for (int i = 0; i < 2; ++i) {
    CorrelationAxis& axis = correlation.axis[i];
    axis.size = i == 0 ? g.in_height : g.in_width;
    axis.positions = axis.results = i == 0 ? g.out_height : g.out_width;
    axis.stride = g.stride[i];
    axis.phases = 1;
    for (std::int64_t k = 0; k < (i == 0 ? g.kernel_height : g.kernel_width); ++k) {
      axis.tap.push_back(k * g.dilation[i] - g.padding[i]);
      axis.phase.push_back(0);
    }
  }
  return correlation;
}

Correlation input_gradient_correlation(const ConvGeometry& g) {
  Correlation correlation{g.batch, g.groups, g.out_channels / g.groups, g.in_channels / g.groups, {}};
  for (int i = 0; i < 2; ++i) {
    CorrelationAxis& axis = correlation.axis[i];
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
  return correlation;
}

ConvBlocking choose_blocking(const Correlation& correlation, int lanes, int element_size, bool reduction) {
  const auto blocking_of = [&](bool copy_per_row_tap, bool copy_per_column_tap) {
    return BlockingChooser(correlation, lanes, element_size, reduction).run(copy_per_row_tap, copy_per_column_tap);
  };
  ConvBlocking best = blocking_of(false, false);
  for (const bool copy_per_row_tap : {false, true}) {
    ConvBlocking blocking = blocking_of(copy_per_row_tap, true);
    if (blocking.cost < best.cost) best = std::move(blocking);
  }
  return best;
}

}  // namespace sg::kernels

// A convolution with one result a group as a product over channels for each tap, and then a sum of the taps' planes,
// each shifted to where it is read: the product needs no packed source, and has as many rows as there are taps.
#include "engine/kernels/conv_single_result.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "engine/kernels/conv_packed.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kLeastChannels = 8, kMostTaps = 32;
// Of the taps' planes, which are written and read again. On one thread, 8 to 256 channels, against the packed way: 28 x
// 28 and 9 taps (28 KB) takes 0.29 to 0.75 of its time, 25 taps (78 KB) 0.38 to 1.05, 64 x 64 and 9 taps (147 KB) 0.54
// to 1.08, but 25 taps (410 KB) 0.71 to 1.42, and 128 x 128 (590 KB and more) 0.71 to 1.40.
constexpr std::int64_t kMostBytes = 192 * 1024;
constexpr std::int64_t kDepth = 128;  // channels at once: their vectors stay in the first-level cache
constexpr double kTaskWork = 3e5;     // multiply-adds that are worth a task

/// The planes of one result, one for each tap, with zeros around them.
template <class T>
class TapPlanes {
 public:
  TapPlanes(const Correlation& g, int lanes) : height_(g.axis[0].size), width_(g.axis[1].size) {
    std::int64_t margin = 0;
    for (const std::int64_t y : g.axis[0].tap) {
      for (const std::int64_t x : g.axis[1].tap) {
        columns_.push_back(x);
        shifts_.push_back(y * width_ + x);
        margin = std::max(margin, std::abs(shifts_.back()));
      }
    }
    margin_ = ceil_div(margin, lanes) * lanes;
    pitch_ = margin_ + ceil_div(height_ * width_, lanes) * lanes + margin_;
    for (std::size_t t = 0; t < shifts_.size(); ++t) shifts_[t] += static_cast<std::int64_t>(t) * pitch_;
  }
  std::int64_t count() const { return static_cast<std::int64_t>(shifts_.size()); }
  std::int64_t pitch() const { return pitch_; }
  std::int64_t margin() const { return margin_; }
  const std::int64_t* shifts() const { return shifts_.data(); }

  /// Zeros that the products leave alone.
  void clear_margins(T* planes) const {
    for (std::int64_t t = 0; t < count(); ++t, planes += pitch_) {
      std::fill_n(planes, margin_, T(0));
      std::fill(planes + margin_ + height_ * width_, planes + pitch_, T(0));
    }
  }
  /// Zeros in the columns that a shifted plane would carry over into a neighbouring row.
  void clear_columns(T* planes) const {
    for (std::int64_t t = 0; t < count(); ++t, planes += pitch_) {
      const std::int64_t shift = columns_[static_cast<std::size_t>(t)], columns = std::min(std::abs(shift), width_);
      T* first = planes + margin_ + (shift < 0 ? width_ - columns : 0);
      for (std::int64_t y = 0; y < height_; ++y, first += width_) {
        for (std::int64_t x = 0; x < columns; ++x) first[x] = 0;
      }
    }
  }

 private:
  std::int64_t height_, width_, margin_, pitch_;
  std::vector<std::int64_t> shifts_, columns_;
};

}  // namespace

template <class T>
bool single_result_pays(const Correlation& g) {
  for (const CorrelationAxis& axis : g.axis) {
    if (axis.stride != 1 || axis.phases != 1 || axis.results != axis.size) return false;
  }
  const std::int64_t taps = static_cast<std::int64_t>(g.axis[0].tap.size() * g.axis[1].tap.size());
  const std::int64_t plane = g.axis[0].size * g.axis[1].size;
  return g.rows == 1 && g.channels >= kLeastChannels && taps > 1 && taps <= kMostTaps &&
         taps * plane * static_cast<std::int64_t>(sizeof(T)) <= kMostBytes && plane >= conv_kernels<T>().lanes &&
         g.channels * plane <= INT32_MAX &&
         // The last vector of pixels overlaps its neighbour, and must not be added to twice.
         (g.channels <= kDepth || plane % conv_kernels<T>().lanes == 0);
}

template <class T>
void run_single_result(const Correlation& g, const T* source, const T* weight, T* result) {
  const ConvKernels<T>& kernels = conv_kernels<T>();
  const TapPlanes<T> planes(g, kernels.lanes);
  const std::int64_t taps = planes.count(), plane = g.axis[0].size * g.axis[1].size;
  // [groups, taps, channels]; for one result the weights of a convolution and of its gradient lie alike.
  const Scratch turned(static_cast<std::size_t>(g.groups * taps * g.channels) * sizeof(T));
  T* to = turned.as<T>();
  for (std::int64_t group = 0; group < g.groups; ++group, weight += g.channels * taps) {
    for (std::int64_t t = 0; t < taps; ++t) {
      for (std::int64_t c = 0; c < g.channels; ++c) *to++ = weight[c * taps + t];
    }
  }
  std::vector<std::int32_t> offsets, packets, counts;
  std::vector<std::int64_t> targets;
  for (std::int64_t c = 0; c < std::min(kDepth, g.channels); ++c) {
    offsets.push_back(static_cast<std::int32_t>(c * plane));
  }
  for (std::int64_t p = 0; p < plane; p += kernels.lanes) {
    targets.push_back(std::min(p, plane - kernels.lanes));  // the last overlaps its neighbour
    packets.push_back(static_cast<std::int32_t>(targets.back()));
    counts.push_back(kernels.lanes);
  }
  const std::int64_t images = g.batch * g.groups;
  const double image_work = static_cast<double>(taps) * static_cast<double>(g.channels * plane);
  const std::int64_t chunk = std::max<std::int64_t>(1, static_cast<std::int64_t>(kTaskWork / image_work));
  parallel_for(ceil_div(images, chunk), [&](std::int64_t task) {
    const Scratch scratch(static_cast<std::size_t>(taps * planes.pitch()) * sizeof(T));
    T* const products = scratch.as<T>();
    planes.clear_margins(products);
    for (std::int64_t image = task * chunk; image < std::min(images, (task + 1) * chunk); ++image) {
      for (std::int64_t first = 0; first < g.channels; first += kDepth) {
        ConvProduct<T> product;
        product.a = turned.as<T>() + image % g.groups * taps * g.channels + first;
        product.a_row = g.channels;
        product.rows = taps;
        product.offsets = offsets.data();
        product.depth = std::min(kDepth, g.channels - first);
        product.b = source + (image * g.channels + first) * plane;
        product.packets = packets.data();
        product.packet_count = static_cast<std::int64_t>(packets.size());
        product.c = products + planes.margin();
        product.c_offsets = targets.data();
        product.counts = counts.data();
        product.c_row = planes.pitch();
        product.accumulate = first > 0;
        kernels.product(product);
      }
      planes.clear_columns(products);
      kernels.sum_shifted(result + image * plane, products + planes.margin(), planes.shifts(), taps, plane);
    }
  });
}

template bool single_result_pays<float>(const Correlation&);
template bool single_result_pays<double>(const Correlation&);
template void run_single_result(const Correlation&, const float*, const float*, float*);
template void run_single_result(const Correlation&, const double*, const double*, double*);

}  // namespace sg::kernels

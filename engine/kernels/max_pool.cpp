// Max pooling: tap after tap for a whole row of windows, because which element of a window is the largest is not to be
// foretold, and branches cost 11 cycles an element; or window after window, where a row has few.
#include "engine/kernels/max_pool.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "engine/kernels/conv_blocking.h"
#include "engine/kernels/conv_packed.h"
#include "engine/kernels/memory.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kFewWindows = 8;

/// Window after window.
template <class T>
void find_each(const PoolWindows& g, const T* x, std::int64_t* places) {
  const auto taps = [&](int axis, std::int64_t window, std::int64_t& first, std::int64_t& end) {
    const std::int64_t begin = window * g.stride[axis] - g.padding[axis], step = g.dilation[axis];
    first = begin + (begin < 0 ? ceil_div(-begin, step) * step : 0);
    end = std::min(begin + (g.kernel[axis] - 1) * step + 1, g.size[axis]);
  };
  for (std::int64_t i = 0; i < g.windows[0]; ++i) {
    std::int64_t first_row = 0, end_row = 0, first_column = 0, end_column = 0;
    taps(0, i, first_row, end_row);
    for (std::int64_t j = 0; j < g.windows[1]; ++j) {
      taps(1, j, first_column, end_column);
      std::int64_t best = -1;
      for (std::int64_t h = first_row; h < end_row; h += g.dilation[0]) {
        for (std::int64_t w = first_column; w < end_column; w += g.dilation[1]) {
          const std::int64_t here = h * g.size[1] + w;
          if (best < 0 || x[here] > x[best] || (x[here] != x[here] && x[best] == x[best])) best = here;
        }
      }
      *places++ = best;
    }
  }
}

/// Tap after tap.
template <class T>
void find_rows(const PoolWindows& g, const T* x, std::int64_t* found) {
  using Place = typename ConvKernels<T>::Place;
  const ConvKernels<T>& kernels = conv_kernels<T>();
  const std::int64_t height = g.size[0], width = g.size[1], windows = g.windows[1], step = g.stride[1];
  // A row's columns p, p + step, ... lie side by side as its part p, so that neighbouring windows read neighbours.
  const std::int64_t part = ceil_div(width, step);
  const Scratch split(step == 1 ? 0 : static_cast<std::size_t>(step * height * part) * sizeof(T));
  if (step > 1) kernels.split_rows(split.as<T>(), height * part, part, x, height, width, step);
  const Scratch largest(static_cast<std::size_t>(windows) * sizeof(T));
  const Scratch places(static_cast<std::size_t>(windows) * sizeof(Place));
  for (std::int64_t i = 0; i < g.windows[0]; ++i, found += windows) {
    std::fill_n(largest.as<T>(), windows, T(0));
    std::fill_n(places.as<Place>(), windows, Place(-1));
    for (std::int64_t tap = 0; tap < g.kernel[0]; ++tap) {
      const std::int64_t h = i * g.stride[0] - g.padding[0] + tap * g.dilation[0];
      if (h < 0 || h >= height) continue;
      for (std::int64_t k = 0; k < g.kernel[1]; ++k) {
        // Window j reads column (j + shift) * step + p.
        const std::int64_t offset = k * g.dilation[1] - g.padding[1];
        const std::int64_t p = floor_mod(offset, step), shift = floor_div(offset, step);
        const std::int64_t first = std::max<std::int64_t>(0, -shift);
        const std::int64_t end = std::min(windows, ceil_div(width - p, step) - shift);
        if (first >= end) continue;
        const T* const row = step == 1 ? x + h * width : split.as<const T>() + (p * height + h) * part;
        kernels.take_larger(end - first, row + first + shift,
                            static_cast<Place>(h * width + p + (first + shift) * step), static_cast<Place>(step),
                            largest.as<T>() + first, places.as<Place>() + first);
      }
    }
    std::copy_n(places.as<Place>(), windows, found);
  }
}

}  // namespace

template <class T>
void max_pool_places(const PoolWindows& g, const T* x, std::int64_t* places) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool places_fit = g.size[0] * g.size[1] <= std::numeric_limits<typename ConvKernels<T>::Place>::max();
    if (g.windows[1] >= kFewWindows && places_fit) return find_rows(g, x, places);
  }
  find_each(g, x, places);
}

template void max_pool_places(const PoolWindows&, const float*, std::int64_t*);
template void max_pool_places(const PoolWindows&, const double*, std::int64_t*);
template void max_pool_places(const PoolWindows&, const std::int64_t*, std::int64_t*);

}  // namespace sg::kernels

// Where the largest element of each window is.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// Windows over a plane, by axis: window i begins at element i * stride - padding, and has `kernel` elements `dilation`
/// apart, of which those inside of the plane count.
struct PoolWindows {
  std::int64_t size[2], windows[2], kernel[2], stride[2], padding[2], dilation[2];
};

/// places[i * windows[1] + j] = h * size[1] + w of the largest element of window (i, j) of a plane x: the first of
/// equals, and the first NaN if there is one. T is float, double or std::int64_t.
template <class T>
void max_pool_places(const PoolWindows& g, const T* x, std::int64_t* places);

}  // namespace sg::kernels

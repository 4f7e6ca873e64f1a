// Max pooling's places against plain loops, with equals, infinities and NaN among the elements.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/kernels/max_pool.h"
#include "engine/random.h"

using sg::kernels::max_pool_places;
using sg::kernels::PoolWindows;

namespace {

PoolWindows windows_of(std::int64_t height, std::int64_t width, std::int64_t kernel, std::int64_t stride,
                       std::int64_t padding, std::int64_t dilation) {
  PoolWindows g{{height, width}, {}, {kernel, kernel}, {stride, stride}, {padding, padding}, {dilation, dilation}};
  for (int i = 0; i < 2; ++i) g.windows[i] = (g.size[i] + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  return g;
}

template <class T>
std::vector<std::int64_t> by_definition(const PoolWindows& g, const std::vector<T>& x) {
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < g.windows[0]; ++i) {
    for (std::int64_t j = 0; j < g.windows[1]; ++j) {
      std::int64_t best = -1;
      for (std::int64_t a = 0; a < g.kernel[0]; ++a) {
        for (std::int64_t b = 0; b < g.kernel[1]; ++b) {
          const std::int64_t h = i * g.stride[0] - g.padding[0] + a * g.dilation[0];
          const std::int64_t w = j * g.stride[1] - g.padding[1] + b * g.dilation[1];
          if (h < 0 || h >= g.size[0] || w < 0 || w >= g.size[1]) continue;
          const T value = x[h * g.size[1] + w];
          if (best < 0 || value > x[best] || (value != value && x[best] == x[best])) best = h * g.size[1] + w;
        }
      }
      places.push_back(best);
    }
  }
  return places;
}

/// Few different numbers, so that many are equal; some NaN and some of both infinities for floating types.
template <class T>
std::vector<T> elements(std::int64_t count) {
  sg::Philox random(7, static_cast<std::uint64_t>(count));
  std::vector<T> x(count);
  for (T& value : x) {
    const auto drawn = static_cast<int>(random.below(40));
    value = static_cast<T>(drawn % 9 - 4);
    if constexpr (std::numeric_limits<T>::has_infinity) {
      if (drawn == 39) value = std::numeric_limits<T>::quiet_NaN();
      if (drawn == 38) value = std::numeric_limits<T>::infinity();
      if (drawn < 4) value = -std::numeric_limits<T>::infinity();
    }
  }
  return x;
}

template <class T>
void check(const PoolWindows& g) {
  INFO(g.size[0] << " x " << g.size[1] << ", kernel " << g.kernel[0] << ", stride " << g.stride[0] << ", padding "
                 << g.padding[0] << ", dilation " << g.dilation[0]);
  const std::vector<T> x = elements<T>(g.size[0] * g.size[1]);
  std::vector<std::int64_t> places(g.windows[0] * g.windows[1]);
  max_pool_places(g, x.data(), places.data());
  CHECK(places == by_definition(g, x));
}

}  // namespace

TEST_CASE("the largest of each window is the first of equals and the first NaN, whatever the windows") {
  for (const std::int64_t width : {5, 17, 40, 67}) {
    for (const std::int64_t kernel : {1, 2, 3}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        for (const std::int64_t dilation : {1, 2}) {
          for (std::int64_t padding = 0; 2 * padding <= kernel; ++padding) {
            const PoolWindows g = windows_of(6, width, kernel, stride, padding, dilation);
            check<float>(g);
            check<double>(g);
            check<std::int64_t>(g);
          }
        }
      }
    }
  }
  check<float>(windows_of(9, 9, 9, 1, 0, 1));
  check<float>({{3, 50}, {2, 12}, {2, 5}, {1, 4}, {0, 2}, {1, 1}});
}

TEST_CASE("a window of nothing but the lowest number takes its first element") {
  const std::vector<float> x(64, -std::numeric_limits<float>::infinity());
  const PoolWindows g = windows_of(4, 16, 2, 2, 1, 1);
  std::vector<std::int64_t> places(g.windows[0] * g.windows[1]);
  max_pool_places(g, x.data(), places.data());
  CHECK(places == by_definition(g, x));
  CHECK(places[0] == 0);
}

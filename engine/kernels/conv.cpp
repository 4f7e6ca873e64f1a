// The three convolutions over images.
#include "engine/kernels/conv.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/kernels/conv_packed.h"
#include "engine/kernels/conv_panel.h"
#include "engine/kernels/conv_single_result.h"
#include "engine/kernels/conv_two_by_two.h"
#include "engine/kernels/conv_winograd.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {

namespace {

constexpr std::int64_t kTile =
    16;  // rows and channels of a tile whose cache lines are read and written while they are near

/// The chosen taps of one tile. `Count` is their number if it is known to be that, which saves the inner loop; 0
/// otherwise.
template <int Count, class T>
void transpose_tile(const T* from, std::int64_t from_channel, std::int64_t from_row, T* to, std::int64_t to_row,
                    std::int64_t rows, std::int64_t channels, const std::vector<std::int64_t>& chosen) {
  const std::int64_t count = Count > 0 ? Count : static_cast<std::int64_t>(chosen.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const T* from_taps = from + row * from_row;
    T* to_taps = to + row * to_row;
    for (std::int64_t c = 0; c < channels; ++c, from_taps += from_channel, to_taps += count) {
      if constexpr (Count > 0) {
        const T* const first = from_taps + chosen[0];
        for (int t = 0; t < Count; ++t) to_taps[t] = first[t];
      } else {
        for (std::int64_t t = 0; t < count; ++t) to_taps[t] = from_taps[chosen[static_cast<std::size_t>(t)]];
      }
    }
  }
}

/// From [out_channels, in_channels / groups, taps] to the order of run_correlation: phase by phase, a row for each
/// input channel.
template <class T>
void transpose_weight(const Correlation& g, const T* weight, T* transposed) {
  const CorrelationAxis &rows = g.axis[0], &columns = g.axis[1];
  const std::int64_t taps = static_cast<std::int64_t>(rows.tap.size() * columns.tap.size());
  for (int py = 0; py < rows.phases; ++py) {
    for (int px = 0; px < columns.phases; ++px) {
      std::vector<std::int64_t> chosen;
      for (std::size_t y = 0; y < rows.tap.size(); ++y) {
        for (std::size_t x = 0; x < columns.tap.size(); ++x) {
          if (rows.phase[y] == py && columns.phase[x] == px) {
            chosen.push_back(static_cast<std::int64_t>(y * columns.tap.size() + x));
          }
        }
      }
      const std::int64_t count = static_cast<std::int64_t>(chosen.size());
      const bool neighbours = count > 0 && chosen.back() - chosen.front() == count - 1;
      const auto tile = neighbours && count == 1   ? transpose_tile<1, T>
                        : neighbours && count == 9 ? transpose_tile<9, T>
                                                   : transpose_tile<0, T>;
      const std::int64_t blocks = (g.rows + kTile - 1) / kTile, all = g.groups * blocks;
      const std::int64_t chunk = 1 + 8192 / (1 + kTile * g.channels * count);
      parallel_for((all + chunk - 1) / chunk, [&](std::int64_t piece) {
        for (std::int64_t i = piece * chunk; i < std::min(all, (piece + 1) * chunk); ++i) {
          const std::int64_t group = i / blocks, row = i % blocks * kTile;
          for (std::int64_t c = 0; c < g.channels; c += kTile) {
            tile(weight + ((group * g.channels + c) * g.rows + row) * taps, g.rows * taps, taps,
                 transposed + ((group * g.rows + row) * g.channels + c) * count, g.channels * count,
                 std::min(kTile, g.rows - row), std::min(kTile, g.channels - c), chosen);
          }
        }
      });
      transposed += g.groups * g.rows * g.channels * count;
    }
  }
}

}  // namespace

template <>
const ConvKernels<float>& conv_kernels<float>() {
  return SG_OF_ISA(conv_kernels_f32);
}
template <>
const ConvKernels<double>& conv_kernels<double>() {
  return SG_OF_ISA(conv_kernels_f64);
}

namespace {

/// Whether there is something to sum and somewhere to put it: what is left otherwise is zeros.
bool is_empty(const ConvGeometry& g) {
  return g.batch == 0 || g.in_channels == 0 || g.out_channels == 0 || g.in_height == 0 || g.in_width == 0 ||
         g.out_height == 0 || g.out_width == 0 || g.kernel_height == 0 || g.kernel_width == 0;
}

/// The gradient by the weight with the two sides in each other's place: with stride 1 a pixel of the cotangent is read
/// by those of the input just as a pixel of the input is by those of the cotangent, through the taps in reverse.
ConvGeometry with_sides_swapped(const ConvGeometry& g) {
  ConvGeometry swapped = g;
  std::swap(swapped.in_channels, swapped.out_channels);
  std::swap(swapped.in_height, swapped.out_height);
  std::swap(swapped.in_width, swapped.out_width);
  swapped.padding[0] = (g.kernel_height - 1) * g.dilation[0] - g.padding[0];
  swapped.padding[1] = (g.kernel_width - 1) * g.dilation[1] - g.padding[1];
  return swapped;
}

/// Register tiles have several rows of output channels: where there are fewer of these than input channels, and too few
/// for a tile, the sides are swapped (32 to 1 channels at 28 x 28: 19 microseconds for 4 pictures instead of 60).
template <class T>
bool swapping_pays(const ConvGeometry& g) {
  return g.stride[0] == 1 && g.stride[1] == 1 && g.out_channels < g.in_channels &&
         g.out_channels / g.groups < conv_kernels<T>().rows;
}

template <class T>
void run_swapped_weight_gradient(const ConvGeometry& g, const T* input, const T* output_cotangent,
                                 T* weight_cotangent) {
  const std::int64_t rows = g.out_channels / g.groups, channels = g.in_channels / g.groups;
  const std::int64_t taps = g.kernel_height * g.kernel_width;
  const Scratch scratch(static_cast<std::size_t>(g.out_channels * channels * taps) * sizeof(T));
  run_weight_gradient(conv_kernels<T>(), forward_correlation(with_sides_swapped(g)), output_cotangent, input,
                      scratch.as<T>());
  const T* from = scratch.as<T>();
  for (std::int64_t group = 0; group < g.groups; ++group) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t row = 0; row < rows; ++row, from += taps) {
        std::reverse_copy(from, from + taps, weight_cotangent + ((group * rows + row) * channels + c) * taps);
      }
    }
  }
}

}  // namespace

template <class T>
void conv2d(const ConvGeometry& g, const T* input, const T* weight, T* output) {
  if (const auto shape = winograd_forward<T>(g)) return run_winograd(*shape, false, input, weight, output);
  if (!is_empty(g) && two_by_two_pays<T>(g)) return run_two_by_two(g, false, input, weight, output);
  const Correlation correlation = forward_correlation(g);
  if (!is_empty(g) && panels_pay<T>(correlation)) return run_panels(correlation, false, input, weight, output);
  if (!is_empty(g) && single_result_pays<T>(correlation)) {
    return run_single_result(correlation, input, weight, output);
  }
  run_correlation(conv_kernels<T>(), correlation, input, weight, output);
}

template <class T>
void conv2d_input_gradient(const ConvGeometry& g, const T* output_cotangent, const T* weight, T* input_cotangent) {
  if (const auto shape = winograd_input_gradient<T>(g)) {
    return run_winograd(*shape, true, output_cotangent, weight, input_cotangent);
  }
  if (!is_empty(g) && two_by_two_pays<T>(g)) return run_two_by_two(g, true, output_cotangent, weight, input_cotangent);
  const Correlation correlation = input_gradient_correlation(g);
  if (!is_empty(g) && panels_pay<T>(correlation)) {
    return run_panels(correlation, true, output_cotangent, weight, input_cotangent);
  }
  if (!is_empty(g) && single_result_pays<T>(correlation)) {
    return run_single_result(correlation, output_cotangent, weight, input_cotangent);
  }
  const std::int64_t taps = g.kernel_height * g.kernel_width;
  const Scratch transposed(static_cast<std::size_t>(g.out_channels * correlation.rows * taps) * sizeof(T));
  transpose_weight(correlation, weight, transposed.as<T>());
  run_correlation(conv_kernels<T>(), correlation, output_cotangent, transposed.as<T>(), input_cotangent);
}

template <class T>
void conv2d_weight_gradient(const ConvGeometry& g, const T* input, const T* output_cotangent, T* weight_cotangent) {
  if (const auto shape = winograd_weight_gradient<T>(g)) {
    return run_winograd_weight_gradient(*shape, input, output_cotangent, weight_cotangent);
  }
  if (!is_empty(g) && two_by_two_weight_gradient_pays<T>(g)) {
    return run_two_by_two_weight_gradient(g, input, output_cotangent, weight_cotangent);
  }
  const Correlation correlation = forward_correlation(g);
  if (!is_empty(g) && panels_pay<T>(correlation)) {
    return run_panels_weight_gradient(correlation, input, output_cotangent, weight_cotangent);
  }
  if (!is_empty(g) && swapping_pays<T>(g)) {
    return run_swapped_weight_gradient(g, input, output_cotangent, weight_cotangent);
  }
  run_weight_gradient(conv_kernels<T>(), correlation, input, output_cotangent, weight_cotangent);
}

template void conv2d(const ConvGeometry&, const float*, const float*, float*);
template void conv2d(const ConvGeometry&, const double*, const double*, double*);
template void conv2d_input_gradient(const ConvGeometry&, const float*, const float*, float*);
template void conv2d_input_gradient(const ConvGeometry&, const double*, const double*, double*);
template void conv2d_weight_gradient(const ConvGeometry&, const float*, const float*, float*);
template void conv2d_weight_gradient(const ConvGeometry&, const double*, const double*, double*);

}  // namespace sg::kernels

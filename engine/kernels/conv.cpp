// The three convolutions over images.
#include "engine/kernels/conv.h"

#include <algorithm>

#include "engine/kernels/parallel.h"

namespace sg::kernels {

namespace {

/// The outputs [first, last) whose input position out * stride + offset lies in [0, in_size).
struct Range {
  std::int64_t first, last;
};
Range valid_outputs(std::int64_t offset, std::int64_t stride, std::int64_t in_size, std::int64_t out_size) {
  const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const std::int64_t last = in_size - offset <= 0 ? 0 : (in_size - offset + stride - 1) / stride;
  return {first, std::max(first, std::min(last, out_size))};
}

}  // namespace

template <class T>
void conv2d(const ConvGeometry& g, const T* input, const T* weight, T* output) {
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  parallel_for(g.batch * g.out_channels, [&](std::int64_t plane) {
    const std::int64_t n = plane / g.out_channels, o = plane % g.out_channels;
    T* const out = output + plane * g.out_height * g.out_width;
    std::fill_n(out, g.out_height * g.out_width, T(0));
    for (std::int64_t c = 0; c < group_in; ++c) {
      const T* const in = input + (n * g.in_channels + o / group_out * group_in + c) * g.in_height * g.in_width;
      for (std::int64_t ky = 0; ky < g.kernel_height; ++ky) {
        const std::int64_t dy = ky * g.dilation[0] - g.padding[0];
        const Range ys = valid_outputs(dy, g.stride[0], g.in_height, g.out_height);
        for (std::int64_t kx = 0; kx < g.kernel_width; ++kx) {
          const std::int64_t dx = kx * g.dilation[1] - g.padding[1];
          const Range xs = valid_outputs(dx, g.stride[1], g.in_width, g.out_width);
          const T w = weight[((o * group_in + c) * g.kernel_height + ky) * g.kernel_width + kx];
          for (std::int64_t y = ys.first; y < ys.last; ++y) {
            const T* const row = in + (y * g.stride[0] + dy) * g.in_width + dx;
            for (std::int64_t x = xs.first; x < xs.last; ++x) out[y * g.out_width + x] += w * row[x * g.stride[1]];
          }
        }
      }
    }
  });
}

template <class T>
void conv2d_input_gradient(const ConvGeometry& g, const T* output_cotangent, const T* weight, T* input_cotangent) {
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  parallel_for(g.batch * g.in_channels, [&](std::int64_t plane) {
    const std::int64_t n = plane / g.in_channels, i = plane % g.in_channels, group = i / group_in, c = i % group_in;
    T* const in = input_cotangent + plane * g.in_height * g.in_width;
    std::fill_n(in, g.in_height * g.in_width, T(0));
    for (std::int64_t o = group * group_out; o < (group + 1) * group_out; ++o) {
      const T* const out = output_cotangent + (n * g.out_channels + o) * g.out_height * g.out_width;
      for (std::int64_t ky = 0; ky < g.kernel_height; ++ky) {
        const std::int64_t dy = ky * g.dilation[0] - g.padding[0];
        const Range ys = valid_outputs(dy, g.stride[0], g.in_height, g.out_height);
        for (std::int64_t kx = 0; kx < g.kernel_width; ++kx) {
          const std::int64_t dx = kx * g.dilation[1] - g.padding[1];
          const Range xs = valid_outputs(dx, g.stride[1], g.in_width, g.out_width);
          const T w = weight[((o * group_in + c) * g.kernel_height + ky) * g.kernel_width + kx];
          for (std::int64_t y = ys.first; y < ys.last; ++y) {
            T* const row = in + (y * g.stride[0] + dy) * g.in_width + dx;
            for (std::int64_t x = xs.first; x < xs.last; ++x) row[x * g.stride[1]] += w * out[y * g.out_width + x];
          }
        }
      }
    }
  });
}

template <class T>
void conv2d_weight_gradient(const ConvGeometry& g, const T* input, const T* output_cotangent, T* weight_cotangent) {
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  parallel_for(g.out_channels * group_in, [&](std::int64_t plane) {
    const std::int64_t o = plane / group_in, c = plane % group_in;
    for (std::int64_t ky = 0; ky < g.kernel_height; ++ky) {
      const std::int64_t dy = ky * g.dilation[0] - g.padding[0];
      const Range ys = valid_outputs(dy, g.stride[0], g.in_height, g.out_height);
      for (std::int64_t kx = 0; kx < g.kernel_width; ++kx) {
        const std::int64_t dx = kx * g.dilation[1] - g.padding[1];
        const Range xs = valid_outputs(dx, g.stride[1], g.in_width, g.out_width);
        double total = 0;
        for (std::int64_t n = 0; n < g.batch; ++n) {
          const T* const in = input + (n * g.in_channels + o / group_out * group_in + c) * g.in_height * g.in_width;
          const T* const out = output_cotangent + (n * g.out_channels + o) * g.out_height * g.out_width;
          for (std::int64_t y = ys.first; y < ys.last; ++y) {
            const T* const row = in + (y * g.stride[0] + dy) * g.in_width + dx;
            T sum = 0;
            for (std::int64_t x = xs.first; x < xs.last; ++x) sum += row[x * g.stride[1]] * out[y * g.out_width + x];
            total += sum;
          }
        }
        weight_cotangent[(plane * g.kernel_height + ky) * g.kernel_width + kx] = static_cast<T>(total);
      }
    }
  });
}

template void conv2d(const ConvGeometry&, const float*, const float*, float*);
template void conv2d(const ConvGeometry&, const double*, const double*, double*);
template void conv2d_input_gradient(const ConvGeometry&, const float*, const float*, float*);
template void conv2d_input_gradient(const ConvGeometry&, const double*, const double*, double*);
template void conv2d_weight_gradient(const ConvGeometry&, const float*, const float*, float*);
template void conv2d_weight_gradient(const ConvGeometry&, const double*, const double*, double*);

}  // namespace sg::kernels

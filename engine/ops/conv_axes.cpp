// Convolutions along one and three axes, composed of those on planes: a line is a plane of height 1, and the taps along
// a box's depth are channels of its planes.
#include "engine/ops/elementwise.h"

namespace sg {
namespace {

Conv2dOptions on_planes(const Conv1dOptions& options) {
  return {.stride = {1, options.stride},
          .padding = {0, options.padding},
          .dilation = {1, options.dilation},
          .groups = options.groups,
          .padding_after = {0, options.padding_after}};
}

/// Height and width of the options; depth is done by taps.
Conv2dOptions on_planes(const Conv3dOptions& options) {
  const auto last = [](const PerAxis<3>& amounts) { return PerAxis<2>{amounts[1], amounts[2]}; };
  return {.stride = last(options.stride),
          .padding = last(options.padding),
          .dilation = last(options.dilation),
          .groups = options.groups,
          .padding_after = last(options.padding_after)};
}

void check_axes(std::string_view operation, const Tensor& x, const Tensor& weight, std::size_t rank) {
  if (x.rank() != rank) fail("{}: the input must have {} axes, got {}", operation, rank, x.shape());
  if (weight.rank() != rank) fail("{}: the weight must have {} axes, got {}", operation, rank, weight.shape());
}

/// How the taps along the depth lie.
struct Depth {
  std::int64_t taps, stride, dilation, before, after;
  std::int64_t reach() const { return dilation * (taps - 1) + 1; }
};

Depth depth_of(std::string_view operation, const Tensor& weight, const Conv3dOptions& options) {
  const Depth depth{weight.shape()[2], options.stride[0], options.dilation[0], options.padding[0],
                    options.padding_after[0] < 0 ? options.padding[0] : options.padding_after[0]};
  if (depth.taps < 1 || depth.stride < 1 || depth.dilation < 1 || depth.before < 0) {
    fail("{}: kernel {}, stride {}, dilation {} and padding {} along the depth", operation, depth.taps, depth.stride,
         depth.dilation, depth.before);
  }
  return depth;
}

/// [O, C, kd, kh, kw] -> [O, C kd, kh, kw].
Tensor taps_as_channels(const Tensor& weight) {
  const Shape& s = weight.shape();
  return reshape(weight, {s[0], s[1] * s[2], s[3], s[4]});
}

/// [N, C, D, H, W] -> [N D, C, H, W].
Tensor to_planes(const Tensor& x) {
  const Shape& s = x.shape();
  return reshape(transpose(x, {0, 2, 1, 3, 4}), {s[0] * s[2], s[1], s[3], s[4]});
}

Tensor along_depth(const Tensor& x, std::int64_t start, std::int64_t count, std::int64_t stride) {
  return slice(x, 2, start, start + (count - 1) * stride + 1, stride);
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const Conv1dOptions& options) {
  check_axes("conv1d", x, weight, 3);
  return squeeze(conv2d(unsqueeze(x, 2), unsqueeze(weight, 2), on_planes(options)), 2);
}
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Conv1dOptions& options,
                        std::int64_t output_padding) {
  check_axes("conv_transpose1d", x, weight, 3);
  return squeeze(conv_transpose2d(unsqueeze(x, 2), unsqueeze(weight, 2), on_planes(options), {0, output_padding}), 2);
}

Tensor conv3d(const Tensor& x, const Tensor& weight, const Conv3dOptions& options) {
  check_axes("conv3d", x, weight, 5);
  const Depth depth = depth_of("conv3d", weight, options);
  const Shape& s = x.shape();
  const std::int64_t room = s[2] + depth.before + depth.after - depth.reach();
  if (room < 0) fail("conv3d: the kernel does not fit into the padded input: {} and {}", s, weight.shape());
  const std::int64_t count = room / depth.stride + 1;
  const Tensor padded = pad(x, {0, 0, depth.before, 0, 0}, {0, 0, depth.after, 0, 0});
  Tensors taps;
  for (std::int64_t t = 0; t < depth.taps; ++t) {
    taps.push_back(transpose(along_depth(padded, t * depth.dilation, count, depth.stride), {0, 2, 1, 3, 4}));
  }
  const Tensor planes = reshape(stack(taps, 3), {s[0] * count, s[1] * depth.taps, s[3], s[4]});
  const Tensor y = conv2d(planes, taps_as_channels(weight), on_planes(options));
  const Shape& p = y.shape();
  return transpose(reshape(y, {s[0], count, p[1], p[2], p[3]}), {0, 2, 1, 3, 4});
}

Tensor conv_transpose3d(const Tensor& x, const Tensor& weight, const Conv3dOptions& options,
                        PerAxis<3> output_padding) {
  check_axes("conv_transpose3d", x, weight, 5);
  const Depth depth = depth_of("conv_transpose3d", weight, options);
  const Shape& s = x.shape();
  if (output_padding[0] < 0 || output_padding[0] >= std::max(depth.stride, depth.dilation)) {
    fail("conv_transpose3d: output padding {} must be smaller than stride {} or dilation {}", output_padding[0],
         depth.stride, depth.dilation);
  }
  const std::int64_t whole = (s[2] - 1) * depth.stride + depth.reach() + output_padding[0];
  const std::int64_t result = whole - depth.before - depth.after;
  if (s[2] < 1 || result < 1) {
    fail("conv_transpose3d: the output would be empty: input {}, weight {}, padding {}", s, weight.shape(),
         depth.before);
  }
  const Tensor planes = conv_transpose2d(to_planes(x), taps_as_channels(weight), on_planes(options),
                                         {output_padding[1], output_padding[2]});
  const Shape p = planes.shape();
  const std::int64_t channels = p[1] / depth.taps;
  const Tensor taps = reshape(planes, {s[0], s[2], channels, depth.taps, p[2], p[3]});
  Tensor total;
  for (std::int64_t t = 0; t < depth.taps; ++t) {
    const Tensor tap = transpose(squeeze(slice(taps, 3, t, t + 1), 3), {0, 2, 1, 3, 4});
    const std::int64_t start = t * depth.dilation, length = (s[2] - 1) * depth.stride + 1;
    const Tensor spread = dilate(tap, 2, depth.stride, length);
    total = series::plus(total, pad(spread, {0, 0, start, 0, 0}, {0, 0, whole - start - length, 0, 0}));
  }
  return along_depth(total, depth.before, result, 1);
}

}  // namespace sg

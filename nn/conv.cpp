// Convolution layers.
#include "nn/conv.h"

namespace sg::nn {
namespace {

Shape weight_shape(std::string_view layer, std::int64_t first, std::int64_t second, const Shape& kernel,
                   std::int64_t groups) {
  if (groups < 1 || first % groups || second % groups) {
    fail("{}: {} groups do not divide {} and {} channels", layer, groups, first, second);
  }
  if (first < 0 || second < 0) fail("{}: a number of channels is negative: {} and {}", layer, first, second);
  Shape shape{first, second / groups};
  for (std::int64_t extent : kernel) {
    if (extent < 1) fail("{}: the kernel has to be at least 1 along each axis: {}", layer, kernel);
    shape.push_back(extent);
  }
  return shape;
}

Shape extents(std::int64_t extent) { return {extent}; }
Shape extents(Extent2d extent) { return {extent.height, extent.width}; }
Shape extents(Extent3d extent) { return {extent.depth, extent.height, extent.width}; }

Conv1dOptions engine_options(const ConvOptions1d& options) {
  return {.stride = options.stride, .padding = options.padding, .dilation = options.dilation, .groups = options.groups};
}
Conv2dOptions engine_options(const ConvOptions& options) {
  return {.stride = options.stride.array(),
          .padding = options.padding.array(),
          .dilation = options.dilation.array(),
          .groups = options.groups};
}
Conv3dOptions engine_options(const ConvOptions3d& options) {
  return {.stride = options.stride.array(),
          .padding = options.padding.array(),
          .dilation = options.dilation.array(),
          .groups = options.groups};
}

}  // namespace

Convolution::Convolution(std::string_view layer, std::int64_t first, std::int64_t second, const Shape& kernel,
                         std::int64_t groups, std::int64_t out, bool bias)
    : layer_(layer),
      weight_(weight_shape(layer, first, second, kernel, groups), init::default_weight()),
      bias_({out}, init::default_bias(weight_.shape())),
      has_bias_(bias) {
  add_parameter("weight", weight_);
  if (has_bias_) add_parameter("bias", bias_);
}

Parameter& Convolution::bias() {
  if (!has_bias_) fail("{}: the layer of weight {} was made without a bias", layer_, weight_.shape());
  return bias_;
}

Tensor Convolution::add_bias(const Tensor& y) const {
  if (!has_bias_) return y;
  Shape per_channel(y.rank(), 1);
  per_channel[1] = bias_.shape()[0];
  return y + reshape(bias_, per_channel);
}

Conv1d::Conv1d(std::int64_t in, std::int64_t out, std::int64_t kernel, ConvOptions1d options)
    : Convolution("Conv1d", out, in, extents(kernel), options.groups, out, options.bias), options_(options) {}
Tensor Conv1d::forward(const Tensor& x) { return add_bias(conv1d(x, weight(), engine_options(options_))); }

Conv2d::Conv2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options)
    : Convolution("Conv2d", out, in, extents(kernel), options.groups, out, options.bias), options_(options) {}
Tensor Conv2d::forward(const Tensor& x) { return add_bias(conv2d(x, weight(), engine_options(options_))); }

Conv3d::Conv3d(std::int64_t in, std::int64_t out, Extent3d kernel, ConvOptions3d options)
    : Convolution("Conv3d", out, in, extents(kernel), options.groups, out, options.bias), options_(options) {}
Tensor Conv3d::forward(const Tensor& x) { return add_bias(conv3d(x, weight(), engine_options(options_))); }

ConvTranspose1d::ConvTranspose1d(std::int64_t in, std::int64_t out, std::int64_t kernel, ConvOptions1d options)
    : Convolution("ConvTranspose1d", in, out, extents(kernel), options.groups, out, options.bias), options_(options) {}
Tensor ConvTranspose1d::forward(const Tensor& x) {
  return add_bias(conv_transpose1d(x, weight(), engine_options(options_), options_.output_padding));
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options)
    : Convolution("ConvTranspose2d", in, out, extents(kernel), options.groups, out, options.bias), options_(options) {}
Tensor ConvTranspose2d::forward(const Tensor& x) {
  return add_bias(conv_transpose2d(x, weight(), engine_options(options_), options_.output_padding.array()));
}

ConvTranspose3d::ConvTranspose3d(std::int64_t in, std::int64_t out, Extent3d kernel, ConvOptions3d options)
    : Convolution("ConvTranspose3d", in, out, extents(kernel), options.groups, out, options.bias), options_(options) {}
Tensor ConvTranspose3d::forward(const Tensor& x) {
  return add_bias(conv_transpose3d(x, weight(), engine_options(options_), options_.output_padding.array()));
}

}  // namespace sg::nn

// Convolution layers.
#include "nn/conv.h"

namespace sg::nn {
namespace {

Shape weight_shape(std::string_view layer, std::int64_t first, std::int64_t second, Extent2d kernel,
                   std::int64_t groups) {
  if (groups < 1 || first % groups || second % groups) {
    fail("{}: {} groups do not divide {} and {} channels", layer, groups, first, second);
  }
  return {first, second / groups, kernel.height, kernel.width};
}

Conv2dOptions engine_options(const ConvOptions& options) {
  return {options.stride.array(), options.padding.array(), options.dilation.array(), options.groups};
}

Tensor add_channels(const Tensor& x, const Tensor& bias) { return x + reshape(bias, {1, bias.shape(0), 1, 1}); }

}  // namespace

Conv2d::Conv2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options)
    : weight_(weight_shape("Conv2d", out, in, kernel, options.groups), init::default_weight()),
      bias_({out}, init::default_bias(weight_.shape())),
      options_(options) {
  add_parameter("weight", weight_);
  if (options_.bias) add_parameter("bias", bias_);
}

Parameter& Conv2d::bias() {
  if (!options_.bias) fail("Conv2d: the layer of weight {} was made without a bias", weight_.shape());
  return bias_;
}

Tensor Conv2d::forward(const Tensor& x) {
  const Tensor y = conv2d(x, weight_, engine_options(options_));
  return options_.bias ? add_channels(y, bias_) : y;
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options)
    : weight_(weight_shape("ConvTranspose2d", in, out, kernel, options.groups), init::default_weight()),
      bias_({out}, init::default_bias(weight_.shape())),
      options_(options) {
  add_parameter("weight", weight_);
  if (options_.bias) add_parameter("bias", bias_);
}

Parameter& ConvTranspose2d::bias() {
  if (!options_.bias) fail("ConvTranspose2d: the layer of weight {} was made without a bias", weight_.shape());
  return bias_;
}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  const Tensor y = conv_transpose2d(x, weight_, engine_options(options_), options_.output_padding.array());
  return options_.bias ? add_channels(y, bias_) : y;
}

}  // namespace sg::nn

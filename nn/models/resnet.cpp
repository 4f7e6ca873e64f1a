// ResNet-18 as an autoencoder.
#include "nn/models/resnet.h"

#include <algorithm>

namespace sg::nn {
namespace {

std::vector<std::int64_t> widths(ResnetKind kind) {
  return kind == ResnetKind::light ? std::vector<std::int64_t>{16, 32, 64}
                                   : std::vector<std::int64_t>{64, 128, 256, 512};
}

ShortcutOptions shortcut(ResnetKind kind) {
  return kind == ResnetKind::light ? ShortcutOptions{3, 1} : ShortcutOptions{1, 0};
}

}  // namespace

BasicBlock::BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride, ShortcutOptions shortcut)
    : conv1_(in, out, 3, {.stride = stride, .padding = 1, .bias = false}),
      bn1_(out),
      conv2_(out, out, 3, {.padding = 1, .bias = false}),
      bn2_(out) {
  add_child("conv1", conv1_);
  add_child("bn1", bn1_);
  add_child("conv2", conv2_);
  add_child("bn2", bn2_);
  if (stride == 1 && in == out) return;
  downsample_.add<Conv2d>(in, out, shortcut.kernel,
                          ConvOptions{.stride = stride, .padding = shortcut.padding, .bias = false});
  downsample_.add<BatchNorm2d>(out);
  add_child("downsample", downsample_);
}

Tensor BasicBlock::forward(const Tensor& x) {
  const Tensor residual = bn2_(conv2_(relu(bn1_(conv1_(x)))));
  return relu(residual + downsample_(x));  // an empty sequence gives x itself
}

TransposedBlock::TransposedBlock(std::int64_t in, std::int64_t out, std::int64_t stride, ShortcutOptions shortcut)
    : conv2_(in, in, 3, {.padding = 1, .bias = false}),
      bn2_(in),
      conv1_(in, out, 3, {.stride = stride, .padding = 1, .output_padding = stride - 1, .bias = false}),
      bn1_(out) {
  add_child("conv2", conv2_);
  add_child("bn2", bn2_);
  add_child("conv1", conv1_);
  add_child("bn1", bn1_);
  if (stride == 1 && in == out) return;
  upsample_.add<ConvTranspose2d>(
      in, out, shortcut.kernel,
      ConvOptions{.stride = stride, .padding = shortcut.padding, .output_padding = stride - 1, .bias = false});
  upsample_.add<BatchNorm2d>(out);
  add_child("upsample", upsample_);
}

Tensor TransposedBlock::forward(const Tensor& x) {
  const Tensor residual = bn1_(conv1_(relu(bn2_(conv2_(x)))));
  return relu(residual + upsample_(x));
}

ResnetEncoder::ResnetEncoder(ResnetKind kind)
    : conv1_(
          3, widths(kind)[0], kind == ResnetKind::light ? 3 : 7,
          {.stride = kind == ResnetKind::light ? 1 : 2, .padding = kind == ResnetKind::light ? 1 : 3, .bias = false}),
      bn1_(widths(kind)[0]),
      pool_(kind == ResnetKind::resnet18) {
  add_child("conv1", conv1_);
  add_child("bn1", bn1_);
  std::int64_t in = widths(kind)[0];
  for (std::int64_t out : widths(kind)) {
    auto& layer = *layers_.emplace_back(std::make_unique<Sequential>());
    layer.add<BasicBlock>(in, out, layers_.size() == 1 ? 1 : 2, shortcut(kind)).add<BasicBlock>(out, out, 1);
    add_child("layer" + std::to_string(layers_.size()), layer);
    in = out;
  }
}

Tensor ResnetEncoder::forward(const Tensor& x) {
  Tensor y = relu(bn1_(conv1_(x)));
  if (pool_) y = max_pool2d(y, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  for (auto& layer : layers_) y = layer->forward(y);
  return y;
}

ResnetDecoder::ResnetDecoder(ResnetKind kind)
    : de_conv1_(widths(kind)[0], 3, kind == ResnetKind::light ? 3 : 7,
                kind == ResnetKind::light ? ConvOptions{.padding = 1, .bias = false}
                                          : ConvOptions{.stride = 2, .padding = 3, .output_padding = 1, .bias = false}),
      bn1_(3),
      interpolate_(kind == ResnetKind::resnet18) {
  const auto width = widths(kind);
  for (std::size_t level = width.size(); level-- > 0;) {
    auto& layer = *layers_.emplace_back(std::make_unique<Sequential>());
    layer.add<TransposedBlock>(width[level], width[level], 1);
    layer.add<TransposedBlock>(width[level], width[level ? level - 1 : 0], level ? 2 : 1, shortcut(kind));
    add_child("layer" + std::to_string(level + 1), layer);
  }
  add_child("de_conv1", de_conv1_);
  add_child("bn1", bn1_);
}

Tensor ResnetDecoder::forward(const Tensor& latent) {
  Tensor y = latent;
  for (auto& layer : layers_) y = layer->forward(y);
  if (interpolate_) y = upsample_bilinear2d(y, 2);
  return relu(bn1_(de_conv1_(y)));
}

ResnetAutoencoder::ResnetAutoencoder(ResnetKind kind) : kind_(kind), encoder_(kind), decoder_(kind) {
  add_child("encoder", encoder_);
  add_child("decoder", decoder_);
}

Tensor ResnetAutoencoder::encode(const Tensor& x) {
  const std::int64_t multiple = side_multiple();
  if (x.rank() != 4 || x.shape(1) != 3) fail("ResnetAutoencoder: needs [N, 3, H, W]: {}", x.shape());
  if (x.shape(2) % multiple || x.shape(3) % multiple) {
    fail("ResnetAutoencoder: the pictures' sides have to be multiples of {}: {} x {}", multiple, x.shape(2),
         x.shape(3));
  }
  return encoder_(x);
}

Tensor ResnetAutoencoder::decode(const Tensor& latent) { return clamp(decoder_(latent), 0, 1); }

Tensor ResnetAutoencoder::forward(const Tensor& x) { return decode(encode(x)); }

}  // namespace sg::nn

// ResNet-18 as an autoencoder of pictures, whole and in a light form, out of reusable blocks (He et al. 2016).
#pragma once

#include <memory>

#include "nn/models/autoencoder.h"
#include "nn/norm.h"

namespace sg::nn {

/// How a block's shortcut changes the shape.
struct ShortcutOptions {
  std::int64_t kernel = 1;
  std::int64_t padding = 0;
};

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut): [N, in, H, W] -> [N, out, H / stride, W / stride]. The shortcut is
/// `downsample.0`, `.1` where the shape changes.
class BasicBlock : public Module {
 public:
  BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride, ShortcutOptions shortcut = {});
  Tensor forward(const Tensor& x) override;

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Sequential downsample_;
};

/// The mirror image with transposed convolutions, conv2 first: [N, in, H, W] -> [N, out, stride H, stride W]. The
/// shortcut is `upsample.0`,
/// `.1` where the shape changes.
class TransposedBlock : public Module {
 public:
  TransposedBlock(std::int64_t in, std::int64_t out, std::int64_t stride, ShortcutOptions shortcut = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvTranspose2d conv2_;
  BatchNorm2d bn2_;
  ConvTranspose2d conv1_;
  BatchNorm2d bn1_;
  Sequential upsample_;
};

enum class ResnetKind {
  resnet18,  // widths 64, 128, 256, 512; sides to a 32nd
  light,     // widths 16, 32, 64; sides to a quarter
};

/// [N, 3, H, W] -> [N, width, H / factor, W / factor]. Takes the weights of torchvision's ResNet-18 but for its `fc`.
class ResnetEncoder : public Module {
 public:
  explicit ResnetEncoder(ResnetKind kind);
  Tensor forward(const Tensor& x) override;

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::vector<std::unique_ptr<Sequential>> layers_;
  bool pool_;
};

/// The encoder's output -> [N, 3, H, W], not negative.
class ResnetDecoder : public Module {
 public:
  explicit ResnetDecoder(ResnetKind kind);
  Tensor forward(const Tensor& latent) override;

 private:
  std::vector<std::unique_ptr<Sequential>> layers_;  // the last level first
  ConvTranspose2d de_conv1_;
  BatchNorm2d bn1_;
  bool interpolate_;
};

/// Pictures [N, 3, H, W] in [0, 1] to the same. Throws for sides that `side_multiple` does not divide.
class ResnetAutoencoder : public PictureAutoencoder {
 public:
  explicit ResnetAutoencoder(ResnetKind kind);
  Tensor forward(const Tensor& x) override;
  Tensor encode(const Tensor& x) override;
  Tensor decode(const Tensor& latent) override;
  ResnetEncoder& encoder() { return encoder_; }
  std::int64_t side_multiple() const override { return kind_ == ResnetKind::light ? 4 : 32; }
  std::int64_t latent_channels() const override { return kind_ == ResnetKind::light ? 64 : 512; }

 private:
  ResnetKind kind_;
  ResnetEncoder encoder_;
  ResnetDecoder decoder_;
};

}  // namespace sg::nn

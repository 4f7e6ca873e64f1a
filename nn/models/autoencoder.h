// Autoencoders of pictures: what all of them offer, and the one of our own for photographs.
#pragma once

#include "nn/container.h"
#include "nn/conv.h"

namespace sg::nn {

/// Pictures [N, 3, H, W] with values in [0, 1] to latents [N, C, H / m, W / m] and back.
class PictureAutoencoder : public Module {
 public:
  /// Throws for pictures that are not [N, 3, H, W] or whose sides `side_multiple` does not divide.
  Tensor forward(const Tensor& x) override { return decode(encode(x)); }
  virtual Tensor encode(const Tensor& x) = 0;
  virtual Tensor decode(const Tensor& latent) = 0;
  /// m: how many pixels of a side become one of the latent picture.
  virtual std::int64_t side_multiple() const = 0;
  /// C.
  virtual std::int64_t latent_channels() const = 0;
};

/// x + second(silu(first(x))), both 3 x 3; `second` begins at zero, the block as the identity. No normalisation.
class PlainResidual : public Module {
 public:
  explicit PlainResidual(std::int64_t width);
  Tensor forward(const Tensor& x) override;

 private:
  Conv2d first_, second_;
};

/// The photographs' autoencoder: an overlapping linear transform of 8 x 8 pixels every 4 (as lapped transforms are,
/// Malvar 1992), residual blocks at a quarter of the sides, a third as many latents as the picture has numbers, and
/// back. Linear at both ends, so no output can die, without statistics of a batch, so that training and use are the
/// same. It begins as a linear map and is fully convolutional. `encoder.0`, `.1`, ..., `decoder.0`, ...
class PhotoAutoencoder : public PictureAutoencoder {
 public:
  static constexpr std::int64_t width = 48, latents = 16, blocks = 2;
  PhotoAutoencoder();
  Tensor encode(const Tensor& x) override;
  Tensor decode(const Tensor& latent) override;
  std::int64_t side_multiple() const override { return 4; }
  std::int64_t latent_channels() const override { return latents; }

 private:
  Sequential encoder_, decoder_;
};

}  // namespace sg::nn

// The digits' denoiser: a convolutional autoencoder.
#pragma once

#include "nn/container.h"

namespace sg::nn {

/// [N, 1, 28, 28] to the same, through `z` numbers a digit: three convolutions down to 64 x 7 x 7 and three transposed
/// ones back, with LeakyReLU 0.01 between all layers.
class DenoisingAutoencoder : public Module {
 public:
  explicit DenoisingAutoencoder(std::int64_t z = 32);
  Tensor forward(const Tensor& x) override;
  /// [N, 1, 28, 28] -> [N, z].
  Tensor encode(const Tensor& x) { return encoder_(x); }
  /// [N, z] -> [N, 1, 28, 28].
  Tensor decode(const Tensor& latent) { return decoder_(latent); }

 private:
  Sequential encoder_, decoder_;
};

}  // namespace sg::nn

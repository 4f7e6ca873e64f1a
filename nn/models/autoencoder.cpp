// The photographs' autoencoder.
#include "nn/models/autoencoder.h"

namespace sg::nn {

PlainResidual::PlainResidual(std::int64_t width)
    : first_(width, width, 3, {.padding = 1}), second_(width, width, 3, {.padding = 1}) {
  second_.weight().set_rule(init::zeros());
  second_.bias().set_rule(init::zeros());
  add_child("first", first_);
  add_child("second", second_);
}

Tensor PlainResidual::forward(const Tensor& x) { return x + second_(silu(first_(x))); }

PhotoAutoencoder::PhotoAutoencoder() {
  const ConvOptions lapped{.stride = 4, .padding = 2};
  encoder_.add<Conv2d>(3, width, 8, lapped);
  for (std::int64_t i = 0; i < blocks; ++i) encoder_.add<PlainResidual>(width);
  encoder_.add<Conv2d>(width, latents, 1);
  decoder_.add<Conv2d>(latents, width, 3, ConvOptions{.padding = 1});
  for (std::int64_t i = 0; i < blocks; ++i) decoder_.add<PlainResidual>(width);
  decoder_.add<ConvTranspose2d>(width, 3, 8, lapped);
  add_child("encoder", encoder_);
  add_child("decoder", decoder_);
}

Tensor PhotoAutoencoder::encode(const Tensor& x) {
  if (x.rank() != 4 || x.shape(1) != 3 || x.shape(2) % 4 != 0 || x.shape(3) % 4 != 0) {
    fail("PhotoAutoencoder: needs [N, 3, H, W] with sides that are multiples of 4: {}", x.shape());
  }
  return encoder_(x - 0.5);  // grey is zero
}

Tensor PhotoAutoencoder::decode(const Tensor& latent) {
  if (latent.rank() != 4 || latent.shape(1) != latents) {
    fail("PhotoAutoencoder: needs latents [N, {}, h, w]: {}", latents, latent.shape());
  }
  return decoder_(latent) + 0.5;
}

}  // namespace sg::nn

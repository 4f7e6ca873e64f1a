// The digits' denoiser.
#include "nn/models/denoiser.h"

#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/linear.h"

namespace sg::nn {

DenoisingAutoencoder::DenoisingAutoencoder(std::int64_t z) {
  if (z < 1) fail("DenoisingAutoencoder: z has to be at least 1: {}", z);
  const ConvOptions same{.padding = 1};
  const ConvOptions half{.stride = 2, .padding = 1};
  const ConvOptions twice{.stride = 2, .padding = 1, .output_padding = 1};
  encoder_.add<Conv2d>(1, 32, 3, same).add<LeakyReLU>();
  encoder_.add<Conv2d>(32, 64, 3, half).add<LeakyReLU>();
  encoder_.add<Conv2d>(64, 64, 3, half).add<LeakyReLU>();
  encoder_.add<Flatten>().add<Linear>(64 * 7 * 7, z).add<LeakyReLU>();
  decoder_.add<Linear>(z, 64 * 7 * 7).add<Unflatten>(Shape{64, 7, 7}).add<LeakyReLU>();
  decoder_.add<ConvTranspose2d>(64, 64, 3, twice).add<LeakyReLU>();
  decoder_.add<ConvTranspose2d>(64, 32, 3, twice).add<LeakyReLU>();
  decoder_.add<ConvTranspose2d>(32, 1, 3, same);
  add_child("encoder", encoder_);
  add_child("decoder", decoder_);
}

Tensor DenoisingAutoencoder::forward(const Tensor& x) {
  if (x.rank() != 4 || x.shape(1) != 1 || x.shape(2) != 28 || x.shape(3) != 28) {
    fail("DenoisingAutoencoder: needs [N, 1, 28, 28]: {}", x.shape());
  }
  return decode(encode(x));
}

}  // namespace sg::nn

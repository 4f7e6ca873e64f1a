// mnist_denoise: trains a denoising autoencoder on handwritten digits, with L2 and with Sobolev losses, and compares
// them.
#include "apps/common/run_app.h"
#include "apps/mnist_denoise/command.h"

int main(int argc, char** argv) {
  return sg::apps::run_app(sg::mnist_denoise::kName, argc, argv, sg::mnist_denoise::run_command);
}

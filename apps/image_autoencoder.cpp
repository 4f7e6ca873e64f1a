// image_autoencoder: trains a residual autoencoder on photographs, with L2 and with Sobolev losses, and applies it to
// pictures.
#include "apps/common/run_app.h"
#include "apps/image_autoencoder/command.h"

int main(int argc, char** argv) {
  return sg::apps::run_app(sg::image_autoencoder::kName, argc, argv, sg::image_autoencoder::run_command);
}

// Targets of data/ and nn/: pictures, IDX files, tensors and checkpoints.
#include <array>
#include <cstdlib>

#include "data/exif.h"
#include "data/idx.h"
#include "data/image_io.h"
#include "nn/checkpoint.h"
#include "nn/models/mlp.h"
#include "nn/optim/adam.h"
#include "nn/safetensors.h"
#include "tests/fuzz/targets.h"

namespace sg::fuzz {
namespace {

template <int rank>
void read_idx(std::span<const std::byte> bytes) {
  data::parse_idx(bytes, file_mark, rank);
}

void read_picture(std::span<const std::byte> bytes) {
  const data::ImageSize size = data::image_size(bytes, "fuzzed-file.tga");
  const data::Image image = data::decode_image(bytes, "fuzzed-file.tga", 3);
  if (image.width != size.width || image.height != size.height) {
    std::abort();  // the header's size has to be the picture's
  }
}

void read_exif(std::span<const std::byte> bytes) {
  for (const int orientation : {data::tiff_orientation(bytes), data::app1_orientation(bytes)}) {
    if (orientation < 1 || orientation > 8) {
      std::abort();
    }
  }
}

void read_safetensors(std::span<const std::byte> bytes) {
  for (const auto& [name, tensor] : nn::parse_safetensors(bytes, file_mark).tensors) {
    tensor.to_vector<double>();
  }
}

void read_checkpoint(std::span<const std::byte> bytes) {
  const std::filesystem::path path = write("fuzzed-file.safetensors", bytes);
  nn::MLP network({1, 2, 1});
  network.initialise(0);
  nn::Adam adam(network);
  nn::LBFGS lbfgs(network);
  nn::Ema ema(network);
  nn::Training training{.network = &network, .optimizer = &adam, .lbfgs = &lbfgs, .ema = &ema};
  nn::load_checkpoint(path, training);
  nn::counter_of(training, "step", 0, 1000, path.string());
  nn::numbers_of(training, "numbers", 3, path.string());
}

// One target each for the formats of pictures, which are told by their first bytes: the fuzzer stays with its format.
constexpr std::array all{Target{"idx_images", read_idx<3>},
                         Target{"idx_labels", read_idx<1>},
                         Target{"jpeg", read_picture},
                         Target{"png", read_picture},
                         Target{"bmp", read_picture},
                         Target{"gif", read_picture},
                         Target{"tga", read_picture},
                         Target{"pnm", read_picture},
                         Target{"exif", read_exif},
                         Target{"safetensors", read_safetensors},
                         Target{"checkpoint", read_checkpoint}};

}  // namespace

std::span<const Target> file_targets() { return all; }

}  // namespace sg::fuzz

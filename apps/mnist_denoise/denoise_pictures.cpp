// Denoise pictures: a trained network on the user's own.
#include <fmt/format.h>

#include <filesystem>

#include "apps/common/files.h"
#include "apps/common/numbered_name.h"
#include "apps/common/options.h"
#include "apps/common/saved_run.h"
#include "apps/common/values.h"
#include "apps/mnist_denoise/command.h"
#include "data/image_io.h"
#include "data/pictures.h"
#include "engine/printable.h"
#include "nn/models/denoiser.h"

namespace sg::mnist_denoise {

namespace fs = std::filesystem;

void denoise_pictures(const apps::Arguments& arguments) {
  std::string model, out;
  std::vector<std::string> images;
  bool quiet = false;
  apps::OptionParser parser(fmt::format("{} denoise", kName),
                            "Applies a trained network to pictures: grey, 28 x 28 (others are resized).");
  parser.add_path("--model", model, "run folder or safetensors file");
  parser.add_path("--out", out, "folder for the results");
  parser.add_flag("--quiet", quiet, "no notices");
  parser.add_positional("IMAGE", images, "pictures: PNG, JPEG, BMP, ...", true);
  parser.parse(arguments);
  if (model.empty()) fail("--model: a run folder or a safetensors file is needed");
  if (out.empty()) fail("--out: a folder for the results is needed");
  const apps::SavedRun run = apps::find_saved_run(kName, model);
  const std::string who = "--model: " + run.file.string();
  const Tensor& bottleneck = nn::find(run.state, "encoder.7.weight", who);
  if (bottleneck.rank() != 2 || bottleneck.shape(0) < 1 || bottleneck.shape(1) != 3136) {
    fail("{}: encoder.7.weight is {}, needs [z, 3136]", who, bottleneck.shape());
  }
  nn::DenoisingAutoencoder network(bottleneck.shape(0));
  network.initialise(0);
  try {
    network.load_state(run.state);
  } catch (const Error& error) {
    fail("{}: {}", who, error.what());
  }
  network.eval();

  // All pictures are read before the first result is written: a bad one leaves nothing behind.
  Tensors inputs;
  for (const std::string& name : images) {
    data::Image image = data::read_image(name, 1);
    if (image.width != kSide || image.height != kSide) {
      if (!quiet) {
        fmt::print(stderr, "{}: {} x {} resized to {} x {}\n", printable(name), image.width, image.height, kSide,
                   kSide);
      }
      image = data::resize(image, kSide, kSide);
    }
    inputs.push_back(data::image_to_tensor(image));
  }
  const NoGrad no_grad;
  const Tensor noisy = concat(inputs, 0), clean = network(noisy);
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail("--out: {}: {}", out, error.message());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const fs::path target = fs::path(out) / apps::numbered_name(row + 1, images[i], ".png");
    apps::write_file_atomically(target, data::encode_png(data::to_image(squeeze(slice(clean, 0, row, row + 1), 0))));
  }
  apps::write_file_atomically(
      fs::path(out) / "side_by_side.png",
      data::encode_png(data::picture_grid(concat({noisy, clean}, 0), static_cast<std::int64_t>(images.size()), 2, 4)));
  fmt::print("{} denoised: {}\n", apps::counted(static_cast<std::int64_t>(images.size()), "picture"),
             (fs::path(out) / "side_by_side.png").string());
}

}  // namespace sg::mnist_denoise

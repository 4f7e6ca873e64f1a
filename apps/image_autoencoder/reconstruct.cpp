// Reconstruct: pictures of any size through a trained network.
#include <fmt/format.h>

#include <cmath>

#include "apps/common/files.h"
#include "apps/common/numbered_name.h"
#include "apps/common/values.h"
#include "apps/image_autoencoder/command.h"
#include "apps/image_autoencoder/model.h"
#include "apps/image_autoencoder/tiles.h"

namespace sg::image_autoencoder {
namespace {

std::string show_psnr(const data::Image& a, const data::Image& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const double difference = (static_cast<double>(a.pixels[i]) - b.pixels[i]) / 255;
    squares += difference * difference;
  }
  if (squares == 0) return "no difference";
  return fmt::format("PSNR {:.2f} dB", 10 * std::log10(static_cast<double>(a.pixels.size()) / squares));
}

}  // namespace

void reconstruct_pictures(const apps::Arguments& arguments) {
  ModelOptions options;
  std::vector<std::string> images;
  apps::OptionParser parser(
      fmt::format("{} reconstruct", kName),
      "Applies a trained autoencoder to pictures of any size: in overlapping tiles, whose seams are blended.");
  add_model_options(parser, options, "folder for the results");
  parser.add_positional("IMAGE", images, "pictures, or folders of pictures", true);
  parser.parse(arguments);
  const NamedImages named = list_images(images);
  const Model model = load_model(options);
  const std::int64_t done = for_each_image(named, [&](std::int64_t number, const std::filesystem::path& path,
                                                      const data::Image& picture) {
    const TileGrid grid(picture.height, picture.width, model.tile, model.overlap);
    const data::Image result = map_tiles(picture, grid, [&](const Tensor& tiles) { return (*model.network)(tiles); });
    make_out_folder(options.out);
    const std::filesystem::path target = std::filesystem::path(options.out) / apps::numbered_name(number, path, ".png");
    apps::write_file_atomically(target, data::encode_png(result));
    if (!options.quiet) {
      fmt::print("{}: {} x {}, {}, {}\n", shown_path(target), picture.width, picture.height,
                 apps::counted(grid.count(), "tile"), show_psnr(picture, result));
    }
  });
  fmt::print("{} reconstructed by {}: {}\n", apps::counted(done, "picture"), shown_path(model.file),
             shown_path(options.out));
}

}  // namespace sg::image_autoencoder

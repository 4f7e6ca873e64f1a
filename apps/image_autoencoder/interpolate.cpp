// Interpolate: a walk between two pictures through the latents.
#include <fmt/format.h>

#include "apps/common/files.h"
#include "apps/image_autoencoder/command.h"
#include "apps/image_autoencoder/model.h"
#include "apps/image_autoencoder/settings.h"
#include "engine/ops.h"

namespace sg::image_autoencoder {
namespace {

/// The largest square in the middle, resized.
Tensor square_of(const std::string& name, std::int64_t side) {
  const data::Image picture = data::read_image(name, 3);
  const std::int64_t shorter = std::min(picture.width, picture.height);
  const data::Image middle =
      data::crop(picture, (picture.height - shorter) / 2, (picture.width - shorter) / 2, shorter, shorter);
  return data::image_to_tensor(shorter == side ? middle : data::resize(middle, side, side));
}

bool is_png_name(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  return ending == ".png" || ending == ".PNG";
}

}  // namespace

void interpolate_latents(const apps::Arguments& arguments) {
  ModelOptions options;
  std::vector<std::string> images;
  std::int64_t count = 7, side = 0;
  apps::OptionParser parser(
      fmt::format("{} latent", kName),
      "Draws the pictures between two: above, those that the decoder makes of latents on the line between theirs; "
      "below, "
      "the same shares of the two pictures themselves. The largest square in the middle of each picture is taken.");
  add_model_options(parser, options, "PNG file for the strip", false);
  parser.add("--count", count, "pictures in the strip, both ends among them", apps::between<std::int64_t>(2, 64));
  parser.add("--side", side, "side to which the squares are resized; 0: 128", apps::between<std::int64_t>(0, 1024));
  parser.add_positional("IMAGE", images, "two pictures", true);
  parser.parse(arguments);
  if (images.size() != 2) fail("IMAGE: two pictures are needed, not {}", images.size());
  const Model model = load_model(options);
  if (side == 0) side = 128;
  check_side("--side", side, model.net);

  const std::filesystem::path out = options.out;
  if (std::filesystem::is_directory(out)) fail("--out: {} is a folder; a PNG file is needed", options.out);
  if (!is_png_name(out)) fail("--out: {}: a PNG file is written, and its name has to end in .png", options.out);
  const NoGrad no_grad;
  const Tensor first = square_of(images[0], side), second = square_of(images[1], side);
  if (out.has_parent_path()) make_out_folder(out.parent_path().string());
  const Tensor from = model.network->encode(first), to = model.network->encode(second);
  Tensors decoded, mixed;
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    decoded.push_back(model.network->decode(from * (1 - share) + to * share).eval());
    mixed.push_back(first * (1 - share) + second * share);
  }
  Tensors all = decoded;
  all.insert(all.end(), mixed.begin(), mixed.end());
  apps::write_file_atomically(options.out, data::encode_png(data::picture_grid(concat(all, 0), count, 2)));
  fmt::print("{} pictures between {} and {} by {}: {}\n", count, shown_path(images[0]), shown_path(images[1]),
             shown_path(model.file), shown_path(options.out));
}

}  // namespace sg::image_autoencoder

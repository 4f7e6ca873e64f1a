// Latents: encoding, decoding, and their files.
#include "apps/image_autoencoder/latents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/common/files.h"
#include "apps/common/numbered_name.h"
#include "apps/common/run_app.h"
#include "apps/common/values.h"
#include "apps/image_autoencoder/command.h"
#include "engine/ops.h"
#include "nn/safetensors.h"

namespace sg::image_autoencoder {

namespace {

namespace fs = std::filesystem;

/// The files, and those of the folders by name.
std::vector<fs::path> list_latents(const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    if (fs::is_regular_file(name)) {
      files.emplace_back(name);
      continue;
    }
    if (!fs::is_directory(name)) fail("{}: no such file or folder", name);
    const std::size_t first = files.size();
    for (const auto& entry : fs::directory_iterator(name)) {
      if (entry.is_regular_file() && entry.path().extension() == ".safetensors") files.push_back(entry.path());
    }
    if (files.size() == first) fail("{}: no safetensors file is in it", name);
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(first), files.end());
  }
  return files;
}

}  // namespace

Latents encode_picture(const Model& model, const data::Image& picture) {
  const NoGrad no_grad;
  const TileGrid grid(picture.height, picture.width, model.tile, model.overlap);
  Tensors parts;
  for (std::int64_t first = 0; first < grid.count(); first += tiles_at_once(grid.tile)) {
    if (apps::interrupted()) apps::stop_interrupted(kName, "");
    parts.push_back(
        model.network->encode(cut_tiles(picture, grid, first, std::min(tiles_at_once(grid.tile), grid.count() - first)))
            .eval());
  }
  return {parts.size() == 1 ? parts[0] : concat(parts, 0), grid};
}

data::Image decode_picture(const Model& model, const Latents& latents) {
  const NoGrad no_grad;
  TileBlender blender(latents.grid);
  const std::int64_t at_once = tiles_at_once(latents.grid.tile);
  for (std::int64_t first = 0; first < latents.grid.count(); first += at_once) {
    if (apps::interrupted()) apps::stop_interrupted(kName, "");
    blender.add(
        model.network->decode(slice(latents.latents, 0, first, std::min(first + at_once, latents.grid.count()))));
  }
  return blender.finish();
}

void save_latents(const fs::path& path, const Latents& latents, const std::string& net) {
  const TileGrid& grid = latents.grid;
  nn::save_safetensors(path, {{"latents", latents.latents}},
                       {{"height", fmt::to_string(grid.height)},
                        {"width", fmt::to_string(grid.width)},
                        {"tile", fmt::to_string(grid.tile)},
                        {"overlap", fmt::to_string(grid.overlap)},
                        {"net", net}});
}

Latents load_latents(const fs::path& path, const Model& model) {
  const nn::SafetensorsFile file = nn::load_safetensors(path);
  const auto found = std::find_if(file.tensors.begin(), file.tensors.end(),
                                  [](const auto& entry) { return entry.first == "latents"; });
  if (found == file.tensors.end()) fail("{}: holds no tensor named latents", path.string());
  const Tensor latents = cast(found->second, f32);
  const std::int64_t channels = model.network->latent_channels(), multiple = model.network->side_multiple();
  if (latents.rank() != 4 || latents.size() == 0 || latents.shape(1) != channels ||
      latents.shape(2) != latents.shape(3)) {
    fail("{}: latents are {}, {} needs [tiles, {}, side, side]", path.string(), latents.shape(), model.net, channels);
  }
  for (const float value : latents.to_vector<float>()) {
    if (!std::isfinite(value)) fail("{}: latents hold {}, which is no finite number", path.string(), value);
  }
  const std::int64_t tile = latents.shape(2) * multiple;
  if (tile > kLargestTile) {
    fail("{}: latents are {}: tiles of {}, at most {} can be", path.string(), latents.shape(), tile, kLargestTile);
  }
  if (!file.metadata.contains("height")) {
    const std::int64_t height = latents.shape(0) * tile;
    if (height * tile > data::image_pixel_limit) {
      fail("{}: latents are {}: more than {} pixels", path.string(), latents.shape(), data::image_pixel_limit);
    }
    return {latents, TileGrid(height, tile, tile, 0)};
  }
  const auto number = [&](const std::string& key, std::int64_t low, std::int64_t high) {
    const auto entry = file.metadata.find(key);
    if (entry == file.metadata.end()) fail("{}: its metadata lack {}", path.string(), key);
    const auto value = apps::parse_value<std::int64_t>(path.string() + ": metadata: " + key, entry->second);
    if (value < low || value > high) {
      fail("{}: metadata: {} is {}, not within {} and {}", path.string(), key, value, low, high);
    }
    return value;
  };
  if (const auto net = file.metadata.find("net"); net != file.metadata.end() && net->second != model.net) {
    fail("{}: the latents are those of {}, the model is a {}", path.string(), net->second, model.net);
  }
  const std::int64_t height = number("height", 1, data::image_side_limit),
                     width = number("width", 1, data::image_side_limit);
  number("tile", tile, tile);
  if (height * width > data::image_pixel_limit) {
    fail("{}: metadata: {} x {} pixels, at most {} can be", path.string(), width, height, data::image_pixel_limit);
  }
  TileGrid grid(height, width, tile, number("overlap", 0, tile - 1));
  if (grid.count() != latents.shape(0)) {
    fail("{}: {} tiles, a picture of {} x {} has {}", path.string(), latents.shape(0), width, height, grid.count());
  }
  return {latents, grid};
}

void encode_pictures(const apps::Arguments& arguments) {
  ModelOptions options;
  std::vector<std::string> images;
  apps::OptionParser parser(fmt::format("{} encode", kName),
                            "Writes the latents of pictures of any size: a safetensors file each, with the tensor "
                            "latents [tiles, C, h, w] and, as "
                            "metadata, what decode needs to put the tiles together.");
  add_model_options(parser, options, "folder for the results");
  parser.add_positional("IMAGE", images, "pictures, or folders of pictures", true);
  parser.parse(arguments);
  const NamedImages named = list_images(images);
  const Model model = load_model(options);
  const std::int64_t done =
      for_each_image(named, [&](std::int64_t number, const fs::path& path, const data::Image& picture) {
        const Latents latents = encode_picture(model, picture);
        make_out_folder(options.out);
        const fs::path target = fs::path(options.out) / apps::numbered_name(number, path, ".safetensors");
        save_latents(target, latents, model.net);
        if (!options.quiet) {
          fmt::print("{}: {} x {} as latents {}\n", shown_path(target), picture.width, picture.height,
                     latents.latents.shape());
        }
      });
  fmt::print("{} encoded by {}: {}\n", apps::counted(done, "picture"), shown_path(model.file), shown_path(options.out));
}

void decode_latents(const apps::Arguments& arguments) {
  ModelOptions options;
  std::vector<std::string> files;
  apps::OptionParser parser(
      fmt::format("{} decode", kName),
      "Turns latents back into pictures. A file without encode's metadata gives its rows below each other.");
  add_model_options(parser, options, "folder for the results", false);
  parser.add_positional("FILE", files, "safetensors files as encode writes them, or folders of them", true);
  parser.parse(arguments);
  const Model model = load_model(options);
  std::int64_t number = 0;
  for (const fs::path& name : list_latents(files)) {
    const Latents latents = load_latents(name, model);
    const data::Image picture = decode_picture(model, latents);
    make_out_folder(options.out);
    const fs::path target = fs::path(options.out) / apps::numbered_name(++number, name, ".png");
    apps::write_file_atomically(target, data::encode_png(picture));
    if (!options.quiet) {
      fmt::print("{}: {} x {}\n", shown_path(target), picture.width, picture.height);
    }
  }
  fmt::print("{} decoded by {}: {}\n", apps::counted(number, "picture"), shown_path(model.file),
             shown_path(options.out));
}

}  // namespace sg::image_autoencoder

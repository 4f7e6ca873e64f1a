// Model: a trained network that a command is told to use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/options.h"
#include "data/image_io.h"
#include "data/pictures.h"
#include "nn/models/autoencoder.h"

namespace sg::image_autoencoder {

/// The options of the commands that use a trained network.
struct ModelOptions {
  std::string model;
  std::string loss;
  std::string net;
  std::int64_t tile = 0;
  std::int64_t overlap = -1;
  std::int64_t threads = 0;
  std::string out;
  bool quiet = false;
};
/// Declares them, but for those of tiles when `tiled` is false.
void add_model_options(apps::OptionParser& parser, ModelOptions& options, const std::string& out_help,
                       bool tiled = true);

struct Model {
  std::unique_ptr<nn::PictureAutoencoder> network;  // f32, in evaluation
  std::string net;
  std::int64_t tile;
  std::int64_t overlap;
  std::filesystem::path file;
};
/// Reads the weights: those of a run folder, whose config.json tells the side of its pieces, or a bare file, whose net
/// is told by its shapes. Throws in the option's name.
Model load_model(const ModelOptions& options);

/// The pictures that a command's arguments name.
struct NamedImages {
  std::vector<std::filesystem::path> paths;
  std::vector<data::SkippedPicture> folders;  // that could not be searched
};
/// Files as they are, folders searched. Throws when there are none.
NamedImages list_images(const std::vector<std::string>& arguments);

/// Calls `work(number from 1, path, picture)` with each picture that can be read; a line on standard error tells of the
/// others and of folders. Throws when none can be read; gives how many were.
std::int64_t for_each_image(
    const NamedImages& images,
    const std::function<void(std::int64_t, const std::filesystem::path&, const data::Image&)>& work);

/// A path as it is told on standard output: printable, and not cut.
std::string shown_path(const std::filesystem::path& path);

/// Makes the folder of --out; throws when it cannot.
void make_out_folder(const std::string& out);

}  // namespace sg::image_autoencoder

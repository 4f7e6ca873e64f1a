// Model: finding and loading it, and the pictures of the commands.
#include "apps/image_autoencoder/model.h"

#include <fmt/format.h>

#include "apps/common/picture_data.h"
#include "apps/common/run_app.h"
#include "apps/common/run_folder.h"
#include "apps/common/saved_run.h"
#include "apps/image_autoencoder/command.h"
#include "apps/image_autoencoder/settings.h"
#include "apps/image_autoencoder/tiles.h"
#include "data/image_folder.h"
#include "engine/kernels/parallel.h"
#include "engine/printable.h"

namespace sg::image_autoencoder {
namespace {

namespace fs = std::filesystem;

/// The side of the run's pieces; 64 for a bare file.
std::int64_t side_of(const apps::SavedRun& run) {
  if (run.config.is_null()) return 64;
  const auto size = apps::config_value<std::int64_t>(run, "size");
  if (size < 4 || size > kLargestTile) fail("--model: {}: its size is {}", run.file.string(), size);
  return size;
}

/// The network that has these weights, by the shape of its first one.
std::string net_of(const apps::SavedRun& run, const std::string& wanted) {
  std::string net;
  for (const auto& [name, value] : run.state) {
    if (name == "encoder.0.weight") net = "photo";
    if (name == "encoder.conv1.weight") {
      net = value.rank() == 4 && value.shape(2) == 3 ? "resnet18-light" : "resnet18";
    }
  }
  if (net.empty()) {
    fail("--model: {}: no weights of an image autoencoder: encoder.0.weight or encoder.conv1.weight is missing",
         run.file.string());
  }
  if (!wanted.empty() && wanted != net) {
    fail("--net: {} holds the weights of {}, not of {}", run.file.string(), net, wanted);
  }
  return net;
}

}  // namespace

void add_model_options(apps::OptionParser& parser, ModelOptions& options, const std::string& out_help, bool tiled) {
  parser.add_path("--model", options.model, "run folder, or a bare safetensors file");
  parser.add("--loss", options.loss, "which network of a run folder with several; empty: h1 where there is one");
  parser.add("--net", options.net, "photo, resnet18-light or resnet18; empty: told by the weights",
             apps::one_of({"", "photo", "resnet18-light", "resnet18"}));
  if (tiled) {
    parser.add("--tile", options.tile, "side of the tiles; 0: that of the run's pieces, 64 for a bare file",
               apps::between<std::int64_t>(0, kLargestTile));
    parser.add("--overlap", options.overlap,
               "pixels over which neighbouring tiles are blended; -1: a quarter of a tile",
               apps::between<std::int64_t>(-1, kLargestTile));
  }
  parser.add_path("--out", options.out, out_help);
  parser.add("--threads", options.threads, "threads; 0: all cores", apps::between<std::int64_t>(0, 1024));
  parser.add_flag("--quiet", options.quiet, "one line at the end");
}

Model load_model(const ModelOptions& options) {
  if (options.model.empty()) fail("--model: a run folder or a safetensors file is needed");
  if (options.out.empty()) fail("--out: a place for the results is needed");
  if (options.threads > 0) kernels::set_threads(static_cast<int>(options.threads));
  Model model;
  const apps::SavedRun run = apps::find_saved_run(kName, options.model, options.loss);
  model.file = run.file;
  model.net = net_of(run, options.net);
  model.network = make_net(model.net);
  model.network->initialise(0);
  try {
    model.network->load_state(run.state);
  } catch (const Error& error) {
    fail("--model: {}: {}", model.file.string(), error.what());
  }
  model.network->eval();
  model.tile = options.tile > 0 ? options.tile : side_of(run);
  check_side("--tile", model.tile, model.net);
  model.overlap = options.overlap >= 0 ? options.overlap : model.tile / 4;
  if (model.overlap >= model.tile) fail("--overlap: {} leaves nothing of tiles of {}", model.overlap, model.tile);
  return model;
}

NamedImages list_images(const std::vector<std::string>& arguments) {
  NamedImages images;
  for (const std::string& argument : arguments) {
    if (!fs::is_directory(argument)) {
      images.paths.emplace_back(argument);
      continue;
    }
    const data::PictureList list = data::find_pictures(argument, "", apps::has_run_config);
    for (const std::string& name : list.names) images.paths.push_back(list.root / name);
    for (const data::SkippedPicture& problem : list.problems) {
      images.folders.push_back({(list.root / problem.name).string(), problem.reason});
    }
  }
  if (images.paths.empty()) fail("IMAGE: at least one picture is needed");
  return images;
}

std::int64_t for_each_image(const NamedImages& images,
                            const std::function<void(std::int64_t, const fs::path&, const data::Image&)>& work) {
  std::vector<data::SkippedPicture> skipped;
  std::int64_t number = 0;
  for (const fs::path& path : images.paths) {
    if (apps::interrupted()) apps::stop_interrupted(kName, "");
    data::Image picture;
    try {
      picture = data::read_image(path, 3);
    } catch (const Error& error) {
      const std::string message = error.what(), start = path.string() + ": ";
      skipped.push_back({path.string(), message.starts_with(start) ? message.substr(start.size()) : message});
      continue;
    }
    work(++number, path, picture);
  }
  const std::size_t found = images.paths.size();
  if (number == 0) {
    fail("none of the {} pictures can be read; the first: {}: {}", found, skipped[0].name, skipped[0].reason);
  }
  skipped.insert(skipped.end(), images.folders.begin(), images.folders.end());
  if (!skipped.empty()) fmt::print(stderr, "{}\n", apps::describe_skipped(skipped, found));
  return number;
}

std::string shown_path(const fs::path& path) {
  constexpr std::size_t longest = 4096;  // of any path on Linux
  return printable(path.string(), longest);
}

void make_out_folder(const std::string& out) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail("--out: {}: {}", out, error.message());
}

}  // namespace sg::image_autoencoder

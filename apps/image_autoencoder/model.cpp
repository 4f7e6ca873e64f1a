// Model: finding and loading it, and the pictures of the commands.
#include "apps/image_autoencoder/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/common/files.h"
#include "apps/common/run_app.h"
#include "apps/image_autoencoder/command.h"
#include "apps/image_autoencoder/pictures.h"
#include "apps/image_autoencoder/settings.h"
#include "apps/image_autoencoder/tiles.h"
#include "data/image_folder.h"
#include "engine/kernels/parallel.h"
#include "nn/safetensors.h"

namespace sg::image_autoencoder {
namespace {

namespace fs = std::filesystem;

fs::path weights_of(const ModelOptions& options) {
  const fs::path model = options.model;
  if (!fs::exists(model)) fail("--model: {}: no such file or folder", model.string());
  if (!fs::is_directory(model)) {
    if (!options.loss.empty()) fail("--loss: {} is a file, not a run folder of several losses", model.string());
    return model;
  }
  std::vector<std::string> candidates{"", "h1", "h2", "l2"};
  if (!options.loss.empty()) candidates = {options.loss};
  for (const std::string& loss : candidates) {
    if (const fs::path file = model / loss / "model.safetensors"; fs::is_regular_file(file)) return file;
  }
  std::vector<fs::path> others;
  if (options.loss.empty()) {
    for (const auto& entry : fs::directory_iterator(model)) {
      if (fs::is_regular_file(entry.path() / "model.safetensors")) others.push_back(entry.path() / "model.safetensors");
    }
  }
  if (!others.empty()) return *std::min_element(others.begin(), others.end());
  fail("--model: {}: holds no {}model.safetensors{}", model.string(), options.loss.empty() ? "" : options.loss + "/",
       fs::exists(model / "checkpoint.safetensors") ? "; the run has not come to its end, --resume goes on with it"
                                                    : "");
}

/// The side of the run's pieces; 64 for a bare file.
std::int64_t side_of(const fs::path& weights) {
  for (const fs::path& folder : {weights.parent_path(), weights.parent_path().parent_path()}) {
    const fs::path file = folder / "config.json";
    if (!fs::is_regular_file(file)) continue;
    const auto config = nlohmann::json::parse(apps::read_file(file, 16 << 20), nullptr, false);
    if (!config.is_object() || config.value("app", nlohmann::json()) != kName) continue;
    const auto size = config.value("size", nlohmann::json());
    if (!size.is_number_integer() || size < 4 || size > kLargestTile) {
      fail("--model: {}: size is {}", file.string(), size.dump());
    }
    return size.get<std::int64_t>();
  }
  return 64;
}

std::string net_of(const nn::NamedTensors& state, const fs::path& file, const std::string& wanted) {
  const auto first =
      std::find_if(state.begin(), state.end(), [](const auto& entry) { return entry.first == "encoder.conv1.weight"; });
  if (first == state.end()) {
    fail("--model: {}: no weights of an image autoencoder: encoder.conv1.weight is missing", file.string());
  }
  const std::string net = first->second.rank() == 4 && first->second.shape(2) == 3 ? "resnet18-light" : "resnet18";
  if (!wanted.empty() && wanted != net) {
    fail("--net: {} holds the weights of {}, not of {}", file.string(), net, wanted);
  }
  return net;
}

}  // namespace

void add_model_options(apps::OptionParser& parser, ModelOptions& options, const std::string& out_help, bool tiled) {
  parser.add("--model", options.model, "run folder, or a bare safetensors file");
  parser.add("--loss", options.loss, "which network of a run folder with several; empty: h1 where there is one");
  parser.add("--net", options.net, "resnet18-light or resnet18; empty: told by the weights",
             apps::one_of({"", "resnet18-light", "resnet18"}));
  if (tiled) {
    parser.add("--tile", options.tile, "side of the tiles; 0: that of the run's pieces, 64 for a bare file",
               apps::between<std::int64_t>(0, kLargestTile));
    parser.add("--overlap", options.overlap,
               "pixels over which neighbouring tiles are blended; -1: a quarter of a tile",
               apps::between<std::int64_t>(-1, kLargestTile));
  }
  parser.add("--out", options.out, out_help);
  parser.add("--threads", options.threads, "threads; 0: all cores", apps::between<std::int64_t>(0, 1024));
  parser.add_flag("--quiet", options.quiet, "one line at the end");
}

Model load_model(const ModelOptions& options) {
  if (options.model.empty()) fail("--model: a run folder or a safetensors file is needed");
  if (options.out.empty()) fail("--out: a place for the results is needed");
  if (options.threads > 0) kernels::set_threads(static_cast<int>(options.threads));
  Model model;
  model.file = weights_of(options);
  const nn::NamedTensors state = nn::load_safetensors(model.file).tensors;
  model.net = net_of(state, model.file, options.net);
  model.network = std::make_unique<nn::ResnetAutoencoder>(kind_of(model.net));
  model.network->initialise(0);
  try {
    model.network->load_state(state);
  } catch (const Error& error) {
    fail("--model: {}: {}", model.file.string(), error.what());
  }
  model.network->eval();
  model.tile = options.tile > 0 ? options.tile : side_of(model.file);
  check_side("--tile", model.tile, model.net);
  model.overlap = options.overlap >= 0 ? options.overlap : model.tile / 4;
  if (model.overlap >= model.tile) fail("--overlap: {} leaves nothing of tiles of {}", model.overlap, model.tile);
  return model;
}

std::vector<fs::path> list_images(const std::vector<std::string>& arguments) {
  std::vector<fs::path> paths;
  for (const std::string& argument : arguments) {
    if (!fs::is_directory(argument)) {
      paths.emplace_back(argument);
      continue;
    }
    const data::PictureList list = data::find_pictures(argument);
    for (const std::string& name : list.names) paths.push_back(list.root / name);
  }
  if (paths.empty()) fail("IMAGE: at least one picture is needed");
  return paths;
}

std::int64_t for_each_image(const std::vector<fs::path>& paths,
                            const std::function<void(std::int64_t, const fs::path&, const data::Image&)>& work) {
  std::vector<data::SkippedPicture> skipped;
  std::int64_t number = 0;
  for (const fs::path& path : paths) {
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
  if (number == 0) {
    fail("none of the {} pictures can be read; the first: {}: {}", paths.size(), skipped[0].name, skipped[0].reason);
  }
  if (!skipped.empty()) fmt::print(stderr, "{}\n", describe_skipped(skipped, paths.size()));
  return number;
}

std::string numbered_name(std::int64_t number, const fs::path& path, const std::string& ending) {
  std::string stem = path.stem().string();
  if (stem.size() > 180) {
    std::size_t end = 180;
    while (end > 0 && (static_cast<unsigned char>(stem[end]) & 0xC0) == 0x80) --end;  // not within a UTF-8 character
    stem.resize(end);
  }
  return fmt::format("{:03}-{}{}", number, stem, ending);
}

void make_out_folder(const std::string& out) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail("--out: {}: {}", out, error.message());
}

}  // namespace sg::image_autoencoder

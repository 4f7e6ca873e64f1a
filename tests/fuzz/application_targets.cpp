// Targets of apps/: tables, metrics, configurations, and the tensors that commands take.
#include <array>
#include <filesystem>

#include "apps/common/metrics.h"
#include "apps/common/options.h"
#include "apps/ddim/batch_source.h"
#include "apps/ddim/model.h"
#include "apps/ddim/pictures_folder.h"
#include "apps/regression/table.h"
#include "nn/models/unet.h"
#include "nn/safetensors.h"
#include "tests/fuzz/targets.h"

namespace sg::fuzz {
namespace {

namespace fs = std::filesystem;

void read_table(std::span<const std::byte> bytes) { regression::read_table(write("fuzzed-file.csv", bytes).string()); }

void read_metrics(std::span<const std::byte> bytes) { apps::read_metrics(write("fuzzed-file.csv", bytes)); }

void read_config(std::span<const std::byte> bytes) {
  const fs::path run = write("fuzzed-file/config.json", bytes).parent_path();
  apps::Options options;
  apps::OptionParser parser("app", "", options);
  std::vector<double> weights;
  std::vector<std::int64_t> sizes;
  std::string net = "mlp";
  parser.add("--weights", weights, "");
  parser.add("--sizes", sizes, "");
  parser.add<std::string>("--net", net, "", apps::one_of({"mlp", "siren"}));
  parser.parse({"--resume", run.string()});
}

void read_model_config(std::span<const std::byte> bytes) {
  const fs::path run = write("fuzzed-file/config.json", bytes).parent_path();
  static const bool weights_are_there = [&] {
    nn::Unet network({.dim = 4, .mults = {1}, .channels = 1});
    network.initialise(0);
    nn::save_safetensors(run / "model.safetensors", network.state());
    return true;
  }();
  static_cast<void>(weights_are_there);
  ddim::ModelSettings settings;
  apps::OptionParser parser("ddim", "");
  ddim::add_model_options(parser, settings);
  parser.parse({});
  ddim::load_model(run.string(), parser, settings, f32);
}

void read_replay(std::span<const std::byte> bytes) { ddim::Replay(write("fuzzed-file.safetensors", bytes), 1000, f32); }

void read_noise(std::span<const std::byte> bytes) {
  ddim::ModelSettings model;
  model.channels = 1;
  model.size = 2;
  ddim::read_noise(write("fuzzed-file.safetensors", bytes).string(), model, f32);
}

constexpr std::array all{Target{"table", read_table},   Target{"metrics", read_metrics},
                         Target{"config", read_config}, Target{"model_config", read_model_config},
                         Target{"replay", read_replay}, Target{"noise", read_noise}};

}  // namespace

std::span<const Target> application_targets() { return all; }

}  // namespace sg::fuzz

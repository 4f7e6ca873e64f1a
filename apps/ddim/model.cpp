// Model.
#include "apps/ddim/model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/saved_run.h"
#include "data/embedded.h"
#include "nn/safetensors.h"

namespace sg::ddim {
namespace {

namespace fs = std::filesystem;

/// The run's value, unless the command line says otherwise, which is an error.
template <class T>
void take(const apps::SavedRun& run, const char* key, const char* option, const apps::OptionParser& parser, T& value,
          const T& given) {
  value = apps::config_value<T>(run, key);
  if (parser.given(option) && value != given) {
    fail("{}: the run of --model has {}, not {}", option, apps::show_value(value), apps::show_value(given));
  }
}

ModelSettings settings_of_run(const apps::SavedRun& config, const apps::OptionParser& parser,
                              const ModelSettings& given) {
  ModelSettings model;
  take(config, "dim", "--dim", parser, model.dim, given.dim);
  take(config, "mults", "--mults", parser, model.mults, given.mults);
  take(config, "channels", "--channels", parser, model.channels, given.channels);
  take(config, "size", "--size", parser, model.size, given.size);
  take(config, "schedule", "--schedule", parser, model.schedule, given.schedule);
  take(config, "timesteps", "--timesteps", parser, model.timesteps, given.timesteps);
  take(config, "objective", "--objective", parser, model.objective, given.objective);
  // A config.json may have been written by anyone.
  if (model.dim < 4 || model.dim > 4096 || model.channels < 1 || model.channels > 64 || model.size < 1 ||
      model.size > 4096 || model.timesteps > 100'000) {
    fail(
        "--model: the config.json of {} holds dim {}, channels {}, size {}, timesteps {}, of which one is out of range",
        config.file.string(), model.dim, model.channels, model.size, model.timesteps);
  }
  return model;
}

/// Width, channels and mults as the tensors' shapes have them.
void read_off(const nn::NamedTensors& state, const std::string& from, ModelSettings& model) {
  const std::string who = "--model: " + from;
  const Tensor& first = nn::find(state, "init_conv.weight", who);
  if (first.rank() != 4 || first.shape(0) < 4 || first.shape(0) % 2) {
    fail("{}: init_conv.weight is {}, needs [D, C, 7, 7]", who, first.shape());
  }
  model.dim = first.shape(0);
  model.channels = first.shape(1);
  model.mults.clear();
  for (int level = 0; level < 12; ++level) {
    for (const char* passage : {".3.weight", ".3.1.weight"}) {
      const std::string name = "downs." + std::to_string(level) + passage;
      for (const auto& [key, tensor] : state) {
        if (key != name || tensor.rank() != 4) continue;
        if (tensor.shape(0) % model.dim) {
          fail("{}: {} is {}, which is no multiple of {} wide", who, name, tensor.shape(), model.dim);
        }
        model.mults.push_back(tensor.shape(0) / model.dim);
      }
    }
  }
}

template <class T>
void check_given(const apps::OptionParser& parser, const char* option, const T& value, const T& given) {
  if (parser.given(option) && value != given) {
    fail("{}: the network of --model has {}, not {}", option, apps::show_value(value), apps::show_value(given));
  }
}

}  // namespace

Model load_model(const std::string& path, const apps::OptionParser& parser, const ModelSettings& options, Dtype dtype) {
  Model model;
  nn::NamedTensors state;
  if (!path.empty() && fs::is_directory(path)) {
    const apps::SavedRun run = apps::find_saved_run(kName, path);
    if (run.config.is_null()) {
      fail("--model: {}: holds no config.json, so no run; name its model.safetensors and the network's options", path);
    }
    model.settings = settings_of_run(run, parser, options);
    model.from = run.file.string();
    state = run.state;
    // Before a network is made as large as the file of options says.
    ModelSettings weights = model.settings;
    read_off(state, model.from, weights);
    if (weights.dim != model.settings.dim || weights.channels != model.settings.channels ||
        weights.mults != model.settings.mults) {
      fail("--model: the config.json of {} holds dim {}, channels {}, mults {}; its tensors have {}, {}, {}",
           model.from, model.settings.dim, model.settings.channels, apps::show_value(model.settings.mults), weights.dim,
           weights.channels, apps::show_value(weights.mults));
    }
  } else {
    if (path.empty()) {
      if (!data::has_embedded_file(kShippedModel)) {
        fail("--model: this build has no network of its own; a run folder or a safetensors file is needed");
      }
      model.from = "the network of the embedded digits";
      state = nn::parse_safetensors(data::embedded_file(kShippedModel), kShippedModel).tensors;
      model.settings = {.size = kDigitSide};
      check_given(parser, "--size", model.settings.size, options.size);
      check_given(parser, "--schedule", model.settings.schedule, options.schedule);
      check_given(parser, "--timesteps", model.settings.timesteps, options.timesteps);
      check_given(parser, "--objective", model.settings.objective, options.objective);
    } else {
      model.from = path;
      state = apps::find_saved_run(kName, path).state;
      model.settings = options;
    }
    read_off(state, model.from, model.settings);
    check_given(parser, "--dim", model.settings.dim, options.dim);
    check_given(parser, "--channels", model.settings.channels, options.channels);
    check_given(parser, "--mults", model.settings.mults, options.mults);
  }
  check_model(model.settings);
  model.network = std::make_unique<nn::Unet>(model.settings.unet());
  model.network->to(dtype);
  try {
    model.network->load_state(state);
  } catch (const Error& error) {
    fail("--model: {}: {}", model.from, error.what());
  }
  model.network->eval();
  return model;
}

}  // namespace sg::ddim

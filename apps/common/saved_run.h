// Saved run: a trained network's weights and the options it was trained with, from a run folder or a file.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

#include "apps/common/json_values.h"
#include "nn/module.h"

namespace sg::apps {

struct SavedRun {
  std::filesystem::path file;  // of the weights
  nn::NamedTensors state;
  nlohmann::json config;  // the run's config.json; null where there is none, as for a bare file
};

/// The network that --model names: a safetensors file; a run folder, or a folder within one. Of several losses that
/// of `loss` is taken, or else h1, h2, l2 or the first by name; of several seeds the first. Before a run's end the
/// averages of its checkpoint serve where there are some. Throws in the option's name for anything else, also for a
/// run of another application.
SavedRun find_saved_run(const std::string& app, const std::string& model, const std::string& loss = "");

/// A value of config.json; throws when it is missing or of another kind.
template <class T>
T config_value(const SavedRun& run, const char* key) {
  if (!run.config.contains(key)) fail("--model: the config.json of {} has no {}", run.file.string(), key);
  const std::optional<T> value = value_of_json<T>(run.config[key]);
  if (!value) {
    fail("--model: the config.json of {} holds {} as {}", run.file.string(), nn::show_json(run.config[key]), key);
  }
  return *value;
}

}  // namespace sg::apps

// Model: a trained network and its options, from a run folder, a file, or the one that is shipped.
#pragma once

#include <memory>
#include <string>

#include "apps/ddim/settings.h"

namespace sg::ddim {

struct Model {
  ModelSettings settings;
  std::unique_ptr<nn::Unet> network;
  std::string from;  // where its weights were found
};

/// The network named by --model, in `dtype`:
/// - empty: the shipped one, of the embedded digits;
/// - a run folder, or one loss's folder in it: its config.json gives the options, and its model.safetensors (before the
/// run's end the checkpoint)
///   the averaged weights; of several losses h1, h2, l2 or else the first by name;
/// - a safetensors file: width, channels and mults are read off its tensors, the rest comes from the options.
/// Throws when an option on the command line says otherwise.
Model load_model(const std::string& path, const apps::OptionParser& parser, const ModelSettings& options, Dtype dtype);

/// The shipped network's file in data/embedded.
inline constexpr const char* kShippedModel = "ddim_digits.safetensors";

}  // namespace sg::ddim

// Checkpoint: all that a training run needs to go on to the same bits, in one safetensors file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "nn/module.h"
#include "nn/optim/ema.h"
#include "nn/optim/lbfgs.h"
#include "nn/optim/optimizer.h"

namespace sg::nn {

/// The parts of a run; those that it does not have stay null.
struct Training {
  Module* network = nullptr;
  Optimizer* optimizer = nullptr;
  LBFGS* lbfgs = nullptr;
  Ema* ema = nullptr;
  std::map<std::string, std::int64_t> counters;  // step, epoch, batch within the epoch, seed, ...
  NamedTensors tensors;                          // what else the run holds, such as random state or curves
  std::map<std::string, std::string> notes;      // text
};

/// Writes all parts in one go (see save_safetensors).
void save_checkpoint(const std::filesystem::path& path, const Training& training);

/// Puts everything back where it was: network, optimisers and averages through the pointers; counters, tensors and
/// notes are replaced. Throws when the file belongs to another network or optimiser, or lacks a part that is asked for.
void load_checkpoint(const std::filesystem::path& path, Training& training);

}  // namespace sg::nn

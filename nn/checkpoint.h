// Checkpoint: all that a training run needs to go on to the same bits, in one safetensors file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nn/module.h"
#include "nn/optim/ema.h"
#include "nn/optim/lbfgs.h"
#include "nn/optim/levenberg_marquardt.h"
#include "nn/optim/optimizer.h"

namespace sg::nn {

/// The parts of a run; those that it does not have stay null.
struct Training {
  Module* network = nullptr;
  Optimizer* optimizer = nullptr;
  LBFGS* lbfgs = nullptr;
  LevenbergMarquardt* levenberg_marquardt = nullptr;
  Ema* ema = nullptr;
  std::map<std::string, std::int64_t> counters;  // step, epoch, batch within the epoch, seed, ...
  NamedTensors tensors;                          // what else the run holds, such as random state or curves
  std::map<std::string, std::string> notes;      // text
};

/// Writes all parts in one go, with a checksum of every tensor (CRC-32C of its name, dtype, shape and bytes) among the
/// notes. The file is written under a temporary name, synced and read back; only then does the one that was there
/// become the previous one, unless it is damaged, and the new one take its place. Throws sg::Error, also for a note
/// that is not UTF-8, and then both old ones are as they were.
void save_checkpoint(const std::filesystem::path& path, const Training& training);

/// Where the checkpoint before the last one is kept: `checkpoint.previous.safetensors`.
std::filesystem::path previous_checkpoint(const std::filesystem::path& path);
/// Whether there is a checkpoint to go on from, the previous one counted.
bool has_checkpoint(const std::filesystem::path& path);

/// Puts everything back where it was: network, optimisers and averages through the pointers; counters, tensors and
/// notes are replaced. Where the file is damaged (or is not there) and the previous one is whole, that one is taken,
/// and what is returned says so in a line; else it is empty. Throws when neither is whole, and when the file belongs to
/// another network or optimiser, or lacks a part that is asked for; then all parts are as they were.
std::string load_checkpoint(const std::filesystem::path& path, Training& training);

/// The tensors of a checkpoint whose checksums are right; throws, naming the file, for any other. A file without any
/// notes has no checksums to be wrong.
NamedTensors checkpoint_tensors(const std::filesystem::path& path);

/// A counter that must be there and lie within the bounds; throws in the name of `who`.
std::int64_t counter_of(const Training& training, const std::string& name, std::int64_t least, std::int64_t most,
                        std::string_view who);
/// A tensor of so many numbers that must be there; throws in the name of `who`.
std::vector<double> numbers_of(const Training& training, const std::string& name, std::size_t count,
                               std::string_view who);

}  // namespace sg::nn

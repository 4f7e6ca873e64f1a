// Compare losses: trainings from the same start on the same batches, one for each seed and loss, and what came of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/metrics.h"
#include "apps/common/run_folder.h"
#include "apps/common/training.h"

namespace sg::apps {

/// One training of a set.
struct Run {
  std::uint64_t seed = 0;
  std::string group;  // what else differs, such as the network's activation; mostly empty
  Loss loss;
  std::filesystem::path folder;
  Metrics metrics;  // of its metrics.csv, once it has come to its end

  /// Whether to begin anew, or at the folder's checkpoint.
  bool is_fresh(const Options& options) const {
    return options.resume.empty() || !nn::has_checkpoint(folder / "checkpoint.safetensors");
  }
};

/// What an application puts in.
struct Comparison {
  std::string app;
  std::vector<Loss> losses;
  std::vector<std::string> groups{""};
  std::vector<std::string> test_columns;
  /// Called before the first run of a seed: its data. May be empty.
  std::function<void(std::uint64_t seed)> prepare;
  /// The run's network, loss and figures.
  std::function<std::unique_ptr<Trainee>(const Run& run)> begin;
  /// Called with the trained network: pictures. May be empty.
  std::function<void(Trainee& trainee, const Run& run)> finish;
  /// Lengths and limits other than by --steps and --epochs. May be empty.
  std::function<void(TrainingPlan& plan)> adjust;
};

/// The loss of a residual picture [N, C, H, W]: its mean square for l2, H^s otherwise.
Tensor picture_loss(const Loss& loss, const Tensor& residual, const Options& options);

/// The places of all runs as the run folder takes them: `group/loss`, or the loss alone.
std::vector<Loss> places_of(const Comparison& comparison);

/// Trains them all, seed after seed, each under `options` with that seed; goes on in the middle of the set under
/// --resume, and tells how far it is and how long all of it will take. Throws what `train` does, and RankIsDone on a
/// rank that is not the first.
std::vector<Run> compare_losses(const Comparison& comparison, const Options& options, RunFolder& folder);

}  // namespace sg::apps

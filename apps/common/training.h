// Training: the loop that the applications share: steps, rows of metrics, evaluations, checkpoints, interruption.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "apps/common/batch_parts.h"
#include "apps/common/options.h"
#include "apps/common/progress.h"
#include "nn/checkpoint.h"
#include "nn/module.h"
#include "nn/optim/optimizer.h"

namespace sg::apps {

/// What one loss of one application trains. Steps count from 0; everything random depends on the seed and on the step
/// alone, so that a resumed run needs no more than the step's number.
class Trainee {
 public:
  virtual ~Trainee() = default;
  virtual nn::Module& network() = 0;
  virtual nn::Optimizer& optimizer() = 0;
  virtual std::int64_t steps_per_epoch() const = 0;
  /// What model.safetensors holds, and what `evaluate` is about.
  virtual nn::NamedTensors model() { return network().state(); }
  /// The loss of the step's batch for the parameters that the network holds now; of a part of it, the part's share of
  /// that mean (`share_of_mean`), undefined where the part is empty.
  virtual Tensor loss(std::int64_t step, const data::BatchPart& part) = 0;
  /// Why batches cannot be cut into so many parts; empty where they can.
  virtual std::string why_not_in_parts(std::int64_t) const { return {}; }
  /// One optimiser step on that loss, whose value before the step it gives. In more than one part, loss and gradient
  /// are summed over the parts, and over the ranks that share them.
  virtual double take_step(std::int64_t step, std::int64_t parts);
  /// The optimiser's step on these gradients; computes `together` in the same plan.
  virtual void apply(std::int64_t step, Tensors gradients, Tensors together);
  /// Asked after each step: whether training has come to its end before the last one.
  virtual bool converged() const { return false; }
  /// Why an optimiser that ends by itself did so, once training is over; empty for the others.
  virtual std::string ending() const { return {}; }
  /// The application's own columns of metrics.csv; what is no number stays empty.
  virtual std::vector<double> evaluate() = 0;
  /// Further figures of an evaluation, the names of their columns, and their file; most have none.
  virtual std::string figures_file() const { return "figures.csv"; }
  virtual std::vector<std::string> figure_names() const { return {}; }
  virtual std::vector<double> figures() { return {}; }
  /// What else a checkpoint must hold, and what it held.
  virtual void add_to_checkpoint(nn::Training&) {}
  virtual void after_resume(nn::Training&) {}
  /// Called after each step with the number of steps done, for pictures on the way.
  virtual void after_step(std::int64_t) {}
};

struct TrainingPlan {
  std::string app;
  std::string label;             // of the progress line
  std::filesystem::path top;     // the run folder, which an interruption names
  std::filesystem::path folder;  // of this run's files
  std::vector<std::string> test_columns;
  std::int64_t steps = 0;    // of the whole run; 0: by --steps or else --epochs
  std::int64_t test_at = 0;  // figures after this step as well
  double seconds_limit = 0;  // of training; 0: none
  double stop_at = 0;        // ends when the first test figure falls below this; 0: never
  RunsAround around;         // the other runs of the set
  /// Called when nothing that was asked for can be refused any more: before the first step. May be empty.
  std::function<void()> begun;
};

/// Optimiser steps of the whole run, by --steps or else --epochs.
std::int64_t total_steps(const Options& options, std::int64_t steps_per_epoch);

/// Throws when the trainee needs its whole batch and --batch-parts cuts it.
void check_batch_parts(const Trainee& trainee, const Options& options);

/// Trains to the end: writes metrics.csv, checkpoint.safetensors and model.safetensors; goes on from the folder's
/// checkpoint under --resume. The column `seconds` counts training alone: tests, checkpoints and pictures stop the
/// clock. Throws Interrupted after Ctrl-C (with a checkpoint), and RunError for a loss that is no number.
void train(Trainee& trainee, const TrainingPlan& plan, const Options& options);

/// Trains three steps (half of a run that has fewer than six), writes a checkpoint, and trains three more; then does
/// the latter with another trainee from the checkpoint, and compares losses and checkpoints bit by bit. Returns a line
/// that says so, throws RunError where they differ. Leaves nothing in the folder.
std::string verify_resume(Trainee& whole, Trainee& resumed, const TrainingPlan& plan, const Options& options);

}  // namespace sg::apps

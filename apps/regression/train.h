// Train: one experiment from its start, or from its checkpoint, to its end.
#pragma once

#include <filesystem>
#include <string>

#include "apps/regression/experiment.h"

namespace sg::regression {

/// How long a run is, by optimiser and altogether.
struct Length {
  std::int64_t gradient_steps = 0;  // of adam or sgd
  std::int64_t lbfgs_steps = 0;
  std::int64_t steps_an_epoch = 1;
  std::int64_t total() const { return gradient_steps + lbfgs_steps; }
};
Length length_of(const Settings& settings, std::int64_t train_points);

struct Place {
  std::string app;               // for the line that says how to resume
  std::filesystem::path top;     // the run folder
  std::filesystem::path folder;  // this run's files
  std::string label;             // in front of the progress
  std::string figures_file;      // empty: none
  double seconds_limit = 0;      // of training; 0: none
};

/// How a run ended.
struct Outcome {
  std::int64_t step = 0;
  double seconds = 0;
  TestErrors errors{};
  Picture picture;
  bool stopped_early = false;  // by --stop-at, the time limit, or an L-BFGS that has converged
  std::string lbfgs_stop;      // after how many iterations L-BFGS ended, and why; empty without it
};

/// Trains, tests, writes metrics.csv, checkpoint.safetensors, model.safetensors and a picture. Goes on from the
/// folder's checkpoint where there is one. `seconds` counts training alone: tests, checkpoints and pictures stop the
/// clock. Throws apps::RunError with the step and the primitive when the loss is no longer finite, and
/// apps::Interrupted once a checkpoint is written.
Outcome train(const Settings& settings, Experiment& experiment, const Length& length, const Place& place);

/// Writes a canvas as a PNG file.
void write_png(const std::filesystem::path& path, const Canvas& canvas);

}  // namespace sg::regression

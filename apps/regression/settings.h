// Settings: every option of the binary in force, beyond those that all binaries have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/dtype.h"
#include "losses/spectral.h"

namespace sg::regression {

struct Settings {
  // What to do.
  std::string task = "fit";
  std::string target = "waves2d";
  std::string data;  // a CSV file instead of a target
  std::vector<std::string> losses{"l2", "h1", "h2"};
  double s = 1;  // of the loss hs
  losses::Frequencies frequencies = losses::Frequencies::one_sided;
  std::vector<double> weights;  // by order; empty: all 1

  // The network.
  std::string net = "mlp";
  std::vector<std::int64_t> sizes;  // empty: the task's own
  std::vector<std::string> activations;
  std::string siren_init = "default";
  double omega0 = 1;
  std::string init;  // a safetensors file

  // The data.
  std::int64_t points = 0;  // 0: the task's own
  bool grid = false;
  std::string derivatives = "exact";
  std::string approximate = "target";
  double test_fraction = 0.1;
  std::int64_t limit_train = 0, limit_test = 0;

  // Training.
  std::string optimizer = "adam";
  double lr = 0;  // 0: the optimiser's own
  std::int64_t steps = 0, lbfgs_steps = 0, batch_size = 0;
  double stop_at = 0;
  std::uint64_t seed = 0;
  Dtype dtype = f32;
  bool shuffle = true;

  // The other tasks.
  std::string equation = "heat";
  double coefficient = 0;
  double trace_weight = 1;
  std::string teacher;
  std::vector<std::int64_t> teacher_sizes;
  std::int64_t teacher_steps = 0;
  std::int64_t projections = 0;
  std::int64_t frequencies_count = 16;
  double decay = 1;
  double minutes = 20;
};

/// The order of derivative that a loss asks for: l2 and hs 0, h1 1, h2 2; throws for another name.
int order_of(const std::string& loss);

}  // namespace sg::regression

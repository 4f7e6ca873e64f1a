// Settings: every option of the binary in force.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/common/options.h"

namespace sg::regression {

struct Settings {
  apps::Options common;
  std::vector<apps::Loss> losses;  // what common.losses names

  // What to do.
  std::string task = "fit";  // the command
  std::string target = "waves2d";
  std::string weights = "auto";  // of the orders: numbers, or how they are found

  // The network.
  std::string net = "mlp";
  std::vector<std::int64_t> sizes;  // empty: the task's own
  std::vector<std::string> activations{"tanh", "sine", "softplus", "relu"};
  std::string siren_init = "default";
  double omega0 = 30;

  // The data.
  std::int64_t points = 1000;
  bool grid = false;
  std::string derivatives = "exact";
  std::string approximate = "target";
  double test_fraction = 0.1;

  // Training.
  std::string optimizer = "adam";
  std::int64_t lbfgs_steps = 500;
  std::int64_t lbfgs_history = 10;
  double lbfgs_lr = 1;
  std::int64_t lm_steps = 500;
  double lm_damping = 1e-3;
  double stop_at = 0;

  // The other tasks.
  std::string equation = "heat";
  double coefficient = 0;
  double trace_weight = 1;
  std::string teacher;  // absolute
  std::vector<std::int64_t> teacher_sizes;
  std::int64_t teacher_steps = 4000;
  std::int64_t projections = 0;
  std::int64_t highest_frequency = 10;
  double decay = 0;
  double minutes = 20;

  Dtype dtype() const { return common.element_type(); }
  /// Points a step, of `all` that there are; 0 for all of them.
  std::int64_t batch_size(std::int64_t all) const { return common.batch_size < all ? common.batch_size : 0; }
};

/// What of the options in common the command takes.
apps::CommonUse use_of(const std::string& task);
/// Puts what the command has for defaults of its own in their places.
void set_defaults(Settings& settings);
/// Declares the command's own options.
void declare(apps::OptionParser& parser, Settings& settings);
/// What options on the command line mean for others that are not there. Throws for one that would do nothing.
void follow(const apps::OptionParser& parser, Settings& settings);
/// Throws for options that do not fit each other.
void check(const Settings& settings);

/// The largest weight of a part of a loss.
constexpr double most_weight = 1e12;

/// --weights as numbers, one for each order from 0 on; empty where they are words. Throws for what is neither a list of
/// one to three numbers between 0 and most_weight nor among the words.
std::vector<double> weight_list(const std::string& weights, const std::vector<std::string>& words);

/// The order of derivative that a loss asks for: l2 and hs 0, h1 1, h2 2.
int order_of(const apps::Loss& loss);

}  // namespace sg::regression

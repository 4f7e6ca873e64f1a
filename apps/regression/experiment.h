// Experiment: one network, the loss that it is trained on, the errors and pictures that come of it; what every task is
// made of.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/chart.h"
#include "apps/common/compare_losses.h"
#include "apps/regression/objective.h"
#include "apps/regression/settings.h"
#include "nn/module.h"
#include "nn/optim/lbfgs.h"
#include "nn/optim/levenberg_marquardt.h"

namespace sg::regression {

/// How long a run is, by optimiser and altogether.
struct Length {
  std::int64_t gradient_steps = 0;  // of adam or sgd
  std::int64_t lbfgs_steps = 0;
  std::int64_t lm_steps = 0;  // of Levenberg-Marquardt
  std::int64_t steps_per_epoch = 1;
  std::int64_t total() const { return gradient_steps + lbfgs_steps + lm_steps; }
};
Length length_of(const Settings& settings, std::int64_t train_points);

/// What a trained network looks like beside its target: curves of both, or maps of target, network and error.
using Picture = std::vector<apps::Figure>;

class Experiment : public apps::Trainee {
 public:
  Experiment(const Settings& settings, apps::Loss loss, std::unique_ptr<nn::Module> network, std::int64_t train_points);

  nn::Module& network() override { return *network_; }
  nn::Optimizer& optimizer() override { return *optimizer_; }
  std::int64_t steps_per_epoch() const override { return length_.steps_per_epoch; }
  double take_step(std::int64_t step, std::int64_t parts) override;
  bool converged() const override { return converged_; }
  std::string ending() const override;
  std::string why_not_in_parts(std::int64_t parts) const override;
  std::vector<double> evaluate() override;
  void add_to_checkpoint(nn::Training& training) override;

  /// What the loss is the sum of squares of; throws for a loss that Levenberg-Marquardt does not take.
  virtual Tensor residuals();
  virtual TestErrors test() = 0;
  virtual Picture picture() = 0;

 protected:
  losses::Network function() {
    return [this](const Tensor& x) { return (*network_)(x); };
  }

  Settings settings_;
  apps::Loss loss_;

 private:
  std::unique_ptr<nn::Module> network_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  nn::LBFGS lbfgs_;
  nn::LevenbergMarquardt levenberg_marquardt_;
  Length length_;
  bool converged_ = false;  // by L-BFGS or Levenberg-Marquardt
};

/// What a command trains under one seed.
struct Task {
  std::vector<apps::Loss> losses;
  std::vector<std::string> groups{""};  // the networks' names where there are several
  std::vector<std::string> notices;     // said before the first run
  std::string description;              // of the data
  std::int64_t inputs = 0, train_points = 0, test_points = 0;
  /// `fresh`: the run does not go on from a checkpoint, so that its network begins at --init, where that is given.
  std::function<std::unique_ptr<Experiment>(const std::string& group, const apps::Loss& loss, bool fresh)> begin;
};

/// The tasks; each throws when the settings do not fit it.
Task fit_task(const Settings& settings);
Task distill_task(const Settings& settings, const std::string& teacher_file);
Task pinn_task(const Settings& settings);
Task spectrum_task(const Settings& settings);
Task derivatives_task(const Settings& settings);

/// Throws when the settings do not fit a distillation; what has to be known before its teacher is trained.
void check_distillation(const Settings& settings);
/// Trains the teacher of a distillation and writes its weights; `report` hears of the progress, and stops the training
/// by false.
bool train_teacher(const Settings& settings, const std::string& file,
                   const std::function<bool(std::int64_t step, double loss)>& report);

/// Curves of target, network and their derivatives to second order on [first, last]. The target may be empty.
Picture picture_1d(const losses::Network& network, const std::function<Tensors(const Tensor&)>& target, double first,
                   double last, const std::string& name, Dtype dtype);

/// Target, network and error on a rectangle.
Picture picture_2d(const losses::Network& network, const std::function<Tensor(const Tensor&)>& target,
                   std::array<double, 2> first, std::array<double, 2> last, std::array<std::string, 2> labels,
                   const std::string& name, Dtype dtype);

/// The points of a regular grid with both ends, axis 1 fastest: [n n, 2].
Tensor picture_grid(std::array<double, 2> first, std::array<double, 2> last, std::int64_t n, Dtype dtype);

}  // namespace sg::regression

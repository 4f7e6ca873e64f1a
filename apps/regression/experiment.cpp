// Experiment: the optimisers, and the length of a run.
#include "apps/regression/experiment.h"

#include <cmath>

#include "nn/optim/adam.h"
#include "nn/optim/sgd.h"

namespace sg::regression {

Length length_of(const Settings& settings, std::int64_t train_points) {
  const std::int64_t batch = settings.batch_size(train_points);
  Length length;
  length.steps_per_epoch = batch == 0 ? 1 : (train_points + batch - 1) / batch;
  const std::int64_t steps = apps::total_steps(settings.common, length.steps_per_epoch);
  if (settings.optimizer != "lbfgs" && settings.optimizer != "lm") length.gradient_steps = steps;
  if (settings.optimizer == "lm") length.lm_steps = settings.lm_steps;
  if (settings.optimizer == "lbfgs" || settings.optimizer == "adam+lbfgs") length.lbfgs_steps = settings.lbfgs_steps;
  if (length.lbfgs_steps > 0 && batch > 0) {
    fail("--batch-size: L-BFGS takes all points in every step: {} of {}", batch, train_points);
  }
  if (length.lm_steps > 0 && batch > 0) {
    fail("--batch-size: Levenberg-Marquardt takes all points in every step: {} of {}", batch, train_points);
  }
  return length;
}

Experiment::Experiment(const Settings& settings, apps::Loss loss, std::unique_ptr<nn::Module> network,
                       std::int64_t train_points)
    : settings_(settings),
      loss_(std::move(loss)),
      network_(std::move(network)),
      lbfgs_(*network_, {.learning_rate = settings.lbfgs_lr,
                         .max_iterations = 1,
                         .max_evaluations = 1000,
                         .history = settings.lbfgs_history}),
      levenberg_marquardt_(*network_, {.damping = settings.lm_damping}),
      length_(length_of(settings, train_points)) {
  if (settings.optimizer == "sgd") {
    optimizer_ = std::make_unique<nn::SGD>(*network_, nn::SgdOptions{.learning_rate = settings.common.lr});
  } else {
    optimizer_ = std::make_unique<nn::Adam>(*network_, nn::AdamOptions{.learning_rate = settings.common.lr});
  }
}

double Experiment::take_step(std::int64_t step, std::int64_t parts) {
  if (step < length_.gradient_steps) return Trainee::take_step(step, parts);
  if (length_.lm_steps > 0) {
    const double value = levenberg_marquardt_.step([&] { return residuals(); });
    converged_ = levenberg_marquardt_.stop() != nn::LevenbergMarquardt::Stop::none;
    return value;
  }
  const double value = lbfgs_.step([&] { return loss(step, {}); });
  converged_ = lbfgs_.stop() != nn::LbfgsStop::iterations && lbfgs_.stop() != nn::LbfgsStop::evaluations;
  return value;
}

Tensor Experiment::residuals() {
  fail("--optimizer lm: the loss {} of this command is no sum of squares that it takes: fit and pinn with l2, h1, h2",
       loss_.name);
}

void Experiment::add_to_checkpoint(nn::Training& training) {
  training.lbfgs = &lbfgs_;
  if (length_.lm_steps > 0) training.levenberg_marquardt = &levenberg_marquardt_;
}

std::string Experiment::ending() const {
  if (levenberg_marquardt_.steps() > 0) {
    return fmt::format("Levenberg-Marquardt ended after {}: {}", apps::counted(levenberg_marquardt_.steps(), "step"),
                       levenberg_marquardt_.stop_reason());
  }
  if (lbfgs_.iterations() == 0) return {};
  return fmt::format("L-BFGS ended after {}: {}", apps::counted(lbfgs_.iterations(), "iteration"),
                     nn::describe(lbfgs_.stop()));
}

std::string Experiment::why_not_in_parts(std::int64_t) const {
  if (length_.lm_steps > 0) return "Levenberg-Marquardt takes all points in every step";
  return length_.lbfgs_steps > 0 ? "L-BFGS takes all points in every step" : "";
}

std::vector<double> Experiment::evaluate() {
  const TestErrors errors = test();
  return {errors.l2, errors.h1};
}

}  // namespace sg::regression

// Experiment: one network, the loss that it is trained on, the errors and pictures that come of it; what every task is
// made of.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/regression/objective.h"
#include "apps/regression/plot.h"
#include "apps/regression/settings.h"
#include "nn/module.h"

namespace sg::regression {

/// What a trained network looks like beside its target: panels whose curves are the target (where it is known) and the
/// network, or the maps of target, network and error.
struct Picture {
  std::vector<Panel> panels;
  std::vector<HeatMap> maps;
};

class Experiment {
 public:
  explicit Experiment(std::unique_ptr<nn::Module> network) : network_(std::move(network)) {}
  virtual ~Experiment() = default;

  nn::Module& network() { return *network_; }
  losses::Network function() {
    return [this](const Tensor& x) { return (*network_)(x); };
  }

  /// The loss of the step's batch (steps count from 0) for the parameters that the network holds now.
  virtual Tensor loss(std::int64_t step) = 0;
  virtual TestErrors test() = 0;
  /// Further figures of an evaluation, for a file of their own, and the names of their columns; most experiments have
  /// none.
  virtual std::vector<std::string> figure_names() const { return {}; }
  virtual std::vector<double> figures() { return {}; }
  virtual Picture picture() = 0;

 private:
  std::unique_ptr<nn::Module> network_;
};

/// One run of a task: where it stands among the others, and how to begin it.
struct Run {
  std::string group;  // the network's name, or empty where there is only one
  std::string loss;   // the loss's name: the curve, and the subfolder
  std::function<std::unique_ptr<Experiment>()> begin;
};

struct Task {
  std::vector<Run> runs;
  std::vector<std::string> notices;  // said before the first run
  std::string description;           // of the data
  std::int64_t inputs = 0, train_points = 0, test_points = 0;
  std::string figures_file;  // of `figures`, when there are any
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

/// Draws one network's picture, or those of several runs on one target side by side.
Canvas draw(const Picture& picture);
Canvas draw_together(const std::vector<Picture>& pictures);

/// The colour of the i-th curve.
Color curve_color(std::size_t i);

}  // namespace sg::regression

// Train: the loop that all tasks share.
#include "apps/regression/train.h"

#include <chrono>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include "apps/common/files.h"
#include "apps/common/metrics.h"
#include "apps/common/progress.h"
#include "apps/common/run_app.h"
#include "data/image_io.h"
#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "nn/checkpoint.h"
#include "nn/optim/adam.h"
#include "nn/optim/sgd.h"
#include "nn/safetensors.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Checkpoints at the ends of epochs are no closer than this: a full batch has an epoch in every step.
constexpr double closest_checkpoints = 2;

std::optional<double> finite(double value) { return std::isnan(value) ? std::nullopt : std::optional(value); }

/// A CSV file of one row an evaluation; on resuming, rows after `keep_steps` are dropped.
class FiguresFile {
 public:
  FiguresFile(fs::path path, const std::vector<std::string>& names, std::int64_t keep_steps) : path_(std::move(path)) {
    std::string kept = "step";
    for (const std::string& name : names) kept += "," + name;
    kept += "\n";
    if (keep_steps > 0) {
      std::istringstream lines(apps::read_file(path_, std::size_t{1} << 30));
      std::string line;
      std::getline(lines, line);
      while (std::getline(lines, line)) {
        if (std::strtoll(line.c_str(), nullptr, 10) <= keep_steps) kept += line + "\n";
      }
    }
    apps::write_file_atomically(path_, kept);
  }
  void write(std::int64_t step, const std::vector<double>& figures) {
    std::ofstream file(path_, std::ios::app);
    file << step;
    for (const double figure : figures) file << fmt::format(",{:.9g}", figure);
    file << "\n";
    file.flush();
    if (!file) throw apps::FileError(fmt::format("{}: cannot be written", path_.string()));
  }

 private:
  fs::path path_;
};

/// The loss again, slowly, for the name of the primitive that first goes wrong in it or in its gradient.
[[noreturn]] void report_not_finite(Experiment& experiment, std::int64_t step, const Tensors& before) {
  const std::vector<nn::Slot*> slots = experiment.network().parameters();
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i]->set(before[i]);
  std::string reason = "the update made it";
  try {
    const CheckFinite check;
    const Tensor loss = experiment.loss(step - 1);
    eval({loss});
    Tensors all = grad(loss, experiment.network().parameter_values(), {}, Unused::zeros);
    eval(all);
  } catch (const Error& error) {
    reason = error.what();
  }
  throw apps::RunError(fmt::format("the loss of step {} is not finite: {}", step, reason));
}

}  // namespace

Length length_of(const Settings& settings, std::int64_t train_points) {
  const std::int64_t batch = settings.batch_size(train_points);
  Length length;
  length.steps_an_epoch = batch == 0 ? 1 : (train_points + batch - 1) / batch;
  const std::int64_t steps =
      settings.common.steps > 0 ? settings.common.steps : settings.common.epochs * length.steps_an_epoch;
  if (settings.optimizer != "lbfgs") length.gradient_steps = steps;
  if (settings.optimizer == "lbfgs" || settings.optimizer == "adam+lbfgs") length.lbfgs_steps = settings.lbfgs_steps;
  if (length.lbfgs_steps > 0 && batch > 0) {
    fail("--batch-size: L-BFGS takes all points in every step: {} of {}", batch, train_points);
  }
  return length;
}

void write_png(const fs::path& path, const Canvas& canvas) {
  data::Image image;
  image.width = canvas.width();
  image.height = canvas.height();
  image.channels = 3;
  image.pixels = canvas.pixels();
  apps::write_file_atomically(path, std::string_view(data::encode_png(image)));
}

Outcome train(const Settings& settings, Experiment& experiment, const Length& length, const Place& place) {
  const apps::Options& common = settings.common;
  nn::Module& network = experiment.network();
  std::unique_ptr<nn::Optimizer> optimizer;
  if (settings.optimizer == "sgd") {
    optimizer = std::make_unique<nn::SGD>(network, nn::SgdOptions{.learning_rate = common.lr});
  } else {
    optimizer = std::make_unique<nn::Adam>(network, nn::AdamOptions{.learning_rate = common.lr});
  }
  nn::LBFGS lbfgs(network, {.learning_rate = settings.lbfgs_lr,
                            .max_iterations = 1,
                            .max_evaluations = 1000,
                            .history = settings.lbfgs_history});

  const fs::path checkpoint = place.folder / "checkpoint.safetensors";
  nn::Training state;
  state.network = &network;
  state.optimizer = optimizer.get();
  state.lbfgs = &lbfgs;
  Outcome outcome;
  bool ended = false;
  if (!common.resume.empty() && fs::exists(checkpoint)) {
    nn::load_checkpoint(checkpoint, state);
    outcome.step = state.counters.at("step");
    outcome.stopped_early = ended = state.counters.at("ended") != 0;
    const std::vector<double> numbers = nn::find(state.tensors, "numbers", "checkpoint").to_vector<double>();
    outcome.seconds = numbers.at(0);
    outcome.errors = {numbers.at(1), numbers.at(2)};
    if (outcome.step > length.total()) {
      fail("--resume: {} has done {} steps, more than the {} that are asked for", place.folder.string(), outcome.step,
           length.total());
    }
  }
  const std::int64_t first_step = outcome.step;
  apps::MetricsWriter metrics(place.folder / "metrics.csv", {"test_l2", "test_h1"}, settings.dtype(),
                              first_step > 0 ? std::optional(first_step) : std::nullopt);
  std::optional<FiguresFile> figures;
  if (!place.figures_file.empty()) {
    figures.emplace(place.folder / place.figures_file, experiment.figure_names(), first_step);
  }

  auto save = [&] {
    state.counters = {
        {"step", outcome.step}, {"ended", ended ? 1 : 0}, {"seed", static_cast<std::int64_t>(common.seed)}};
    state.tensors = {{"numbers", tensor({outcome.seconds, outcome.errors.l2, outcome.errors.h1}, {3}, f64)}};
    nn::save_checkpoint(checkpoint, state);
  };
  apps::Progress progress(place.label, length.total() / length.steps_an_epoch, length.total(), common.quiet,
                          first_step);
  Clock::time_point last_saved = Clock::now();
  auto since_saved = [&] { return std::chrono::duration<double>(Clock::now() - last_saved).count(); };
  const std::int64_t test_steps = common.eval_steps > 0 ? common.eval_steps : common.eval_every * length.steps_an_epoch;

  while (outcome.step < length.total() && !ended) {
    const std::int64_t step = outcome.step + 1;
    const Clock::time_point start = Clock::now();
    const Tensors before = network.parameter_values();
    double loss = 0;
    if (step <= length.gradient_steps) {
      const Tensor value = experiment.loss(step - 1);
      optimizer->minimise(value);
      loss = value.item();
    } else {
      loss = lbfgs.step([&] { return experiment.loss(step - 1); });
      if (lbfgs.stop() != nn::LbfgsStop::iterations && lbfgs.stop() != nn::LbfgsStop::evaluations) ended = true;
    }
    outcome.seconds += std::chrono::duration<double>(Clock::now() - start).count();
    if (!std::isfinite(loss)) report_not_finite(experiment, step, before);
    outcome.step = step;
    if (place.seconds_limit > 0 && outcome.seconds > place.seconds_limit) ended = true;

    const bool last = step == length.total() || ended, switches = step == length.gradient_steps;
    const bool interrupted = apps::interrupted();
    const std::int64_t epoch = (step + length.steps_an_epoch - 1) / length.steps_an_epoch;
    apps::MetricsRow row{step, epoch, outcome.seconds, loss, {std::nullopt, std::nullopt}};
    const bool tests = last || switches || step % test_steps == 0;
    if (tests) {
      outcome.errors = experiment.test();
      row.tests = {finite(outcome.errors.l2), finite(outcome.errors.h1)};
      if (figures) figures->write(step, experiment.figures());
      if (settings.stop_at > 0 && outcome.errors.l2 < settings.stop_at) ended = true;
    }
    if (tests || ended || step % common.log_every == 0) metrics.write(row);
    progress.step(epoch, step, loss);
    const bool epoch_end =
        length.steps_an_epoch > 1 && step % length.steps_an_epoch == 0 && since_saved() > closest_checkpoints;
    if (last || ended || interrupted || epoch_end || since_saved() > common.checkpoint_seconds) {
      save();
      last_saved = Clock::now();
    }
    if (interrupted && !(last || ended)) {
      progress.finish();
      apps::stop_interrupted(place.app, place.top.string());
    }
  }
  if (length.lbfgs_steps > 0 && lbfgs.iterations() > 0) {
    outcome.lbfgs_stop =
        fmt::format("L-BFGS ended after {} iterations: {}", lbfgs.iterations(), nn::describe(lbfgs.stop()));
    progress.note(place.label + ": " + outcome.lbfgs_stop);
  }
  progress.finish();
  outcome.stopped_early = ended;
  nn::save_safetensors(place.folder / "model.safetensors", network.state());
  outcome.picture = experiment.picture();
  write_png(place.folder / "fit.png", draw(outcome.picture));
  return outcome;
}

}  // namespace sg::regression

// Training: the loop that the applications share.
#include "apps/common/training.h"

#include <chrono>
#include <cmath>

#include "apps/common/metrics.h"
#include "apps/common/progress.h"
#include "apps/common/run_app.h"
#include "engine/inspect.h"
#include "nn/safetensors.h"

namespace sg::apps {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Loop {
 public:
  Loop(Trainee& trainee, const TrainingPlan& plan, const Options& options)
      : trainee_(trainee), plan_(plan), options_(options), total_(total_steps(options, plan.steps_per_epoch)) {}

  void run() {
    if (!options_.resume.empty() && std::filesystem::exists(checkpoint_path())) resume();
    if (step_ >= total_ && step_ > 0) {
      // The last checkpoint comes before the model: a crash between the two leaves the model to be written now.
      if (!std::filesystem::exists(plan_.folder / "model.safetensors")) {
        nn::save_safetensors(plan_.folder / "model.safetensors", trainee_.model());
      }
      return;
    }
    MetricsWriter metrics(plan_.folder / "metrics.csv", plan_.test_columns, options_.element_type(),
                          step_ > 0 ? std::optional(step_) : std::nullopt);
    Progress progress(plan_.label, (total_ + plan_.steps_per_epoch - 1) / plan_.steps_per_epoch, total_, options_.quiet,
                      step_);
    start_ = Clock::now();
    last_checkpoint_ = start_;
    while (step_ < total_) {
      const double loss = one_step();
      ++step_;
      progress.step(epoch(), step_, loss);
      trainee_.after_step(step_);
      write_row(metrics, progress, loss);
      const bool epoch_ends = step_ % plan_.steps_per_epoch == 0 && plan_.steps_per_epoch > 1;
      const bool stop = interrupted() && step_ < total_;
      if (stop || step_ == total_ || epoch_ends || seconds_since(last_checkpoint_) >= options_.checkpoint_seconds) {
        save();
      }
      if (stop) {
        progress.finish();
        stop_interrupted(plan_.app, plan_.top.string());
      }
    }
    progress.finish();
    nn::save_safetensors(plan_.folder / "model.safetensors", trainee_.model());
  }

 private:
  std::filesystem::path checkpoint_path() const { return plan_.folder / "checkpoint.safetensors"; }
  std::int64_t epoch() const { return (step_ - 1) / plan_.steps_per_epoch + 1; }
  double seconds() const { return seconds_before_ + seconds_since(start_); }

  double one_step() {
    // Kept until the loss is known to be a number, so that the step can be looked at again.
    const nn::NamedTensors before = parameters();
    double value;
    {
      const Tensor loss = trainee_.loss(step_);
      trainee_.update(loss, step_);
      value = loss.item();
    }
    if (!std::isfinite(value)) explain(before);
    return value;
  }

  nn::NamedTensors parameters() {
    nn::NamedTensors values;
    for (auto& [name, slot] : trainee_.network().named_parameters()) values.emplace_back(name, slot->value());
    return values;
  }

  [[noreturn]] void explain(const nn::NamedTensors& before) {
    auto slots = trainee_.network().named_parameters();
    for (std::size_t i = 0; i < slots.size(); ++i) slots[i].second->set(before[i].second);
    std::string cause = "the loss itself";
    try {
      const CheckFinite check;
      trainee_.loss(step_).eval();
    } catch (const Error& error) {
      cause = error.what();
    }
    throw RunError(fmt::format("step {}: the loss of {} is not a finite number: {}", step_ + 1, plan_.label, cause));
  }

  void write_row(MetricsWriter& metrics, Progress& progress, double loss) {
    const bool epoch_ends = step_ % plan_.steps_per_epoch == 0;
    const bool by_epoch =
        options_.eval_steps == 0 && epoch_ends && plan_.steps_per_epoch > 1 && epoch() % options_.eval_every == 0;
    const bool by_step = options_.eval_steps > 0 && step_ % options_.eval_steps == 0;
    const bool test = by_epoch || by_step || step_ == total_;
    if (!test && step_ % options_.log_every != 0) return;
    MetricsRow row{step_, epoch(), seconds(), loss, std::vector<std::optional<double>>(plan_.test_columns.size())};
    if (test) {
      trainee_.network().eval();
      const std::vector<double> figures = trainee_.evaluate();
      trainee_.network().train();
      std::string note = fmt::format("{}: epoch {}, step {}:", plan_.label, row.epoch, row.step);
      for (std::size_t i = 0; i < figures.size(); ++i) {
        row.tests[i] = figures[i];
        note += fmt::format(" {} {:.6g}", plan_.test_columns[i], figures[i]);
      }
      progress.note(note);
    }
    metrics.write(row);
  }

  nn::Training parts() {
    nn::Training training;
    training.network = &trainee_.network();
    training.optimizer = &trainee_.optimizer();
    trainee_.add_to_checkpoint(training);
    return training;
  }

  void save() {
    nn::Training training = parts();
    training.counters["step"] = step_;
    training.tensors.emplace_back("seconds", scalar(seconds(), f64));
    nn::save_checkpoint(checkpoint_path(), training);
    last_checkpoint_ = Clock::now();
  }

  void resume() {
    nn::Training training = parts();
    nn::load_checkpoint(checkpoint_path(), training);
    step_ = training.counters.at("step");
    seconds_before_ = nn::find(training.tensors, "seconds", "checkpoint").item();
    trainee_.after_resume(training);
  }

  Trainee& trainee_;
  const TrainingPlan& plan_;
  const Options& options_;
  std::int64_t total_;
  std::int64_t step_ = 0;  // done so far
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now(), last_checkpoint_ = start_;
};

}  // namespace

void Trainee::update(const Tensor& loss, std::int64_t) { optimizer().minimise(loss); }

std::int64_t total_steps(const Options& options, std::int64_t steps_per_epoch) {
  return options.steps > 0 ? options.steps : options.epochs * steps_per_epoch;
}

void train(Trainee& trainee, const TrainingPlan& plan, const Options& options) { Loop(trainee, plan, options).run(); }

}  // namespace sg::apps

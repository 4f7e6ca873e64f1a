// Training: the loop that the applications share.
#include "apps/common/training.h"

#include <cassert>
#include <chrono>
#include <cmath>
#include <cstring>
#include <span>

#include "apps/common/files.h"
#include "apps/common/metrics.h"
#include "apps/common/ranks.h"
#include "apps/common/run_app.h"
#include "apps/common/values.h"
#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"
#include "engine/printable.h"
#include "nn/safetensors.h"

namespace sg::apps {
namespace {

constexpr std::int64_t most_steps = std::int64_t{1} << 53;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The parameters of a network as they were, in memory that stays where it is: held as tensors, they would make each
/// step put its parameters elsewhere, and the free memory between other tensors would drift.
class EarlierParameters {
 public:
  explicit EarlierParameters(nn::Module& network) : slots_(network.named_parameters()), copies_(slots_.size()) {}

  void keep() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Tensor& value = slots_[i].second->value();
      dispatch(value.dtype(), [&](auto zero) { copy(value.data<decltype(zero)>(), value.size(), copies_[i]); });
    }
  }
  void put_back() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      nn::Slot& slot = *slots_[i].second;
      dispatch(slot.dtype(), [&](auto zero) {
        using Element = decltype(zero);
        const auto* const elements = reinterpret_cast<const Element*>(copies_[i].data());
        slot.set(tensor(std::span(elements, static_cast<std::size_t>(slot.size())), slot.shape(), slot.dtype()));
      });
    }
  }

 private:
  template <class Element>
  static void copy(const Element* elements, std::int64_t count, std::vector<std::byte>& to) {
    constexpr std::int64_t kPiece = std::int64_t{1} << 18;
    const std::int64_t bytes = count * static_cast<std::int64_t>(sizeof(Element));
    to.resize(static_cast<std::size_t>(bytes));
    kernels::parallel_for((bytes + kPiece - 1) / kPiece, [&](std::int64_t piece) {
      const std::int64_t begin = piece * kPiece, size = std::min(kPiece, bytes - begin);
      std::memcpy(to.data() + begin, reinterpret_cast<const std::byte*>(elements) + begin,
                  static_cast<std::size_t>(size));
    });
  }

  std::vector<std::pair<std::string, nn::Slot*>> slots_;
  std::vector<std::vector<std::byte>> copies_;
};

class Loop {
 public:
  Loop(Trainee& trainee, const TrainingPlan& plan, const Options& options)
      : trainee_(trainee),
        plan_(plan),
        options_(options),
        per_epoch_(trainee.steps_per_epoch()),
        total_(plan.steps > 0 ? plan.steps : total_steps(options, per_epoch_)),
        schedule_(options.schedule()),
        before_(trainee.network()) {}

  void run() {
    const std::filesystem::path model = plan_.folder / "model.safetensors";
    if (!options_.resume.empty() && nn::has_checkpoint(checkpoint_path())) {
      resume(checkpoint_path());
    } else if (!options_.resume.empty() && std::filesystem::exists(model)) {
      fail("--resume: {} holds a trained network and no checkpoint to go on with", plan_.folder.string());
    }
    if (plan_.begun) plan_.begun();
    if (!is_first_rank()) return compute_along();
    if (step_ > 0 && (ended_ || step_ >= total_)) {
      // The last checkpoint comes before the model: a crash between the two leaves the model to be written now.
      if (!std::filesystem::exists(model)) save_model();
      return;
    }
    const std::optional<std::int64_t> keep = step_ > 0 ? std::optional(step_) : std::nullopt;
    MetricsWriter metrics(plan_.folder / "metrics.csv", plan_.test_columns, options_.element_type(), keep);
    std::optional<CsvAppender> figures;
    if (std::vector<std::string> names = trainee_.figure_names(); !names.empty()) {
      names.insert(names.begin(), "step");
      figures.emplace(plan_.folder / trainee_.figures_file(), names, keep);
    }
    Progress progress(plan_.label, (total_ + per_epoch_ - 1) / per_epoch_, total_, options_.quiet, step_, plan_.around);
    last_checkpoint_ = Clock::now();
    while (step_ < total_ && !ended_) {
      const double loss = one_step();
      ++step_;
      progress.step(epoch(), step_, loss);
      trainee_.after_step(step_);
      ended_ = trainee_.converged() || (plan_.seconds_limit > 0 && seconds_ > plan_.seconds_limit);
      write_rows(metrics, figures, progress, loss);
      const bool epoch_ends = step_ % per_epoch_ == 0 && per_epoch_ > 1;
      const bool stop = stops_here(), last = ended_ || step_ == total_;
      if (stop || last || epoch_ends || seconds_since(last_checkpoint_) >= options_.checkpoint_seconds) save();
      if (stop) {
        progress.finish();
        stop_interrupted(plan_.app, plan_.top.string());
      }
    }
    if (const std::string ending = trainee_.ending(); !ending.empty()) progress.note(plan_.label + ": " + ending);
    progress.finish();
    save_model();
  }

  /// The losses of so many steps, without rows and checkpoints.
  std::vector<double> steps(std::int64_t count) {
    std::vector<double> losses;
    for (; count > 0 && step_ < total_; --count) {
      losses.push_back(one_step());
      ++step_;
    }
    return losses;
  }
  void save(const std::filesystem::path& path) {
    nn::Training training = parts();
    training.counters["step"] = step_;
    training.counters["ended"] = ended_;
    training.tensors.emplace_back("seconds", scalar(seconds_, f64));
    nn::save_checkpoint(path, training);
  }

  void resume(const std::filesystem::path& path) {
    nn::Training training = parts();
    const std::string who = "--resume: " + path.string();
    std::string notice;
    try {
      notice = nn::load_checkpoint(path, training);
    } catch (const Error& error) {
      fail("--resume: {}", error.what());
    }
    if (!notice.empty() && is_first_rank()) {
      fmt::print(stderr, "{}: note: {}\n", plan_.app, printable(notice, 1000));
    }
    step_ = nn::counter_of(training, "step", 0, most_steps, who);
    ended_ = nn::counter_of(training, "ended", 0, 1, who) != 0;
    seconds_ = nn::numbers_of(training, "seconds", 1, who)[0];
    if (!(seconds_ >= 0 && seconds_ < 1e15)) fail("{}: it took {} seconds", who, seconds_);
    if (step_ > total_) {
      fail("--resume: {} has done {} steps, more than the {} that are asked for", plan_.folder.string(), step_, total_);
    }
    trainee_.after_resume(training);
  }

 private:
  std::filesystem::path checkpoint_path() const { return plan_.folder / "checkpoint.safetensors"; }
  std::int64_t epoch() const { return (step_ - 1) / per_epoch_ + 1; }
  void save_model() {
    const nn::NamedTensors model = trainee_.model();
    try {
      nn::check_finite(model, plan_.label);
    } catch (const Error& error) {
      throw RunError(fmt::format("{} after step {}: the update made it", error.what(), step_));
    }
    write([&] { nn::save_safetensors(plan_.folder / "model.safetensors", model); });
  }

  /// What cannot be written is no bad input; the line says from where the run can go on.
  template <class Write>
  void write(Write write_file) {
    try {
      write_file();
    } catch (const Error& error) {
      const std::string whole = nn::has_checkpoint(checkpoint_path())
                                    ? fmt::format("; the last checkpoint is whole, go on with: {} --resume {}",
                                                  plan_.app, shell_quoted(plan_.top.string()))
                                    : "; there is no checkpoint yet";
      throw FileError(error.what() + whole);
    }
  }

  /// The part of a rank that is not the first: the same steps, without a word.
  void compute_along() {
    while (step_ < total_ && !ended_) {
      one_step();
      ++step_;
      if (stops_here()) stop_interrupted(plan_.app, plan_.top.string());
    }
  }

  /// Whether the training is interrupted after this step; all ranks learn it, and from the first whether the training
  /// has come to its end.
  bool stops_here() {
    ended_ = from_first_rank(ended_) != 0;
    return largest_over_ranks(interrupted()) != 0 && !ended_ && step_ < total_;
  }

  double one_step() {
    // Kept until the loss is known to be a number, so that the step can be looked at again.
    before_.keep();
    const Clock::time_point start = Clock::now();
    trainee_.optimizer().set_learning_rate(schedule_(step_));
    const double value = trainee_.take_step(step_, options_.batch_parts);
    seconds_ += seconds_since(start);
    if (!std::isfinite(value)) explain();
    return value;
  }

  /// The loss again, slowly, for the name of the primitive that first goes wrong in it or in its gradient.
  [[noreturn]] void explain() {
    before_.put_back();
    std::string cause = "the update made it";
    try {
      const CheckFinite check;
      for (const data::BatchPart& part : own_parts(options_.batch_parts)) {
        const Tensor loss = trainee_.loss(step_, part);
        if (!loss) continue;
        eval({loss});
        eval(grad(loss, trainee_.network().parameter_values(), {}, Unused::zeros));
      }
    } catch (const Error& error) {
      cause = error.what();
    }
    throw RunError(fmt::format("the loss of step {} of {} is not finite: {}", step_ + 1, plan_.label, cause));
  }

  void write_rows(MetricsWriter& metrics, std::optional<CsvAppender>& figures, Progress& progress, double loss) {
    const bool by_epoch = options_.eval_steps == 0 && step_ % per_epoch_ == 0 && epoch() % options_.eval_every == 0;
    const bool by_step = options_.eval_steps > 0 && step_ % options_.eval_steps == 0;
    const bool test = by_epoch || by_step || ended_ || step_ == total_ || step_ == plan_.test_at;
    if (!test && step_ % options_.log_every != 0) return;
    MetricsRow row{step_, epoch(), seconds_, loss, std::vector<std::optional<double>>(plan_.test_columns.size())};
    if (test) {
      trainee_.network().eval();
      const std::vector<double> found = trainee_.evaluate();
      if (figures) {
        std::string line = std::to_string(step_);
        for (const double figure : trainee_.figures()) line += fmt::format(",{:.9g}", figure);
        figures->write(line);
      }
      trainee_.network().train();
      kernels::trim();  // an evaluation's tensors lie otherwise than a step's: pages that neither needs go back
      std::string note = fmt::format("{}: epoch {}, step {}:", plan_.label, row.epoch, row.step);
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::isnan(found[i])) continue;
        row.tests[i] = found[i];
        note += fmt::format(" {} {:.6g}", plan_.test_columns[i], found[i]);
      }
      if (per_epoch_ > 1) progress.note(note);
      if (plan_.stop_at > 0 && !found.empty() && found[0] < plan_.stop_at) ended_ = true;
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
    write([&] { save(checkpoint_path()); });
    last_checkpoint_ = Clock::now();
  }

  Trainee& trainee_;
  const TrainingPlan& plan_;
  const Options& options_;
  std::int64_t per_epoch_, total_;
  nn::Schedule schedule_;
  EarlierParameters before_;  // of the step that is being made
  std::int64_t step_ = 0;     // done so far
  bool ended_ = false;        // before the last step
  double seconds_ = 0;        // of training
  Clock::time_point last_checkpoint_ = Clock::now();
};

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  return dispatch(a.dtype(), [&](auto zero) {
    using Element = decltype(zero);
    return std::memcmp(a.data<Element>(), b.data<Element>(), static_cast<std::size_t>(a.size()) * sizeof(Element)) == 0;
  });
}

}  // namespace

double Trainee::take_step(std::int64_t step, std::int64_t parts) {
  if (parts == 1) {
    Tensor value = loss(step, {});
    Tensors gradients = optimizer().gradients(value);
    value = value.detach();  // without the graph, so that the parameters' memory can be used again
    apply(step, std::move(gradients), {value});
    return value.item();
  }
  StepSums sums =
      sum_over_parts(network(), optimizer(), parts, [&](const data::BatchPart& part) { return loss(step, part); });
  apply(step, std::move(sums.gradients), {});
  return sums.loss;
}

void Trainee::apply(std::int64_t, Tensors gradients, Tensors together) {
  optimizer().step(std::move(gradients), std::move(together));
}

std::int64_t total_steps(const Options& options, std::int64_t steps_per_epoch) {
  if (options.steps > 0) return options.steps;
  std::int64_t steps = 0;
  if (__builtin_mul_overflow(options.epochs, steps_per_epoch, &steps) || steps > most_steps) {
    fail("--epochs: {} epochs of {} steps are too many", options.epochs, steps_per_epoch);
  }
  return steps;
}

void check_batch_parts(const Trainee& trainee, const Options& options) {
  if (options.batch_parts == 1) return;
  const std::string reason = trainee.why_not_in_parts(options.batch_parts);
  if (!reason.empty()) fail("--batch-parts: {} parts of a batch: {}", options.batch_parts, reason);
}

void train(Trainee& trainee, const TrainingPlan& plan, const Options& options) { Loop(trainee, plan, options).run(); }

std::string verify_resume(Trainee& whole, Trainee& resumed, const TrainingPlan& plan, const Options& options) {
  const std::int64_t all = plan.steps > 0 ? plan.steps : total_steps(options, whole.steps_per_epoch());
  if (all < 2) fail("--verify-resume: needs at least two steps, one on each side of a checkpoint");
  const std::int64_t part = std::min<std::int64_t>(3, all / 2);
  const std::filesystem::path middle = plan.folder / "verify-middle.safetensors",
                              end = plan.folder / "verify-end.safetensors",
                              again = plan.folder / "verify-again.safetensors";
  Loop first(whole, plan, options), second(resumed, plan, options);
  const std::size_t before = first.steps(part).size();
  first.save(middle);
  const std::vector<double> losses = first.steps(part);
  first.save(end);
  second.resume(middle);
  const std::vector<double> losses_again = second.steps(part);
  second.save(again);
  const nn::NamedTensors expected = nn::checkpoint_tensors(end), found = nn::checkpoint_tensors(again);
  for (const std::filesystem::path& file : {middle, end, again}) {
    std::error_code error;
    std::filesystem::remove(file, error);
  }
  assert(!losses.empty());
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (i >= losses_again.size() || losses[i] != losses_again[i]) {
      throw RunError(fmt::format("{}: step {} has another loss after a checkpoint", plan.label, before + i + 1));
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, tensor] = expected[i];
    if (name == "tensor.seconds") continue;
    if (i >= found.size() || found[i].first != name || !same_bits(tensor, found[i].second)) {
      throw RunError(fmt::format("{}: after a checkpoint, {} differs", plan.label, name));
    }
  }
  return fmt::format("{}: steps {} to {} give the same bits after a checkpoint", plan.label, before + 1,
                     before + losses.size());
}

}  // namespace sg::apps

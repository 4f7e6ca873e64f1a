// Compare losses: the order of work.
#include "apps/common/compare_losses.h"

#include <chrono>
#include <map>

#include "apps/common/ranks.h"
#include "apps/common/run_app.h"
#include "engine/ops.h"
#include "losses/spectral.h"

namespace sg::apps {
namespace {

Loss place_of(const std::string& group, const Loss& loss) {
  return {group.empty() ? loss.name : group + "/" + loss.name, loss.kind, loss.s};
}

std::string label_of(const Run& run, bool several_seeds) {
  std::string label = several_seeds ? fmt::format("seed {} ", run.seed) : "";
  if (!run.group.empty()) label += run.group + " ";
  return label + run.loss.name;
}

}  // namespace

Tensor picture_loss(const Loss& loss, const Tensor& residual, const Options& options) {
  if (loss.kind == "l2") return mean(square(residual));
  return losses::spectral_2d(residual, loss.s, options.frequencies(), options.hs_length);
}

std::vector<Loss> places_of(const Comparison& comparison) {
  std::vector<Loss> places;
  for (const std::string& group : comparison.groups) {
    for (const Loss& loss : comparison.losses) places.push_back(place_of(group, loss));
  }
  return places;
}

std::vector<Run> compare_losses(const Comparison& comparison, const Options& options, RunFolder& folder) {
  using Clock = std::chrono::steady_clock;
  std::vector<Run> runs;
  for (const std::uint64_t seed : options.seed_list()) {
    for (const std::string& group : comparison.groups) {
      for (const Loss& loss : comparison.losses) {
        runs.push_back({seed, group, loss, folder.folder_of(place_of(group, loss), seed), {}});
      }
    }
  }
  std::map<std::string, double> seconds;  // that a run took, by group and loss
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Run& run = runs[i];
    if (comparison.prepare && (i == 0 || run.seed != runs[i - 1].seed)) comparison.prepare(run.seed);
    const std::unique_ptr<Trainee> trainee = comparison.begin(run);
    check_batch_parts(*trainee, options);
    TrainingPlan plan;
    plan.app = comparison.app;
    plan.label = label_of(run, options.seed_list().size() > 1);
    plan.top = folder.path();
    plan.folder = run.folder;
    plan.test_columns = comparison.test_columns;
    plan.begun = [&folder] { folder.keep(); };
    plan.around.number = static_cast<std::int64_t>(i) + 1;
    plan.around.count = static_cast<std::int64_t>(runs.size());
    for (std::size_t j = i + 1; j < runs.size(); ++j) {
      const auto known = seconds.find(runs[j].group + "/" + runs[j].loss.name);
      known == seconds.end() ? ++plan.around.unknown_after : plan.around.seconds_after += known->second;
    }
    if (comparison.adjust) comparison.adjust(plan);
    if (options.verify_resume) {
      const std::unique_ptr<Trainee> resumed = comparison.begin(run);
      fmt::print("{}\n", verify_resume(*trainee, *resumed, plan, options));
      if (i + 1 == runs.size()) throw Finished{};
      continue;
    }
    const Clock::time_point start = Clock::now();
    const bool whole = run.is_fresh(options);
    train(*trainee, plan, options);
    if (!is_first_rank()) continue;
    if (comparison.finish) {
      try {
        comparison.finish(*trainee, run);
      } catch (const Interrupted&) {
        stop_interrupted(comparison.app, folder.path().string());  // the checkpoint of the last step is there
      }
    }
    run.metrics = read_metrics(run.folder / "metrics.csv");
    if (whole) {
      seconds[run.group + "/" + run.loss.name] = std::chrono::duration<double>(Clock::now() - start).count();
    }
  }
  if (!is_first_rank()) throw RankIsDone();
  return runs;
}

}  // namespace sg::apps

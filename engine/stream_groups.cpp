// Groups: which steps of a plan share a number of rows, and in which phase each of them can run.
#include "engine/stream_groups.h"

#include <algorithm>
#include <map>
#include <utility>

namespace sg {
namespace {

constexpr std::int64_t kFewestRows = 32;           // a leading axis that is worth cutting: blocks for eight threads
constexpr std::int64_t kFewestBytes = 256 * 1024;  // of results with one number of rows
constexpr int kMostGroups = 3;                     // numbers of rows that are looked for

using Kind = PlanStep::Kind;

class Grouper {
 public:
  Grouper(const Plan& plan, const std::vector<bool>& expendable, bool always)
      : plan_(plan), count_(plan.steps.size()), expendable_(expendable), always_(always) {}

  StepGroups run() {
    find_row_counts();
    if (groups_.row_counts.empty()) return std::move(groups_);
    groups_.group.assign(count_, -1);
    groups_.phase.assign(count_, 0);
    groups_.cuts.resize(count_);
    groups_.made.resize(plan_.storage_bytes.size());
    find_readers();
    for (std::size_t s = 0; s < count_; ++s) put(s);
    return std::move(groups_);
  }

 private:
  /// The first extent that is not 1.
  static std::int64_t leading_extent(const Shape& shape) {
    const auto found = std::find_if(shape.begin(), shape.end(), [](std::int64_t extent) { return extent != 1; });
    return found == shape.end() ? 1 : *found;
  }

  /// The numbers of rows that most bytes of results have; an axis may hold several indices a row, where a reshape has
  /// joined axes.
  void find_row_counts() {
    struct Result {
      std::int64_t extent;
      double bytes;
    };
    std::vector<Result> results;
    for (const PlanStep& step : plan_.steps) {
      for (const PlanStep::Operand& output : step.outputs) {
        const std::int64_t extent = leading_extent(output.shape);
        if (extent < (always_ ? 2 : kFewestRows)) continue;
        results.push_back({extent, static_cast<double>(element_count(output.shape) * size_of(output.dtype))});
      }
    }
    while (!results.empty() && groups_.row_counts.size() < kMostGroups) {
      std::map<std::int64_t, double> bytes;
      for (const Result& result : results) bytes.emplace(result.extent, 0);
      double most = 0;
      for (auto& [rows, sum] : bytes) {
        for (const Result& result : results) sum += result.extent % rows == 0 ? result.bytes : 0;
        most = std::max(most, sum);
      }
      if (most < kFewestBytes && !always_) break;
      std::int64_t chosen = 0;
      for (const auto& [rows, sum] : bytes) {
        if (sum >= 0.8 * most) chosen = rows;
      }
      groups_.row_counts.push_back(chosen);
      std::erase_if(results, [&](const Result& result) { return result.extent % chosen == 0; });
    }
  }

  /// The phase of step s in `group` (-1 for none), cut this way.
  std::int64_t phase_of(const PlanStep& step, int group, const Cut& cut) const {
    std::int64_t phase = 0;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const PlanStep::Operand& input = step.inputs[i];
      const Made& made = groups_.made[input.place.storage];
      if (made.step < 0) continue;
      const bool inside = group >= 0 && groups_.group[made.step] == group &&
                          reads_rows(input, cut.axes[i], cut.width, made.row_elements);
      phase = std::max(phase, groups_.phase[made.step] + (groups_.group[made.step] >= 0 && !inside ? 1 : 0));
    }
    return phase;
  }

  /// Whether a kept result may lie in the memory of a leaf that nobody can reach afterwards, as an optimiser's moments
  /// do: whole steps do that, regions do not.
  bool updates_in_place(const PlanStep& step) const {
    if (step.kind != Kind::fused) return false;
    for (std::size_t o = 0; o < step.store_count; ++o) {
      if (!groups_.outlives[step.outputs[o].place.storage]) continue;
      for (const PlanStep::Operand& input : step.inputs) {
        if (expendable_[input.place.storage] && input.shape == step.outputs[o].shape &&
            input.dtype == step.outputs[o].dtype) {
          return true;
        }
      }
    }
    return false;
  }

  /// Puts step s into the first group that it can be cut for, where it waits least.
  void put(std::size_t s) {
    const PlanStep& step = plan_.steps[s];
    groups_.phase[s] = phase_of(step, -1, {});
    for (std::size_t g = 0; g < groups_.row_counts.size() && groups_.group[s] < 0 && !updates_in_place(step); ++g) {
      for (Cut& cut : possible_cuts(step, groups_.row_counts[g])) {
        const std::int64_t phase = phase_of(step, static_cast<int>(g), cut);
        if (groups_.group[s] >= 0 && phase >= groups_.phase[s]) continue;
        groups_.group[s] = static_cast<int>(g);
        groups_.phase[s] = phase;
        groups_.cuts[s] = std::move(cut);
      }
    }
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const PlanStep::Operand& output = step.outputs[o];
      Made& made = groups_.made[output.place.storage];
      made = {static_cast<std::int64_t>(s), 0};
      if (groups_.group[s] >= 0 && groups_.cuts[s].axes[step.inputs.size() + o] >= 0) {
        made.row_elements = element_count(output.shape) / groups_.row_counts[groups_.group[s]];
      }
    }
  }

  void find_readers() {
    groups_.readers.resize(groups_.made.size());
    groups_.outlives.assign(groups_.made.size(), false);
    for (std::size_t s = 0; s < count_; ++s) {
      for (const PlanStep::Operand& input : plan_.steps[s].inputs) groups_.readers[input.place.storage].push_back(s);
    }
    for (const Plan::Kept& kept : plan_.kept) groups_.outlives[kept.place.storage] = true;
  }

  const Plan& plan_;
  const std::size_t count_;
  const std::vector<bool>& expendable_;
  const bool always_;
  StepGroups groups_;
};

}  // namespace

StepGroups group_steps(const Plan& plan, const std::vector<bool>& expendable, bool always) {
  return Grouper(plan, expendable, always).run();
}

}  // namespace sg

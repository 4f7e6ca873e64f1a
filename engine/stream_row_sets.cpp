// Row sets: which steps of a plan share a number of rows, and in which phase each of them can run.
#include "engine/stream_row_sets.h"

#include <algorithm>
#include <map>
#include <utility>

namespace sg {
namespace {

constexpr std::int64_t kFewestRows = 32;           // a leading axis that is worth cutting: blocks for eight threads
constexpr std::int64_t kFewestBytes = 256 * 1024;  // of results with one number of rows
constexpr int kMostSets = 3;                       // numbers of rows that are looked for

using Kind = PlanStep::Kind;

class Finder {
 public:
  Finder(const Plan& plan, const std::vector<bool>& expendable, bool always)
      : plan_(plan), count_(plan.steps.size()), expendable_(expendable), always_(always) {}

  RowSets run() {
    find_row_counts();
    if (row_sets_.row_counts.empty()) return std::move(row_sets_);
    row_sets_.set_of.assign(count_, -1);
    row_sets_.phase.assign(count_, 0);
    row_sets_.cuts.resize(count_);
    row_sets_.made.resize(plan_.storage_bytes.size());
    find_readers();
    for (std::size_t s = 0; s < count_; ++s) put(s);
    return std::move(row_sets_);
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
    while (!results.empty() && row_sets_.row_counts.size() < kMostSets) {
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
      row_sets_.row_counts.push_back(chosen);
      std::erase_if(results, [&](const Result& result) { return result.extent % chosen == 0; });
    }
  }

  /// The phase of step s in row set `set` (-1 for none), cut this way.
  std::int64_t phase_of(const PlanStep& step, int set, const Cut& cut) const {
    std::int64_t phase = 0;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const PlanStep::Operand& input = step.inputs[i];
      const Made& made = row_sets_.made[input.place.storage];
      if (made.step < 0) continue;
      const bool inside = set >= 0 && row_sets_.set_of[made.step] == set &&
                          reads_rows(input, cut.axes[i], cut.width, made.row_elements);
      phase = std::max(phase, row_sets_.phase[made.step] + (row_sets_.set_of[made.step] >= 0 && !inside ? 1 : 0));
    }
    return phase;
  }

  /// Whether a kept result may lie in the memory of a leaf that nobody can reach afterwards, as an optimiser's moments
  /// do: whole steps do that, regions do not.
  bool updates_in_place(const PlanStep& step) const {
    if (step.kind != Kind::fused) return false;
    for (std::size_t o = 0; o < step.store_count; ++o) {
      if (!row_sets_.outlives[step.outputs[o].place.storage]) continue;
      for (const PlanStep::Operand& input : step.inputs) {
        if (expendable_[input.place.storage] && input.shape == step.outputs[o].shape &&
            input.dtype == step.outputs[o].dtype) {
          return true;
        }
      }
    }
    return false;
  }

  /// Puts step s into the first row set that it can be cut for, where it waits least.
  void put(std::size_t s) {
    const PlanStep& step = plan_.steps[s];
    row_sets_.phase[s] = phase_of(step, -1, {});
    for (std::size_t set = 0; set < row_sets_.row_counts.size() && row_sets_.set_of[s] < 0 && !updates_in_place(step);
         ++set) {
      for (Cut& cut : possible_cuts(step, row_sets_.row_counts[set])) {
        const std::int64_t phase = phase_of(step, static_cast<int>(set), cut);
        if (row_sets_.set_of[s] >= 0 && phase >= row_sets_.phase[s]) continue;
        row_sets_.set_of[s] = static_cast<int>(set);
        row_sets_.phase[s] = phase;
        row_sets_.cuts[s] = std::move(cut);
      }
    }
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const PlanStep::Operand& output = step.outputs[o];
      Made& made = row_sets_.made[output.place.storage];
      made = {static_cast<std::int64_t>(s), 0};
      if (row_sets_.set_of[s] >= 0 && row_sets_.cuts[s].axes[step.inputs.size() + o] >= 0) {
        made.row_elements = element_count(output.shape) / row_sets_.row_counts[row_sets_.set_of[s]];
      }
    }
  }

  void find_readers() {
    row_sets_.readers.resize(row_sets_.made.size());
    row_sets_.outlives.assign(row_sets_.made.size(), false);
    for (std::size_t s = 0; s < count_; ++s) {
      for (const PlanStep::Operand& input : plan_.steps[s].inputs) row_sets_.readers[input.place.storage].push_back(s);
    }
    for (const Plan::Kept& kept : plan_.kept) row_sets_.outlives[kept.place.storage] = true;
  }

  const Plan& plan_;
  const std::size_t count_;
  const std::vector<bool>& expendable_;
  const bool always_;
  RowSets row_sets_;
};

}  // namespace

RowSets find_row_sets(const Plan& plan, const std::vector<bool>& expendable, bool always) {
  return Finder(plan, expendable, always).run();
}

}  // namespace sg

// Together: fused steps in a row that do not depend on each other run at once.
#include "engine/together.h"

#include <set>

namespace sg {
namespace {

constexpr std::int64_t kMostNewBytes = 4 << 20;  // that are taken before any step of the run gives some back

/// A run of steps that is being made longer.
class Run {
 public:
  explicit Run(const Plan& plan) : plan_(plan) {}

  /// Adds the step unless it depends on one that is in the run.
  bool add(const PlanStep& step) {
    if (step.kind != PlanStep::Kind::fused || !step.tile->runs_together()) return false;
    std::int64_t new_bytes = 0;
    for (const PlanStep::Operand& input : step.inputs) {
      if (writes_.count(input.place.storage)) return false;
    }
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const std::int64_t storage = step.outputs[o].place.storage, taken = step.takes_over[o];
      if (writes_.count(storage) || reads_.count(storage) || (taken >= 0 && reads_.count(taken))) return false;
      if (taken < 0) new_bytes += plan_.storage_bytes[storage];
    }
    if (new_bytes_ > 0 && new_bytes_ + new_bytes > kMostNewBytes) return false;
    new_bytes_ += new_bytes;
    for (const PlanStep::Operand& input : step.inputs) reads_.insert(input.place.storage);
    for (const PlanStep::Operand& output : step.outputs) writes_.insert(output.place.storage);
    return true;
  }

 private:
  const Plan& plan_;
  std::set<std::int64_t> reads_, writes_;
  std::int64_t new_bytes_ = 0;
};

}  // namespace

void find_together(Plan& plan) {
  for (std::size_t s = 0; s < plan.steps.size();) {
    Run run(plan);
    std::size_t end = s;
    while (end < plan.steps.size() && run.add(plan.steps[end])) ++end;
    if (end > s + 1) plan.steps[s].together = end - s;
    s = std::max(end, s + 1);
  }
}

}  // namespace sg

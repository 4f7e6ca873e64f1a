// Recomputing: where memory is limited, a step runs again for its late readers instead of keeping its result.
//
// The step at which most bytes live is looked at: of the tensors that live over it without being used by it, the one
// that saves most for its cost is made again right before its next reader, by a second copy of the step that made it
// (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 12, call it checkpointing with the plan's steps as
// units). This goes on until the plan fits, or until nothing helps.
#include "engine/recompute.h"

#include <algorithm>
#include <optional>

#include "engine/context.h"

namespace sg {
namespace {

constexpr std::int64_t kFewestBytes = 16 * 1024;  // that are worth a second run of a step
constexpr double kFlopSeconds = 1e-11, kByteSeconds = 1e-10, kCallSeconds = 1e-6;  // about, of a step

class Recomputer {
 public:
  Recomputer(Plan& plan, std::int64_t limit) : plan_(plan), limit_(limit) {}

  void run() {
    // Each round adds a step; a plan of n steps is not made more than twice as long.
    for (std::size_t round = plan_.steps.size(); round > 0; --round) {
      find_lives();
      const std::int64_t peak = find_peak();
      if (bytes_at_[peak] <= limit_) return;
      const auto chosen = choose(peak);
      if (!chosen) return;
      repeat(*chosen);
    }
  }

 private:
  struct Life {
    std::int64_t maker = -1;         // the step that writes it; -1 for a leaf
    std::vector<std::int64_t> uses;  // the steps that read it
    bool outlives = false;           // somebody may ask for it afterwards
    std::int64_t begin = 0, end = 0;
  };

  void find_lives() {
    const auto steps = static_cast<std::int64_t>(plan_.steps.size());
    lives_.assign(plan_.storage_bytes.size(), {});
    for (std::int64_t s = 0; s < steps; ++s) {
      for (const PlanStep::Operand& input : plan_.steps[s].inputs) lives_[input.place.storage].uses.push_back(s);
      for (const PlanStep::Operand& output : plan_.steps[s].outputs) lives_[output.place.storage].maker = s;
    }
    for (const Plan::Kept& kept : plan_.kept) lives_[kept.place.storage].outlives = true;
    bytes_at_.assign(plan_.steps.size(), 0);
    for (std::size_t storage = 0; storage < lives_.size(); ++storage) {
      Life& life = lives_[storage];
      const bool is_leaf = life.maker < 0;
      if (is_leaf && life.uses.empty()) continue;  // of a region's blocks
      life.begin = is_leaf ? 0 : life.maker;
      life.end = is_leaf || life.outlives ? steps - 1 : life.uses.empty() ? life.maker : life.uses.back();
      for (std::int64_t s = life.begin; s <= life.end; ++s) bytes_at_[s] += plan_.storage_bytes[storage];
    }
  }

  std::int64_t find_peak() const { return std::max_element(bytes_at_.begin(), bytes_at_.end()) - bytes_at_.begin(); }

  struct Choice {
    std::int64_t storage, before;  // the step before which it is made again
  };

  std::optional<Choice> choose(std::int64_t peak) const {
    std::optional<Choice> best;
    double best_rate = 0;
    for (std::size_t storage = 0; storage < lives_.size(); ++storage) {
      const Life& life = lives_[storage];
      if (life.maker < 0 || life.outlives || life.begin >= peak || life.end <= peak) continue;
      if (plan_.storage_bytes[storage] < kFewestBytes) continue;
      const auto next = std::lower_bound(life.uses.begin(), life.uses.end(), peak);
      if (next == life.uses.end() || *next == peak) continue;
      const PlanStep& maker = plan_.steps[life.maker];
      if (maker.kind == PlanStep::Kind::region) continue;
      const std::int64_t saved = plan_.storage_bytes[storage] - needed_longer(maker, peak, *next);
      if (saved < kFewestBytes) continue;
      const double rate =
          static_cast<double>(saved) / (kCallSeconds + kFlopSeconds * maker.flops + kByteSeconds * maker.bytes);
      if (rate > best_rate) {
        best_rate = rate;
        best = Choice{static_cast<std::int64_t>(storage), *next};
      }
    }
    return best;
  }

  /// The bytes of the step's operands that would have to live over the peak for the second run, and do not now.
  std::int64_t needed_longer(const PlanStep& step, std::int64_t peak, std::int64_t until) const {
    std::int64_t bytes = 0;
    std::vector<std::int64_t> seen;
    for (const PlanStep::Operand& input : step.inputs) {
      const std::int64_t storage = input.place.storage;
      if (std::find(seen.begin(), seen.end(), storage) != seen.end()) continue;
      seen.push_back(storage);
      if (lives_[storage].end < std::min(peak, until)) bytes += plan_.storage_bytes[storage];
    }
    return bytes;
  }

  void repeat(const Choice& choice) {
    PlanStep again = plan_.steps[lives_[choice.storage].maker];
    for (PlanStep::Operand& output : again.outputs) {
      const std::int64_t storage = output.place.storage;
      const auto copy = static_cast<std::int64_t>(plan_.storage_bytes.size());
      plan_.storage_bytes.push_back(plan_.storage_bytes[storage]);
      output.place.storage = copy;
      if (storage != choice.storage) continue;
      for (std::size_t s = choice.before; s < plan_.steps.size(); ++s) {
        for (PlanStep::Operand& input : plan_.steps[s].inputs) {
          if (input.place.storage == storage) input.place.storage = copy;
        }
      }
    }
    plan_.steps.insert(plan_.steps.begin() + choice.before, std::move(again));
  }

  Plan& plan_;
  const std::int64_t limit_;
  std::vector<Life> lives_;             // of each storage
  std::vector<std::int64_t> bytes_at_;  // while each step runs
};

}  // namespace

void set_memory_limit(std::int64_t bytes) {
  if (bytes < 0) fail("set_memory_limit: a negative number of bytes: {}", bytes);
  context().memory_limit = bytes;
}
std::int64_t memory_limit() { return context().memory_limit; }

void recompute(Plan& plan, std::int64_t limit) {
  if (!plan.steps.empty()) Recomputer(plan, limit).run();
}

}  // namespace sg

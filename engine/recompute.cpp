// Recomputing: where memory is limited, a step runs again for its late readers instead of keeping its result.
//
// The step at which most bytes live is looked at: of the tensors that live over it without being used by it, the one
// that saves most for its cost is made again right before its next reader, by a second copy of the step that made it
// (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 12, call it checkpointing with the plan's steps as
// units). This goes on until the plan fits, or until nothing helps.
#include "engine/recompute.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>

#include "engine/context.h"

namespace sg {
namespace {

constexpr std::int64_t kFewestBytes = 16 * 1024;  // that are worth a second run of a step
constexpr std::size_t kLongestChain = 16;         // steps that run again for one tensor
constexpr double kFlopSeconds = 1e-11, kByteSeconds = 1e-10, kCallSeconds = 1e-6;  // about, of a step

class Recomputer {
 public:
  Recomputer(Plan& plan, std::int64_t limit) : plan_(plan), limit_(limit) {}

  void run() {
    // Each round takes one tensor from over the peak. More work than twice the step's is never worth it.
    const std::size_t most_steps = 2 * plan_.steps.size();
    while (plan_.steps.size() < most_steps) {
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

  /// A tensor that is made again right before a step, and the tensors that are made again for it, in their order.
  struct Choice {
    std::int64_t before = 0;
    std::vector<std::int64_t> storages;  // the last one is what is wanted
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
      Choice choice{*next, {}};
      double seconds = 0;
      if (!collect(static_cast<std::int64_t>(storage), kLongestChain, choice, seconds)) continue;
      const double rate = static_cast<double>(plan_.storage_bytes[storage]) / seconds;
      if (rate > best_rate) {
        best_rate = rate;
        best = std::move(choice);
      }
    }
    return best;
  }

  /// Adds what has to be made again for `storage`, itself last: operands that are gone by then come first. False where
  /// that is too long a story.
  bool collect(std::int64_t storage, std::size_t depth, Choice& choice, double& seconds) const {
    if (depth == 0 || lives_[storage].maker < 0) return false;  // of a region's blocks, or an input that is overwritten
    const PlanStep& maker = plan_.steps[lives_[storage].maker];
    if (maker.kind == PlanStep::Kind::region) return false;
    for (const PlanStep::Operand& input : maker.inputs) {
      const std::int64_t from = input.place.storage;
      const auto& there = choice.storages;
      if (lives_[from].end >= choice.before || std::find(there.begin(), there.end(), from) != there.end()) continue;
      if (!collect(from, depth - 1, choice, seconds)) return false;
    }
    if (choice.storages.size() >= kLongestChain) return false;
    choice.storages.push_back(storage);
    seconds += kCallSeconds + kFlopSeconds * maker.flops + kByteSeconds * maker.bytes;
    return true;
  }

  void repeat(const Choice& choice) {
    std::vector<PlanStep> again;
    std::map<std::int64_t, std::int64_t> copies;
    for (const std::int64_t storage : choice.storages) {
      if (copies.count(storage)) continue;  // another output of a step that is repeated already
      PlanStep step = plan_.steps[lives_[storage].maker];
      for (PlanStep::Operand& input : step.inputs) {
        if (const auto found = copies.find(input.place.storage); found != copies.end()) {
          input.place.storage = found->second;
        }
      }
      for (PlanStep::Operand& output : step.outputs) {
        const auto copy = static_cast<std::int64_t>(plan_.storage_bytes.size());
        plan_.storage_bytes.push_back(plan_.storage_bytes[output.place.storage]);
        copies[output.place.storage] = copy;
        output.place.storage = copy;
      }
      again.push_back(std::move(step));
    }
    const std::int64_t wanted = choice.storages.back();
    for (std::size_t s = choice.before; s < plan_.steps.size(); ++s) {
      for (PlanStep::Operand& input : plan_.steps[s].inputs) {
        if (input.place.storage == wanted) input.place.storage = copies.at(wanted);
      }
    }
    plan_.steps.insert(plan_.steps.begin() + choice.before, std::make_move_iterator(again.begin()),
                       std::make_move_iterator(again.end()));
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

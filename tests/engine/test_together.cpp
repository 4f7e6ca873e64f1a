// Fused steps that run together: the same values as one after the other, and none that depends on another.
#include "engine/together.h"

#include <catch2/catch_test_macros.hpp>

#include "engine/ops.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;

namespace {

PlanStep fused(std::vector<std::int64_t> reads, std::vector<std::int64_t> writes,
               std::vector<std::int64_t> takes_over = {}) {
  kernels::TileProgram program;
  program.value_count = 1;
  PlanStep step;
  for (std::int64_t storage : reads) {
    step.inputs.push_back({{storage, {{1}, 0}}, {64}, f32});
    program.loads.push_back({0, f32, {1}});
  }
  for (std::int64_t storage : writes) {
    step.outputs.push_back({{storage, {{1}, 0}}, {64}, f32});
    program.stores.push_back({0, f32, {1}});
  }
  step.store_count = writes.size();
  step.takes_over = takes_over.empty() ? std::vector<std::int64_t>(writes.size(), -1) : std::move(takes_over);
  const std::int64_t shape[] = {64};
  step.tile = std::make_shared<const kernels::CompiledTile>(program, shape);
  return step;
}

/// For each run of steps, how many it has.
std::vector<std::size_t> runs_of(std::vector<PlanStep> steps) {
  Plan plan;
  plan.storage_bytes.assign(20, 256);
  plan.steps = std::move(steps);
  find_together(plan);
  std::vector<std::size_t> runs;
  for (std::size_t s = 0; s < plan.steps.size(); s += plan.steps[s].together) runs.push_back(plan.steps[s].together);
  return runs;
}

}  // namespace

TEST_CASE("steps run together until one depends on another", "[together]") {
  using Runs = std::vector<std::size_t>;
  CHECK(runs_of({fused({0}, {10}), fused({1}, {11}), fused({0}, {12})}) == Runs{3});
  CHECK(runs_of({fused({0}, {10}), fused({10}, {11}), fused({1}, {12})}) == Runs{1, 2});
  // The second would write over what the first reads, or lie in its memory.
  CHECK(runs_of({fused({0}, {10}), fused({1}, {0})}) == Runs{1, 1});
  CHECK(runs_of({fused({0}, {10}), fused({0}, {11}, {0})}) == Runs{1, 1});
  CHECK(runs_of({fused({0}, {10}), fused({1}, {11}, {1})}) == Runs{2});
  PlanStep copy;
  copy.kind = PlanStep::Kind::copy;
  CHECK(runs_of({fused({0}, {10}), copy, fused({1}, {11})}) == Runs{1, 1, 1});
}

TEST_CASE("many updates of tensors of all sizes are right when they run together", "[together]") {
  std::mt19937_64 random(4);
  Tensors values, steps, together;
  for (const std::int64_t size : {1, 7, 64, 4096, 100'000, 3, 250'000, 64, 1000}) {
    values.push_back(uniform(random, {size}, -1, 1, f32));
    steps.push_back(uniform(random, {size}, -1, 1, f32));
  }
  const auto update = [&](std::size_t i) { return values[i] * 0.5 - square(steps[i]) / (sqrt(abs(values[i])) + 0.5); };
  for (std::size_t i = 0; i < values.size(); ++i) together.push_back(update(i));
  eval(together);
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(difference(together[i], update(i)) == 0);
}

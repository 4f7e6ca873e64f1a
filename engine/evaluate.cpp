// Evaluation: finds or makes the plan of a graph, and runs it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/kernels/copy.h"
#include "engine/node.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "engine/recompute.h"
#include "engine/region.h"
#include "engine/stream.h"
#include "engine/walk.h"

namespace sg {
namespace {

constexpr std::size_t kPlanCacheSize = 256;

/// The form of a graph: equal keys have equal plans.
using Key = std::vector<std::int64_t>;

struct KeyHash {
  /// Four chains of products side by side: one alone would wait for each of them.
  std::size_t operator()(const Key& key) const {
    std::uint64_t chains[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, key.size()};
    const auto mix = [](std::uint64_t& chain, std::uint64_t word) {
      chain = (chain ^ word) * 0xff51afd7ed558ccdu;
      chain ^= chain >> 32;
    };
    for (std::size_t i = 0; i < key.size(); ++i) mix(chains[i % 4], static_cast<std::uint64_t>(key[i]));
    for (std::size_t k = 1; k < 4; ++k) mix(chains[0], chains[k]);
    return chains[0];
  }
};

}  // namespace

struct PlanCache {
  std::unordered_map<Key, Plan, KeyHash> plans;
  Key key;  // of the graph at hand: its memory serves the next one
  EvaluationStatistics last;
};

namespace {

PlanCache& plan_cache() {
  auto& kept = context().plans;
  if (!kept) kept = std::make_shared<PlanCache>();
  return *kept;
}

void add_shape(Key& key, const Shape& shape) {
  key.push_back(static_cast<std::int64_t>(shape.size()));
  key.insert(key.end(), shape.begin(), shape.end());
}

void write_key(const PlanInput& input, bool fuse, Key& key) {
  key.clear();
  key.push_back(fuse | static_cast<std::int64_t>(streaming()) << 1);
  key.push_back(memory_limit());
  for (std::size_t i = 0; i < input.nodes.size(); ++i) {
    const Node& node = *input.nodes[i];
    const PlanInput::Facts& facts = input.facts[i];
    key.push_back(static_cast<std::int64_t>(node.dtype) | facts.kept << 4 | facts.welcome << 5 | facts.expendable << 6);
    add_shape(key, node.shape);
    if (facts.value) {
      key.push_back(-1);
      key.insert(key.end(), facts.value->layout.strides.begin(), facts.value->layout.strides.end());
      continue;
    }
    key.push_back(reinterpret_cast<std::intptr_t>(node.primitive()->class_identity()));
    const Attributes& attributes = node.primitive()->attributes();
    key.push_back(static_cast<std::int64_t>(attributes.size()));
    key.insert(key.end(), attributes.begin(), attributes.end());
    const auto inputs = input.inputs[i];
    key.push_back(static_cast<std::int64_t>(inputs.size()));
    key.insert(key.end(), inputs.begin(), inputs.end());
  }
}

/// What is worked out of each node on the way to its facts.
struct Readers {
  std::int64_t count = 0;   // in this graph
  bool derivative = false;  // one of them comes from a derivative
  bool reachable = false;   // one of them can be reached afterwards
};

/// Reads each value once: another thread may compute a constant that both have, meanwhile.
std::vector<Readers> find_inputs(const Walk& walk, PlanInput& input) {
  const std::size_t count = input.nodes.size();
  std::vector<Readers> readers(count);
  input.facts.resize(count);
  input.inputs.reserve(count, 2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = *input.nodes[i];
    input.facts[i].value = node.value();
    if (!input.facts[i].value) {
      for (const Tensor& tensor : node.inputs()) {
        const std::int64_t from = walk.index_of(tensor.node());
        input.inputs.add(from);
        ++readers[from].count;
      }
    }
    input.inputs.close();
  }
  return readers;
}

/// Finds which values outlive the run.
void find_kept(const Tensors& roots, const Walk& walk, std::vector<Readers>& readers, PlanInput& input) {
  for (std::size_t i = input.nodes.size(); i-- > 0;) {
    const Node& node = *input.nodes[i];
    PlanInput::Facts& facts = input.facts[i];
    if (facts.value) continue;
    // Somebody outside this graph holds the node, and may ask for its value.
    facts.kept = node.references.load(std::memory_order_acquire) > readers[i].count;
    // A derivative will want the values of a forward pass. What comes from a derivative, or is read by one that is
    // computed here as well, is let go after its last reader, as an eager engine would.
    const bool derivative = node.from_derivative || readers[i].derivative;
    facts.welcome = !derivative && !node.without_history;
    if (!derivative) continue;
    for (std::int64_t from : input.inputs[i]) readers[from].derivative = true;
  }
  for (const Tensor& root : roots) {
    PlanInput::Facts& facts = input.facts[walk.index_of(root.node())];
    facts.kept = !facts.value;
  }
}

/// Finds the leaves that are gone once the graph has been computed, such as an optimiser's moments of the step before.
void find_expendable(std::vector<Readers>& readers, PlanInput& input) {
  for (std::size_t i = input.nodes.size(); i-- > 0;) {
    const Node& node = *input.nodes[i];
    PlanInput::Facts& facts = input.facts[i];
    const bool reachable = readers[i].reachable || node.references.load(std::memory_order_acquire) > readers[i].count;
    if (facts.value) {
      if (reachable) continue;
      const Value& value = *facts.value;
      const auto bytes = static_cast<std::size_t>(element_count(node.shape) * size_of(node.dtype));
      facts.expendable =
          value.buffer.use_count() == 1 && value.buffer->bytes() == bytes && is_contiguous(node.shape, value.layout);
      // Counting up and down waits for what another thread, which gave its share up, has read.
      if (facts.expendable) std::shared_ptr<Buffer>(value.buffer).reset();
    } else if (reachable && !(facts.kept && node.without_history)) {
      for (std::int64_t from : input.inputs[i]) readers[from].reachable = true;
    }
  }
}

PlanInput plan_input(const Tensors& roots, const std::vector<const Tensor*>& given_up = {}) {
  Walk walk(
      roots, [](const Node&) { return false; }, [](const Node& node) { return !node.value(); });
  PlanInput input;
  input.nodes = walk.take_nodes();
  std::vector<Readers> readers = find_inputs(walk, input);
  find_kept(roots, walk, readers, input);
  for (const Tensor* leaf : given_up) {
    const std::int64_t index = leaf->defined() ? walk.index_of(leaf->node()) : -1;
    if (index >= 0 && input.facts[index].value) ++readers[index].count;
  }
  find_expendable(readers, input);
  return input;
}

bool has_non_finite(const void* data, std::int64_t count, Dtype dtype) {
  const auto scan = [&](auto zero) {
    const auto* values = static_cast<const decltype(zero)*>(data);
    return std::any_of(values, values + count, [](auto v) { return !std::isfinite(v); });
  };
  return dtype == f32 ? scan(float{}) : dtype == f64 && scan(double{});
}

/// One run of a plan.
class Run {
 public:
  Run(const Plan& plan, const PlanInput& input) : plan_(plan), input_(input), storages_(plan.storage_bytes.size()) {
    for (std::size_t i = 0; i < plan.leaves.size(); ++i) {
      const Value& value = *input.facts[plan.leaves[i]].value;
      storages_[i] = {value.buffer, value.layout.offset};
    }
  }

  void run(bool check) {
    for (std::size_t s = 0; s < plan_.steps.size();) {
      const std::span<const PlanStep> steps{&plan_.steps[s], plan_.steps[s].together};
      for (const PlanStep& step : steps) prepare_outputs(step);
      if (profile::enabled() && steps[0].kind != PlanStep::Kind::region) {
        run_timed(steps);
      } else {
        run_steps(steps);
      }
      if (check) check_outputs(steps[0]);
      for (const PlanStep& step : steps) {
        for (std::int64_t storage : step.releases) storages_[storage].buffer = nullptr;
      }
      s += steps.size();
    }
    for (const Plan::Kept& kept : plan_.kept) {
      Node& node = *input_.nodes[kept.node];
      Layout layout = kept.place.layout;
      const Storage& storage = storages_[kept.place.storage];
      layout.offset += storage.offset;
      node.set_value({storage.buffer, layout});
    }
    for (const Plan::Kept& kept : plan_.kept) {
      Node& node = *input_.nodes[kept.node];
      if (node.without_history && !node.inputs().empty()) node.forget_history();
    }
  }

 private:
  void* address(const PlanStep::Operand& operand) const {
    const Storage& storage = storages_[operand.place.storage];
    return static_cast<char*>(storage.buffer->data()) +
           (operand.place.layout.offset + storage.offset) * size_of(operand.dtype);
  }

  void prepare_outputs(const PlanStep& step) {
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const std::int64_t number = step.outputs[o].place.storage;
      std::shared_ptr<Buffer>& buffer = storages_[number].buffer;
      if (buffer) continue;
      const std::int64_t from = step.takes_over[o];
      buffer = from >= 0 ? storages_[from].buffer : std::make_shared<Buffer>(plan_.storage_bytes[number]);
    }
  }

  /// A run of steps together is one row of the profile, under its first step's label.
  void run_timed(std::span<const PlanStep> steps) {
    double flops = 0, bytes = 0;
    for (const PlanStep& step : steps) {
      flops += step.flops;
      bytes += step.bytes;
    }
    const profile::Timer timer(steps[0].label, flops, bytes);
    run_steps(steps);
  }

  void run_steps(std::span<const PlanStep> steps) {
    if (steps.size() == 1) return run_step(steps[0]);
    std::vector<void*> addresses;
    for (const PlanStep& step : steps) {
      for (const auto* operands : {&step.inputs, &step.outputs}) {
        for (const PlanStep::Operand& operand : *operands) addresses.push_back(address(operand));
      }
    }
    std::vector<kernels::TileRun> runs;
    void* const* next = addresses.data();
    for (const PlanStep& step : steps) {
      void* const* const stores = next + step.inputs.size();
      runs.push_back({step.tile.get(), next, stores, stores + step.store_count});
      next = stores + step.outputs.size();
    }
    kernels::run_together(runs);
  }

  void run_step(const PlanStep& step) {
    switch (step.kind) {
      case PlanStep::Kind::fused: {
        addresses_.clear();
        addresses_.reserve(step.inputs.size() + step.outputs.size());
        for (const PlanStep::Operand& operand : step.inputs) addresses_.push_back(address(operand));
        for (const PlanStep::Operand& operand : step.outputs) addresses_.push_back(address(operand));
        void* const* const stores = addresses_.data() + step.inputs.size();
        step.tile->run(addresses_.data(), stores, stores + step.store_count);
        break;
      }
      case PlanStep::Kind::copy: {
        const PlanStep::Operand& from = step.inputs[0];
        kernels::copy_strided(address(step.outputs[0]), address(from), {from.shape.data(), from.shape.size()},
                              {from.place.layout.strides.data(), from.shape.size()},
                              static_cast<int>(size_of(from.dtype)));
        break;
      }
      case PlanStep::Kind::region: {
        bases_.clear();
        for (const PlanStep::Operand& operand : step.inputs) bases_.push_back(static_cast<char*>(address(operand)));
        for (const PlanStep::Operand& operand : step.outputs) bases_.push_back(static_cast<char*>(address(operand)));
        run_region(*step.region, bases_);
        break;
      }
      case PlanStep::Kind::primitive: {
        spans_.clear();
        for (const PlanStep::Operand& operand : step.inputs) {
          spans_.push_back({address(operand), &operand.shape, &operand.place.layout.strides, operand.dtype});
        }
        const PlanStep::Operand& to = step.outputs[0];
        step.primitive->run(spans_, {address(to), &to.shape, &to.place.layout.strides, to.dtype});
        break;
      }
    }
  }

  /// Under check_finite nothing is fused, so that the step is the primitive.
  void check_outputs(const PlanStep& step) const {
    const PlanStep::Operand& output = step.outputs[0];
    const std::int64_t count = element_count(output.shape);
    if (!has_non_finite(address(output), count, output.dtype)) return;
    std::string name;
    for (const Node* node : input_.nodes) {
      if (node->notes && !node->value() && !node->notes->name.empty()) name = node->notes->name;
      if (node->primitive() && !node->value() && node->primitive()->name() == step.label &&
          node->shape == output.shape && !name.empty()) {
        break;
      }
    }
    fail("check_finite: {} made a value that is not finite, of shape {}{}", step.label, output.shape,
         name.empty() ? "" : fmt::format(", near \"{}\"", name));
  }

  const Plan& plan_;
  const PlanInput& input_;
  struct Storage {
    std::shared_ptr<Buffer> buffer;
    std::int64_t offset = 0;  // of a leaf's elements
  };
  std::vector<Storage> storages_;
  std::vector<void*> addresses_;
  std::vector<Span> spans_;
  std::vector<char*> bases_;
};

/// Forgets the companions that are computed, or that nobody else holds.
void drop_finished_companions() {
  auto& companions = context().companions;
  const auto finished = [](const auto& companion) {
    const Node& node = *companion.first.node();
    return node.value() || node.references.load(std::memory_order_acquire) == 1;
  };
  const auto first =
      std::stable_partition(companions.begin(), companions.end(), [&](const auto& c) { return !finished(c); });
  // Destroyed outside of the list, which a destructor must find whole.
  const std::vector<std::pair<Tensor, const Node*>> dropped(std::make_move_iterator(first),
                                                            std::make_move_iterator(companions.end()));
  companions.erase(first, companions.end());
}

/// After an evaluation that threw: nobody tries again to compute the companions that it had to compute.
void abandon_companions(const std::vector<Node*>& nodes) {
  auto& companions = context().companions;
  const auto had_to_be_computed = [&](const auto& companion) {
    return std::find(nodes.begin(), nodes.end(), companion.first.node()) != nodes.end();
  };
  for (const auto& companion : companions) {
    if (had_to_be_computed(companion)) notes_of(*companion.first.node()).abandoned = true;
  }
  const std::vector<std::pair<Tensor, const Node*>> held = companions;  // a destructor must find the list whole
  std::erase_if(companions, had_to_be_computed);
}

/// Adds the companions of what is to be computed for the roots.
void add_companions(Tensors& roots) {
  if (context().companions.empty()) return;
  drop_finished_companions();
  const auto needs_inputs = [](const Node& node) { return !node.value(); };
  const Walk walk(
      roots, [](const Node&) { return false; }, needs_inputs);
  for (const auto& [update, of] : context().companions) {
    if (!of->value() && walk.index_of(of) >= 0) roots.push_back(update);
  }
}

}  // namespace

FreshPlans::FreshPlans() : previous_(std::exchange(context().reusing_plans, false)) {}
FreshPlans::~FreshPlans() { context().reusing_plans = previous_; }

const EvaluationStatistics& last_evaluation() { return plan_cache().last; }

void compute_along(const Tensor& update, const Tensor& of) {
  if (!update.defined() || !of.defined()) fail("compute_along: a tensor is undefined");
  if (update.node()->value()) return;
  drop_finished_companions();
  // While the update is not computed it holds what it is made of, so that the plain pointer stays good.
  context().companions.emplace_back(update, of.node());
}

bool is_abandoned(const Tensor& update) { return update.node()->notes && update.node()->notes->abandoned; }

static Tensors without_values(std::string_view operation, const Tensors& tensors) {
  Tensors roots;
  for (const Tensor& tensor : tensors) {
    if (!tensor.defined()) fail("{}: a tensor is undefined", operation);
    if (!tensor.node()->value()) roots.push_back(tensor);
  }
  return roots;
}

std::string print_plan(const Tensors& tensors) {
  const Tensors roots = without_values("print_plan", tensors);
  return roots.empty() ? std::string() : to_string(make_plan(plan_input(roots), !checking_finite()));
}

std::string print_tile_programs(const Tensors& tensors) {
  const Tensors roots = without_values("print_tile_programs", tensors);
  return roots.empty() ? std::string() : tile_programs(make_plan(plan_input(roots), !checking_finite()));
}

/// The plan of a graph of this form that this thread has kept, made now where there is none.
static std::pair<const Plan&, bool> kept_plan(const PlanInput& input, bool fuse) {
  PlanCache& cache = plan_cache();
  write_key(input, fuse, cache.key);
  if (const auto found = cache.plans.find(cache.key); found != cache.plans.end()) return {found->second, true};
  Plan plan = make_plan(input, fuse);
  if (cache.plans.size() >= kPlanCacheSize) cache.plans.clear();
  return {cache.plans.emplace(cache.key, std::move(plan)).first->second, false};
}

void eval(const Tensors& tensors) { eval(tensors, {}); }

void eval(const Tensors& tensors, const std::vector<const Tensor*>& given_up) {
  Tensors roots = without_values("eval", tensors);
  if (roots.empty()) return;
  add_companions(roots);
  const bool check = checking_finite();
  std::optional<profile::Timer> planning;
  if (profile::enabled()) planning.emplace("planning", 0, 0);
  const PlanInput input = plan_input(roots, given_up);
  const auto run = [&](const Plan& plan, bool reused) {
    planning.reset();
    plan_cache().last = {static_cast<std::int64_t>(input.nodes.size() - plan.leaves.size()), kernel_count(plan),
                         region_count(plan), plan.new_buffers, reused};
    try {
      Run(plan, input).run(check);
    } catch (...) {
      abandon_companions(input.nodes);
      throw;
    }
  };
  if (!context().reusing_plans) return run(make_plan(input, !check), false);
  const auto [plan, reused] = kept_plan(input, !check);
  run(plan, reused);
}

}  // namespace sg

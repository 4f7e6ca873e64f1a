// Plan: steps in order, and the memory that each of them reads and writes.
#include "engine/plan.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "engine/fuse.h"
#include "engine/merge.h"
#include "engine/recompute.h"
#include "engine/region.h"
#include "engine/stream.h"
#include "engine/together.h"

namespace sg {
namespace {

using Role = Fusion::Role;

/// Writes the tile program of one group.
class ProgramBuilder {
 public:
  ProgramBuilder(const PlanInput& input, const Fusion& fusion, const std::vector<std::int64_t>& members)
      : in_(input), f_(fusion), shape_(iteration_shape(*input.nodes[members[0]])) {
    const Node& first = *in_.nodes[members[0]];
    program_.dtype = first.dtype;
    step_.kind = PlanStep::Kind::fused;
    for (std::int64_t i : members) {
      const Node& node = *in_.nodes[i];
      if (f_.roles[i] == Role::reduction) continue;
      const std::uint16_t value = value_of(i, true);
      if (!f_.in_memory[i]) continue;
      kernels::TileOperand store{value, node.dtype};
      std::copy(f_.places[i].layout.strides.begin(), f_.places[i].layout.strides.end(), store.strides);
      program_.stores.push_back(store);
      step_.outputs.push_back({f_.places[i], node.shape, node.dtype});
    }
    step_.store_count = step_.outputs.size();
    for (std::int64_t i : members) {
      const Node& node = *in_.nodes[i];
      if (f_.roles[i] != Role::reduction) continue;
      const auto op = node.primitive()->tile_op() == kernels::TileOp::add       ? kernels::ReduceOp::sum
                      : node.primitive()->tile_op() == kernels::TileOp::maximum ? kernels::ReduceOp::max
                                                                                : kernels::ReduceOp::min;
      program_.reductions.push_back({value_of(in_.inputs[i][0], false), node.dtype, op});
      for (std::int64_t axis : node.primitive()->axes()) program_.reduced_axes |= 1u << axis;
      step_.outputs.push_back({f_.places[i], node.shape, node.dtype});
      add_label(node.primitive()->name());
      operations_ += 1;
    }
  }

  PlanStep build() {
    program_.value_count = values_;
    step_.program = std::make_shared<const kernels::TileProgram>(program_);
    step_.iteration = shape_;
    const auto elements = static_cast<double>(element_count(shape_));
    step_.flops = operations_ * elements;
    for (const auto& operands : {step_.inputs, step_.outputs}) {
      for (const PlanStep::Operand& operand : operands) {
        double size = static_cast<double>(size_of(operand.dtype));
        for (std::size_t i = 0; i < operand.shape.size(); ++i) {
          if (operand.place.layout.strides[i] != 0) size *= static_cast<double>(operand.shape[i]);
        }
        step_.bytes += size;
      }
    }
    return std::move(step_);
  }

 private:
  std::uint16_t new_value() {
    assert(values_ < 65535);
    return static_cast<std::uint16_t>(values_++);
  }

  /// The value of node i in this program: a register, a constant, a load, or the instruction itself where `compute`
  /// says so or where it is not in memory.
  std::uint16_t value_of(std::int64_t i, bool compute) {
    if (const auto known = known_.find(i); known != known_.end()) return known->second;
    const Node& node = *in_.nodes[i];
    std::uint16_t value;
    if (f_.roles[i] == Role::constant) {
      value = new_value();
      program_.code.push_back({kernels::TileOp::constant, value, 0, 0, 0, node.primitive()->immediate()});
    } else if (!compute && f_.in_memory[i]) {
      value = load(i);
    } else {
      assert(f_.roles[i] == Role::elementwise);
      std::array<std::uint16_t, 3> arguments{};
      for (std::size_t k = 0; k < node.inputs().size(); ++k) arguments[k] = value_of(in_.inputs[i][k], false);
      value = new_value();
      program_.code.push_back({node.primitive()->tile_op(), value, arguments[0], arguments[1], arguments[2],
                               node.primitive()->immediate()});
      add_label(node.primitive()->name());
      operations_ += 1;
    }
    known_.emplace(i, value);
    return value;
  }

  std::uint16_t load(std::int64_t i) {
    const Node& node = *in_.nodes[i];
    const Place& place = f_.places[i];
    for (std::size_t k = 0; k < step_.inputs.size(); ++k) {
      const PlanStep::Operand& operand = step_.inputs[k];
      if (operand.place.storage == place.storage && operand.place.layout == place.layout &&
          operand.dtype == node.dtype) {
        return program_.loads[k].value;
      }
    }
    kernels::TileOperand operand{new_value(), node.dtype};
    std::copy(place.layout.strides.begin(), place.layout.strides.end(), operand.strides);
    program_.loads.push_back(operand);
    step_.inputs.push_back({place, node.shape, node.dtype});
    return operand.value;
  }

  void add_label(std::string_view name) {
    if (step_.label.find(name) != std::string::npos || step_.label.size() > 60) return;
    if (!step_.label.empty()) step_.label += '+';
    step_.label += name;
  }

  const PlanInput& in_;
  const Fusion& f_;
  const Shape shape_;
  kernels::TileProgram program_;
  PlanStep step_;
  std::unordered_map<std::int64_t, std::uint16_t> known_;
  int values_ = 0;
  double operations_ = 0;
};

class Planner {
 public:
  Planner(const PlanInput& input, bool enabled) : in_(input), enabled_(enabled), f_(fuse(input, enabled)) {}

  Plan build() {
    place_all();
    make_steps();
    keep();
    if (enabled_) {
      std::vector<bool> expendable;  // leaves are the first storages
      for (std::int64_t leaf : plan_.leaves) expendable.push_back(in_.facts[leaf].expendable);
      stream_rows(plan_, std::move(expendable));
    }
    compile();
    if (memory_limit() > 0) recompute(plan_, memory_limit());
    find_lifetimes();
    if (enabled_) find_together(plan_);
    return std::move(plan_);
  }

 private:
  std::int64_t new_storage(std::int64_t bytes) {
    plan_.storage_bytes.push_back(bytes);
    return static_cast<std::int64_t>(plan_.storage_bytes.size()) - 1;
  }

  static std::int64_t bytes_of(const Node& node) { return element_count(node.shape) * size_of(node.dtype); }

  void place_all() {
    for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
      if (f_.roles[i] == Role::leaf) {
        f_.places[i].storage = new_storage(bytes_of(*in_.nodes[i]));
        plan_.leaves.push_back(static_cast<std::int64_t>(i));
      }
    }
    for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
      const Node& node = *in_.nodes[i];
      if (f_.roles[i] == Role::leaf) continue;
      if (f_.roles[i] == Role::view && !f_.needs_copy[i]) {
        f_.places[i].storage = f_.places[in_.inputs[i][0]].storage;
      } else if (f_.in_memory[i]) {
        f_.places[i].storage = new_storage(bytes_of(node));
      }
    }
  }

  void make_steps() {
    // What is to be done, in order: (level, whether it reads what a group of its level wrote, position).
    struct Item {
      std::int64_t level, phase, node;
      std::vector<std::int64_t> members;  // of a group
    };
    std::vector<Item> items;
    std::unordered_map<std::int64_t, std::size_t> item_of_group;
    for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
      const auto position = static_cast<std::int64_t>(i);
      if (f_.group[i] >= 0) {
        const auto [found, added] = item_of_group.emplace(f_.group[i], items.size());
        if (added) items.push_back({f_.level[i], f_.after_group[i], position, {}});
        items[found->second].members.push_back(position);
      } else if (f_.roles[i] == Role::kernel || (f_.roles[i] == Role::view && f_.needs_copy[i]) ||
                 (f_.roles[i] == Role::constant && f_.in_memory[i])) {
        items.push_back({f_.level[i], 0, position, {}});
      }
    }
    std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
      return std::tie(a.level, a.phase, a.node) < std::tie(b.level, b.phase, b.node);
    });
    for (const Item& item : items) {
      if (!item.members.empty()) {
        plan_.steps.push_back(ProgramBuilder(in_, f_, item.members).build());
      } else if (f_.roles[item.node] == Role::constant) {
        plan_.steps.push_back(fill_step(item.node));
      } else if (f_.roles[item.node] == Role::view) {
        plan_.steps.push_back(copy_step(in_.inputs[item.node][0], f_.places[item.node].storage, "copy"));
      } else {
        plan_.steps.push_back(kernel_step(item.node));
      }
    }
  }

  PlanStep fill_step(std::int64_t i) {
    const Node& node = *in_.nodes[i];
    kernels::TileProgram program;
    program.dtype = node.dtype;
    program.value_count = 1;
    program.code.push_back({kernels::TileOp::constant, 0, 0, 0, 0, node.primitive()->immediate()});
    kernels::TileOperand store{0, node.dtype};
    std::copy(f_.places[i].layout.strides.begin(), f_.places[i].layout.strides.end(), store.strides);
    program.stores.push_back(store);
    PlanStep step;
    step.kind = PlanStep::Kind::fused;
    step.program = std::make_shared<const kernels::TileProgram>(program);
    step.iteration = node.shape;
    step.outputs.push_back({f_.places[i], node.shape, node.dtype});
    step.store_count = 1;
    step.label = "fill";
    step.bytes = static_cast<double>(bytes_of(node));
    return step;
  }

  /// The elements of node `from` in their order, into storage of their own: whoever reads them there may know them by
  /// another shape.
  PlanStep copy_step(std::int64_t from, std::int64_t to, const char* label) {
    const Node& source = *in_.nodes[from];
    PlanStep step;
    step.kind = PlanStep::Kind::copy;
    step.inputs.push_back({f_.places[from], source.shape, source.dtype});
    step.outputs.push_back({{to, contiguous_layout(source.shape)}, source.shape, source.dtype});
    step.label = label;
    step.bytes = 2.0 * static_cast<double>(bytes_of(source));
    return step;
  }

  PlanStep kernel_step(std::int64_t i) {
    const Node& node = *in_.nodes[i];
    PlanStep step;
    step.kind = PlanStep::Kind::primitive;
    step.primitive = node.primitive();
    std::vector<const Shape*> shapes;
    for (std::int64_t from : in_.inputs[i]) {
      const Node& input = *in_.nodes[from];
      step.inputs.push_back({contiguous_place(from, *node.primitive()), input.shape, input.dtype});
      shapes.push_back(&input.shape);
      step.bytes += static_cast<double>(bytes_of(input));
    }
    step.outputs.push_back({f_.places[i], node.shape, node.dtype});
    step.label = node.primitive()->name();
    step.flops = node.primitive()->flops(shapes, node.shape);
    step.bytes += static_cast<double>(bytes_of(node));
    return step;
  }

  /// Where a kernel finds the elements of node `from` in a layout that it takes: a copy is made once, for its first
  /// reader.
  Place contiguous_place(std::int64_t from, const Primitive& reader) {
    const Node& node = *in_.nodes[from];
    const Place& place = f_.places[from];
    if (is_contiguous(node.shape, place.layout) || reader.accepts_strides(node.shape, place.layout.strides)) {
      return place;
    }
    const auto [found, added] = copies_.emplace(from, Place{});
    if (added) {
      found->second = {new_storage(bytes_of(node)), contiguous_layout(node.shape)};
      plan_.steps.push_back(copy_step(from, found->second.storage, "copy"));
    }
    return found->second;
  }

  void keep() {
    for (std::size_t i = 0; i < in_.nodes.size(); ++i) {
      if (f_.roles[i] == Role::leaf) continue;
      if (in_.facts[i].kept || (in_.facts[i].welcome && f_.in_memory[i] && f_.roles[i] != Role::view)) {
        plan_.kept.push_back({static_cast<std::int64_t>(i), f_.places[i]});
      }
    }
  }

  /// What a region has taken is compiled there, for its blocks.
  void compile() {
    for (PlanStep& step : plan_.steps) {
      if (step.kind != PlanStep::Kind::fused) continue;
      step.tile = std::make_shared<const kernels::CompiledTile>(
          *step.program, std::span<const std::int64_t>(step.iteration.data(), step.iteration.size()));
    }
  }

  void find_lifetimes() {
    std::vector<std::int64_t> last(plan_.storage_bytes.size(), -1);
    std::vector<bool> outlives(plan_.storage_bytes.size(), false);
    for (std::int64_t i : plan_.leaves) outlives[f_.places[i].storage] = !in_.facts[i].expendable;
    for (const Plan::Kept& kept : plan_.kept) outlives[kept.place.storage] = true;
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      for (const auto* operands : {&plan_.steps[s].inputs, &plan_.steps[s].outputs}) {
        for (const PlanStep::Operand& operand : *operands) last[operand.place.storage] = static_cast<std::int64_t>(s);
      }
    }
    for (std::size_t storage = 0; storage < last.size(); ++storage) {
      if (last[storage] >= 0 && !outlives[storage]) {
        plan_.steps[last[storage]].releases.push_back(static_cast<std::int64_t>(storage));
      }
    }
    const std::size_t safe = after_failures();
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) take_over(plan_.steps[s], s >= safe);
  }

  /// The first step from which on nothing throws whatever the values are; with fusion off each step's are checked.
  std::size_t after_failures() const {
    if (!enabled_) return plan_.steps.size();
    std::size_t safe = plan_.steps.size();
    while (safe > 0 && !may_fail(plan_.steps[safe - 1])) --safe;
    return safe;
  }

  static bool may_fail(const PlanStep& step) {
    if (step.region) {
      const std::vector<Region::Step>& steps = step.region->steps;
      return std::any_of(steps.begin(), steps.end(),
                         [](const Region::Step& inner) { return inner.primitive && inner.primitive->may_fail(); });
    }
    return step.primitive && step.primitive->may_fail();
  }

  /// A fused store may use the memory of a load that nobody reads later, if both lie in the same order; that of a leaf
  /// only where `leaves_too` says so, and then rather than another's: what outlives the steps of a training stays where
  /// it is, and what does not finds the same free memory in each of them.
  void take_over(PlanStep& step, bool leaves_too) {
    step.takes_over.assign(step.outputs.size(), -1);
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      ++plan_.new_buffers;
      if (step.kind != PlanStep::Kind::fused || o >= step.store_count) continue;
      if ((leaves_too && take_over(step, o, true)) || take_over(step, o, false)) --plan_.new_buffers;
    }
  }

  bool take_over(PlanStep& step, std::size_t o, bool from_leaf) {
    const PlanStep::Operand& output = step.outputs[o];
    for (const PlanStep::Operand& input : step.inputs) {
      const std::int64_t storage = input.place.storage;
      const bool is_leaf = storage < static_cast<std::int64_t>(plan_.leaves.size());  // the first storages
      const auto reads = std::count_if(step.inputs.begin(), step.inputs.end(),
                                       [&](const auto& other) { return other.place.storage == storage; });
      const bool released = std::find(step.releases.begin(), step.releases.end(), storage) != step.releases.end();
      const bool taken = std::find(step.takes_over.begin(), step.takes_over.end(), storage) != step.takes_over.end();
      if (is_leaf != from_leaf || reads != 1 || !released || taken) continue;
      if (input.dtype != output.dtype || input.shape != output.shape || input.place.layout != output.place.layout ||
          plan_.storage_bytes[storage] != plan_.storage_bytes[output.place.storage]) {
        continue;
      }
      step.takes_over[o] = storage;
      return true;
    }
    return false;
  }

  const PlanInput& in_;
  const bool enabled_;
  Fusion f_;
  Plan plan_;
  std::unordered_map<std::int64_t, Place> copies_;
};

}  // namespace

Plan make_plan(const PlanInput& input, bool fuse) {
  return fuse ? Planner(merge_equal(input), true).build() : Planner(input, false).build();
}

}  // namespace sg

// From a tile program and a shape to a plan: dimensions, tasks, tiles, places for values.
#include "engine/kernels/tile_plan.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace sg::kernels {

namespace {

using Plan = CompiledTile::Plan;

constexpr std::int64_t kTaskCost = 32768;  // in elementwise operations on one element
constexpr std::int64_t kMostTasks = 64;
constexpr std::int64_t kMostAccumulators = 4096;  // of one reduction in one task
constexpr std::int64_t kTileBytes = 24 * 1024;    // of first-level cache for all that a tile touches
constexpr std::int64_t kLineElements = 64;        // cuts inside contiguous memory fall on multiples of this

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

class Planner {
 public:
  Planner(const TileProgram& given, std::span<const std::int64_t> shape, Isa isa)
      : program_(simplify(given)), plan_(std::make_unique<Plan>()) {
    plan_->kernels = &tile_kernels(isa, program_.dtype);
    plan_->element_size = static_cast<int>(size_of(program_.dtype));
    set_dimensions(shape);
    if (plan_->total == 0) return;
    cut_tasks();
    // How many values share the cache decides the tile's length, which decides which operands need a place there.
    std::int64_t length = 512;
    for (int round = 0; round < 2; ++round) {
      cut_tiles(length);
      for (Plan::Operand& load : plan_->loads) look_at(load);
      for (Plan::Operand& store : plan_->stores) look_at(store);
      group_reductions();
      assign_places(plan_->codes[0], false);
      assign_places(plan_->codes[1], true);
      plan_->slots = std::max(plan_->codes[0].slots, plan_->codes[1].slots) + (plan_->fold_scratch ? 1 : 0);
      const auto streams = static_cast<std::int64_t>(plan_->slots + plan_->loads.size() + plan_->stores.size());
      length =
          std::clamp<std::int64_t>(kTileBytes / (plan_->element_size * std::max<std::int64_t>(streams, 1)), 128, 1024) /
          64 * 64;
    }
    lay_scratch_out();
  }

  std::unique_ptr<const Plan> take() { return std::move(plan_); }

 private:
  bool is_reduced(int dim) const { return (program_.reduced_axes >> dim) & 1; }

  /// One dimension of the iteration space; the strides are the loads' and then the stores'.
  struct Dimension {
    std::int64_t extent;
    bool reduced;
    std::vector<std::int64_t> strides;
  };

  void make_dimensions(std::span<const std::int64_t> shape) {
    Plan& plan = *plan_;
    for (int d = 0; d < static_cast<int>(shape.size()); ++d) {
      plan.total *= shape[d];
      if (!is_reduced(d)) plan.kept_total *= shape[d];
      if (shape[d] == 1) continue;
      // Without reductions no dimension is a reduced one.
      Dimension dimension{shape[d], !program_.reductions.empty() && is_reduced(d), {}};
      for (const TileOperand& load : program_.loads) dimension.strides.push_back(load.strides[d]);
      for (const TileOperand& store : program_.stores) dimension.strides.push_back(store.strides[d]);
      dimensions_.push_back(std::move(dimension));
    }
  }

  /// Whether outer should be inside inner, for all operands that care.
  bool swaps(const Dimension& outer, const Dimension& inner) const {
    // An output's kept dimensions keep their order.
    if (!program_.reductions.empty() && !outer.reduced && !inner.reduced) return false;
    bool wanted = false;
    for (std::size_t i = 0; i < outer.strides.size(); ++i) {
      const std::int64_t far = std::abs(outer.strides[i]), near = std::abs(inner.strides[i]);
      if (far == 0 || near == 0) continue;
      if (far > near) return false;
      wanted = wanted || far < near;
    }
    return wanted;
  }

  void order_dimensions() {
    const int n = static_cast<int>(dimensions_.size());
    for (int round = 0; round < n; ++round) {
      for (int d = n - 2; d >= 0; --d) {
        if (swaps(dimensions_[d], dimensions_[d + 1])) std::swap(dimensions_[d], dimensions_[d + 1]);
      }
    }
  }

  void join_dimensions() {
    std::vector<Dimension> joined;
    for (Dimension& dimension : dimensions_) {
      bool joins = !joined.empty() && joined.back().reduced == dimension.reduced;
      for (std::size_t i = 0; joins && i < dimension.strides.size(); ++i) {
        joins = joined.back().strides[i] == dimension.strides[i] * dimension.extent;
      }
      if (joins) {
        joined.back().extent *= dimension.extent;
        joined.back().strides = std::move(dimension.strides);
      } else {
        joined.push_back(std::move(dimension));
      }
    }
    dimensions_ = std::move(joined);
  }

  /// Where an operand lies across the others, tiles become two-dimensional: short rows of the innermost dimension times
  /// rows along which that operand is contiguous, so that whole cache lines of both are used.
  void make_room_for_transposes() {
    const int n = static_cast<int>(dimensions_.size());
    if (n < 2 || n + 1 > kMaxTileDims || !program_.reductions.empty()) return;
    for (std::size_t i = 0; i < dimensions_[n - 1].strides.size(); ++i) {
      if (std::abs(dimensions_[n - 1].strides[i]) <= 1) continue;
      for (int d = 0; d < n - 1; ++d) {
        if (dimensions_[d].strides[i] != 1 || dimensions_[d].extent < 4) continue;
        std::rotate(dimensions_.begin() + d, dimensions_.begin() + d + 1, dimensions_.end() - 1);
        const std::int64_t extent = dimensions_[n - 1].extent;
        for (std::int64_t part = 64; part >= 16 && extent > 64; --part) {
          if (extent % part != 0) continue;
          Dimension parts = dimensions_[n - 1];
          parts.extent = extent / part;
          for (std::int64_t& stride : parts.strides) stride *= part;
          dimensions_[n - 1].extent = part;
          dimensions_.insert(dimensions_.end() - 2, std::move(parts));
          break;
        }
        return;
      }
    }
  }

  void set_dimensions(std::span<const std::int64_t> shape) {
    assert(shape.size() <= kMaxTileDims);
    make_dimensions(shape);
    order_dimensions();
    join_dimensions();
    make_room_for_transposes();
    Plan& plan = *plan_;
    const auto make_operands = [&](const std::vector<TileOperand>& from, std::vector<Plan::Operand>& to,
                                   std::size_t first) {
      to.resize(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        to[i].dtype = from[i].dtype;
        to[i].value = from[i].value;
        for (std::size_t d = 0; d < dimensions_.size(); ++d) to[i].strides[d] = dimensions_[d].strides[first + i];
      }
    };
    make_operands(program_.loads, plan.loads, 0);
    make_operands(program_.stores, plan.stores, program_.loads.size());
    for (const TileReduction& reduction : program_.reductions) {
      plan.reductions.push_back({static_cast<int>(reduction.op), reduction.dtype});
    }
    plan.dims = std::max(static_cast<int>(dimensions_.size()), 1);
    plan.extent[0] = 1;
    for (std::size_t d = 0; d < dimensions_.size(); ++d) {
      plan.extent[d] = dimensions_[d].extent;
      plan.reduced[d] = dimensions_[d].reduced;
    }
  }

  /// Cuts dimension d into about `parts` boxes; returns how many they are.
  std::int64_t split(int d, std::int64_t parts) {
    Plan& plan = *plan_;
    std::int64_t box = divide_up(plan.extent[d], std::min(parts, plan.extent[d]));
    if (d == plan.dims - 1) box = std::min(round_up(box, kLineElements), plan.extent[d]);
    plan.box[d] = box;
    plan.splits[d] = divide_up(plan.extent[d], box);
    return plan.splits[d];
  }

  void cut_tasks() {
    Plan& plan = *plan_;
    std::int64_t cost = static_cast<std::int64_t>(plan.loads.size() + plan.stores.size() + plan.reductions.size());
    for (const TileInstruction& instruction : program_.code) cost += cost_of(instruction.op);
    const std::int64_t wanted = std::clamp<std::int64_t>(
        plan.total / kTaskCost * cost + plan.total % kTaskCost * cost / kTaskCost, 1, kMostTasks);
    for (int d = 0; d < plan.dims; ++d) {
      plan.box[d] = plan.extent[d];
      plan.splits[d] = 1;
    }
    std::int64_t parts = 1;
    const bool reduces = !plan.reductions.empty();
    std::int64_t reduced_total = 1;
    for (int d = 0; d < plan.dims; ++d) {
      if (plan.reduced[d]) reduced_total *= plan.extent[d];
    }
    if (reduces) {
      std::int64_t kept_box = plan.total / reduced_total;
      for (int d = 0; d < plan.dims && kept_box > kMostAccumulators; ++d) {
        if (plan.reduced[d]) continue;
        const std::int64_t inside = kept_box / plan.extent[d];
        const std::int64_t box = std::max<std::int64_t>(kMostAccumulators / inside, 1);
        parts *= split(d, divide_up(plan.extent[d], box));
        kept_box = inside * plan.box[d];
      }
    }
    for (int d = 0; d < plan.dims && parts < wanted; ++d) {
      if (plan.splits[d] > 1) continue;
      std::int64_t more = divide_up(wanted, parts);
      // Cutting a reduced dimension makes partial results to write and to add up.
      if (plan.reduced[d]) more = std::min(more, std::max<std::int64_t>(reduced_total / plan.reduced_splits / 8, 1));
      const std::int64_t made = split(d, more);
      parts *= made;
      if (plan.reduced[d]) plan.reduced_splits *= made;
    }
    plan.tasks = parts;
    plan.task_cost = plan.total / parts * cost;
    plan.kept_box = 1;
    std::int64_t output_stride = 1;
    for (int d = plan.dims - 1; d >= 0; --d) {
      if (plan.reduced[d]) continue;
      plan.accumulator_strides[d] = plan.kept_box;
      plan.output_strides[d] = output_stride;
      plan.kept_box *= plan.box[d];
      output_stride *= plan.extent[d];
      if (plan.run_dim < 0 && plan.splits[d] > 1) plan.run_dim = d;
    }
  }

  void cut_tiles(std::int64_t length) {
    Plan& plan = *plan_;
    int lowest = 0;
    for (int d = 0; d < plan.dims; ++d) {
      if (plan.splits[d] > 1) lowest = d;
    }
    int t = plan.dims - 1;
    std::int64_t inner = 1;
    while (t > lowest && inner * plan.box[t] <= length) inner *= plan.box[t--];
    const std::int64_t most = std::max<std::int64_t>(std::min(plan.box[t], length / inner), 1);
    std::int64_t rows = divide_up(plan.box[t], divide_up(plan.box[t], most));
    if (t == plan.dims - 1) rows = std::min(round_up(rows, kLineElements), plan.box[t]);
    plan.tile_dim = t;
    plan.tile_rows = rows;
    plan.tile_inner = inner;
    plan.capacity = rows * inner;
  }

  void look_at(Plan::Operand& operand) {
    const Plan& plan = *plan_;
    operand.nest_dims = 0;
    int n = 0;
    bool zero = true;
    for (int d = plan.tile_dim; d < plan.dims; ++d) {
      if (plan.box[d] == 1) continue;
      // The number of rows varies, so the first extent counts what is joined to one row.
      const std::int64_t extent = d == plan.tile_dim ? 1 : plan.box[d];
      const std::int64_t stride = operand.strides[d];
      zero = zero && stride == 0;
      if (n > 0 && operand.nest_stride[n - 1] == stride * plan.box[d]) {
        operand.nest_extent[n - 1] *= extent;
        operand.nest_stride[n - 1] = stride;
      } else {
        operand.nest_extent[n] = extent;
        operand.nest_stride[n] = stride;
        ++n;
      }
    }
    if (n == 0) {
      operand.nest_extent[0] = operand.nest_stride[0] = 1;
      n = 1;
      zero = false;
    }
    operand.nest_dims = n;
    const bool contiguous = n == 1 && operand.nest_stride[0] == 1 && operand.dtype == program_.dtype;
    operand.access = zero ? Plan::Access::splat : contiguous ? Plan::Access::direct : Plan::Access::gather;
    operand.cached = false;
    for (int d = 0; d <= plan.tile_dim; ++d) {
      const bool repeats = d < plan.tile_dim ? plan.box[d] > 1 : plan.box[d] > plan.tile_rows;
      if (repeats && operand.strides[d] == 0) operand.cached = true;
    }
    if (operand.access == Plan::Access::splat) operand.cached = true;
  }

  void group_reductions() {
    Plan& plan = *plan_;
    plan.groups = 0;
    plan.fold_scratch = false;
    if (plan.reductions.empty()) return;
    int n = 0;
    for (int d = plan.tile_dim; d < plan.dims; ++d) {
      const std::int64_t extent = d == plan.tile_dim ? 1 : plan.box[d];
      if (n > 0 && plan.group_reduced[n - 1] == plan.reduced[d]) {
        plan.group_extent[n - 1] *= extent;
      } else {
        plan.group_extent[n] = extent;
        plan.group_reduced[n] = plan.reduced[d];
        ++n;
      }
      plan.group_stride[n - 1] = plan.accumulator_strides[d];
    }
    plan.groups = n;
    plan.fold_scratch = n >= 2 && !plan.group_reduced[n - 1];
  }

  /// Gives every value a place: a slot of the scratch, or the memory of a load or a store.
  void assign_places(Plan::Code& code, bool aliased) {
    const Plan& plan = *plan_;
    const int instructions = static_cast<int>(program_.code.size());
    const int loads = static_cast<int>(plan.loads.size());
    code = {};
    std::vector<int> last_use(program_.value_count, -1);
    // What a store or a reduction takes straight from a load must be read before another store overwrites it.
    std::vector<bool> read_late(program_.value_count, false), direct_load(program_.value_count, false);
    for (const Plan::Operand& store : plan.stores) read_late[store.value] = true;
    for (const TileReduction& reduction : program_.reductions) read_late[reduction.value] = true;
    const auto direct = [&](const Plan::Operand& load) {
      return load.access == Plan::Access::direct && !(aliased && read_late[load.value]);
    };
    for (const Plan::Operand& load : plan.loads) direct_load[load.value] = direct(load);
    int last_memory_read = -1;  // by an instruction, of a load where it lies
    const auto use = [&](int at, std::uint16_t value) {
      last_use[value] = std::max(last_use[value], at);
      if (direct_load[value]) last_memory_read = std::max(last_memory_read, at);
    };
    for (int i = 0; i < instructions; ++i) {
      const TileInstruction& instruction = program_.code[i];
      const int operands = arity(instruction.op);
      if (operands > 0) use(i, instruction.a);
      if (operands > 1) use(i, instruction.b);
      if (operands > 2) use(i, instruction.c);
    }
    for (const Plan::Operand& store : plan.stores) use(instructions, store.value);
    for (const TileReduction& reduction : program_.reductions) use(instructions, reduction.value);

    // Pointers count from 0 for slots, from kLoads for loads and from kStores for stores until the slots are counted.
    constexpr int kLoads = 1 << 14, kStores = 1 << 15;
    std::vector<int> place(program_.value_count, -1);
    std::vector<int> free_slots;
    int slots = 0;
    const auto take_slot = [&] {
      if (free_slots.empty()) return slots++;
      const int slot = free_slots.back();
      free_slots.pop_back();
      return slot;
    };
    // Slots that keep their content from tile to tile, first, so that nothing is ever put there before.
    code.load_slots.assign(loads, Plan::kDirect);
    std::vector<bool> keeps(program_.value_count, false);
    for (int i = 0; i < loads; ++i) {
      const Plan::Operand& load = plan.loads[i];
      if (direct(load)) {
        place[load.value] = kLoads + i;
        keeps[load.value] = true;
      } else if (load.cached) {
        place[load.value] = code.load_slots[i] = static_cast<std::uint16_t>(slots++);
        keeps[load.value] = true;
      }
    }
    for (const TileInstruction& instruction : program_.code) {
      if (instruction.op != TileOp::constant) continue;
      code.constants.push_back({static_cast<std::uint16_t>(slots), instruction.immediate});
      place[instruction.out] = slots++;
      keeps[instruction.out] = true;
    }
    for (int i = 0; i < loads; ++i) {
      const Plan::Operand& load = plan.loads[i];
      if (direct(load) || load.cached) continue;
      place[load.value] = code.load_slots[i] = static_cast<std::uint16_t>(slots++);
    }
    std::vector<int> written_by(program_.value_count, -1);  // the store whose memory is the value's place
    for (int s = 0; s < static_cast<int>(plan.stores.size()); ++s) {
      const Plan::Operand& store = plan.stores[s];
      if (store.access == Plan::Access::direct && place[store.value] < 0 && written_by[store.value] < 0) {
        written_by[store.value] = s;
      }
    }
    for (int i = 0; i < instructions; ++i) {
      const TileInstruction& instruction = program_.code[i];
      if (instruction.op == TileOp::constant) continue;
      const int operands = arity(instruction.op);
      const std::uint16_t read[3] = {instruction.a, instruction.b, instruction.c};
      for (int k = 0; k < operands; ++k) {
        const std::uint16_t value = read[k];
        assert(place[value] >= 0);
        // An instruction may write over what it reads for the last time.
        if (last_use[value] == i && !keeps[value]) {
          free_slots.push_back(place[value]);
          keeps[value] = true;  // given back once
        }
      }
      const int store = written_by[instruction.out];
      // Written early, a store could change a load's buffer that is still to be read.
      if (store >= 0 && (!aliased || i >= last_memory_read)) {
        place[instruction.out] = kStores + store;
        keeps[instruction.out] = true;
      } else {
        written_by[instruction.out] = -1;
        place[instruction.out] = take_slot();
      }
    }
    const auto pointer = [&](int at) {
      const int stored = at >= kStores ? slots + loads + (at - kStores) : at >= kLoads ? slots + (at - kLoads) : at;
      return static_cast<std::uint16_t>(stored);
    };
    for (const TileInstruction& instruction : program_.code) {
      if (instruction.op == TileOp::constant) continue;
      const int operands = arity(instruction.op);
      const TileKernels::Operation loop = plan.kernels->operations[static_cast<int>(instruction.op)];
      assert(loop != nullptr);
      code.steps.push_back({loop, pointer(place[instruction.out]),
                            operands > 0 ? pointer(place[instruction.a]) : std::uint16_t{0},
                            operands > 1 ? pointer(place[instruction.b]) : std::uint16_t{0},
                            operands > 2 ? pointer(place[instruction.c]) : std::uint16_t{0}, instruction.immediate});
    }
    for (int s = 0; s < static_cast<int>(plan.stores.size()); ++s) {
      const std::uint16_t value = plan.stores[s].value;
      if (place[value] == kStores + s) continue;
      code.late_stores.push_back({pointer(place[value]), static_cast<std::uint16_t>(s)});
    }
    for (const TileReduction& reduction : program_.reductions) {
      code.reduction_pointers.push_back(pointer(place[reduction.value]));
    }
    code.slots = slots;
  }

  void lay_scratch_out() {
    Plan& plan = *plan_;
    // The odd lines keep slots from sharing their cache sets and their addresses' low bits.
    plan.slot_bytes = static_cast<std::size_t>(round_up(plan.capacity * plan.element_size, 64) + 192);
    const std::size_t pointers = plan.slots + 2 * plan.loads.size() + plan.stores.size();  // the loads' sources twice
    plan.pointers_offset = plan.slots * plan.slot_bytes;
    plan.accumulators_offset = plan.pointers_offset + static_cast<std::size_t>(round_up(
                                                          static_cast<std::int64_t>(pointers * sizeof(char*)), 64));
    plan.scratch_bytes =
        plan.accumulators_offset + plan.reductions.size() * static_cast<std::size_t>(plan.kept_box) * 8;
  }

  TileProgram program_;
  std::vector<Dimension> dimensions_;
  std::unique_ptr<Plan> plan_;
};

}  // namespace

std::unique_ptr<const CompiledTile::Plan> make_tile_plan(const TileProgram& program,
                                                         std::span<const std::int64_t> shape, Isa isa) {
  return Planner(program, shape, isa).take();
}

}  // namespace sg::kernels

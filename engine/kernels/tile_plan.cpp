// From a tile program and a shape to a plan: the dimensions of the iteration space, its tasks and its tiles.
#include "engine/kernels/tile_plan.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace sg::kernels {

namespace {

constexpr std::int64_t kTaskCost = 32768;                         // of a task, in additions of one element
constexpr std::int64_t kMostTasks = 64;                           // of a program
constexpr std::int64_t kMostAccumulators = 4096;                  // of one reduction in one task
constexpr std::int64_t kLeastFold = 8;                            // elements for each partial result of a cut reduction
constexpr std::int64_t kTileBytes = 24 * 1024;                    // of first-level cache for all that a tile touches
constexpr std::int64_t kShortestTile = 128, kLongestTile = 1024;  // elements
constexpr std::int64_t kLineElements = 64;             // cuts inside contiguous memory fall on multiples of this
constexpr std::int64_t kNarrowest = 16, kWidest = 64;  // of a two-dimensional tile, for transposes

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

class TilePlanner {
 public:
  TilePlanner(const TileProgram& given, std::span<const std::int64_t> shape, Isa isa)
      : program_(simplify(given)), plan_(std::make_unique<TilePlan>()) {
    plan_->kernels = &tile_kernels(isa, program_.dtype);
    plan_->element_size = static_cast<int>(size_of(program_.dtype));
    make_dimensions(shape);
    order_dimensions();
    join_dimensions();
    make_room_for_transposes();
    describe_operands();
    if (plan_->total == 0) return;
    cut_tasks();
    // How many values share the cache decides the tile's length, which decides which operands need a slot there.
    std::int64_t length = kLongestTile / 2;
    for (int round = 0; round < 2; ++round) {
      cut_tiles(length);
      for (TilePlan::Operand& load : plan_->loads) look_at(load);
      for (TilePlan::Operand& store : plan_->stores) look_at(store);
      group_reductions();
      plan_->codes[0] = assign_slots(program_, *plan_, false);
      plan_->codes[1] = assign_slots(program_, *plan_, true);
      plan_->slots = std::max(plan_->codes[0].slots, plan_->codes[1].slots) + (plan_->fold_scratch ? 1 : 0);
      length = fitting_length();
    }
    lay_scratch_out();
  }

  std::unique_ptr<const TilePlan> take() { return std::move(plan_); }

 private:
  // Dimensions ----------------------------------------------------------------------------------------------------

  /// One dimension of the iteration space; the strides are the loads' and then the stores'.
  struct Dimension {
    std::int64_t extent;
    bool reduced;
    std::vector<std::int64_t> strides;
  };

  bool is_reduced(int dim) const { return (program_.reduced_axes >> dim) & 1; }

  /// The shape's dimensions, but for those of one index.
  void make_dimensions(std::span<const std::int64_t> shape) {
    assert(shape.size() <= kMaxTileDims);
    TilePlan& plan = *plan_;
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

  /// Strides fall from the outermost dimension to the innermost, as far as all operands agree.
  void order_dimensions() {
    const int n = static_cast<int>(dimensions_.size());
    for (int round = 0; round < n; ++round) {
      for (int d = n - 2; d >= 0; --d) {
        if (swaps(dimensions_[d], dimensions_[d + 1])) std::swap(dimensions_[d], dimensions_[d + 1]);
      }
    }
  }

  /// Neighbours that every operand passes through in one stride become one.
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
        cut_innermost_into_rows();
        return;
      }
    }
  }

  /// The innermost dimension becomes two, the outer of which comes before the last but one.
  void cut_innermost_into_rows() {
    Dimension& innermost = dimensions_.back();
    if (innermost.extent <= kWidest) return;
    for (std::int64_t row = kWidest; row >= kNarrowest; --row) {
      if (innermost.extent % row != 0) continue;
      Dimension rows = innermost;
      rows.extent = innermost.extent / row;
      for (std::int64_t& stride : rows.strides) stride *= row;
      innermost.extent = row;
      dimensions_.insert(dimensions_.end() - 2, std::move(rows));
      return;
    }
  }

  void describe_operands() {
    TilePlan& plan = *plan_;
    const auto describe = [&](const std::vector<TileOperand>& from, std::vector<TilePlan::Operand>& to,
                              std::size_t first) {
      to.resize(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        to[i].dtype = from[i].dtype;
        to[i].value = from[i].value;
        for (std::size_t d = 0; d < dimensions_.size(); ++d) to[i].strides[d] = dimensions_[d].strides[first + i];
      }
    };
    describe(program_.loads, plan.loads, 0);
    describe(program_.stores, plan.stores, program_.loads.size());
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

  // Tasks -----------------------------------------------------------------------------------------------------------

  /// In additions of one element: each instruction, and the passage of each operand.
  std::int64_t cost_of_element() const {
    std::int64_t cost =
        static_cast<std::int64_t>(plan_->loads.size() + plan_->stores.size() + plan_->reductions.size());
    for (const TileInstruction& instruction : program_.code) cost += cost_of(instruction.op);
    return cost;
  }

  /// Cuts the iteration space into boxes by its shape alone, so that sums have the same bits on any number of threads.
  void cut_tasks() {
    TilePlan& plan = *plan_;
    const std::int64_t cost = cost_of_element();
    for (int d = 0; d < plan.dims; ++d) {
      plan.box[d] = plan.extent[d];
      plan.splits[d] = 1;
    }
    plan.tasks = cut_for_accumulators();
    const std::int64_t wanted = std::clamp<std::int64_t>(
        plan.total / kTaskCost * cost + plan.total % kTaskCost * cost / kTaskCost, 1, kMostTasks);
    cut_into(wanted);
    plan.task_cost = plan.total / plan.tasks * cost;
    lay_accumulators_out();
  }

  /// Cuts dimension d into about `parts` boxes; returns how many they are.
  std::int64_t split(int d, std::int64_t parts) {
    TilePlan& plan = *plan_;
    std::int64_t box = divide_up(plan.extent[d], std::min(parts, plan.extent[d]));
    if (d == plan.dims - 1) box = std::min(round_up(box, kLineElements), plan.extent[d]);
    plan.box[d] = box;
    plan.splits[d] = divide_up(plan.extent[d], box);
    return plan.splits[d];
  }

  std::int64_t reduced_total() const {
    std::int64_t total = 1;
    for (int d = 0; d < plan_->dims; ++d) {
      if (plan_->reduced[d]) total *= plan_->extent[d];
    }
    return total;
  }

  /// Cuts kept dimensions until a task's accumulators are few; returns the number of boxes.
  std::int64_t cut_for_accumulators() {
    TilePlan& plan = *plan_;
    if (plan.reductions.empty()) return 1;
    std::int64_t parts = 1, kept_box = plan.total / reduced_total();
    for (int d = 0; d < plan.dims && kept_box > kMostAccumulators; ++d) {
      if (plan.reduced[d]) continue;
      const std::int64_t inside = kept_box / plan.extent[d];
      const std::int64_t box = std::max<std::int64_t>(kMostAccumulators / inside, 1);
      parts *= split(d, divide_up(plan.extent[d], box));
      kept_box = inside * plan.box[d];
    }
    return parts;
  }

  /// Cuts from the outermost dimension inwards until there are about as many tasks as wanted.
  void cut_into(std::int64_t wanted) {
    TilePlan& plan = *plan_;
    for (int d = 0; d < plan.dims && plan.tasks < wanted; ++d) {
      if (plan.splits[d] > 1) continue;
      std::int64_t more = divide_up(wanted, plan.tasks);
      // Cutting a reduced dimension makes partial results to write and to add up.
      if (plan.reduced[d]) {
        more = std::min(more, std::max<std::int64_t>(reduced_total() / plan.reduced_splits / kLeastFold, 1));
      }
      const std::int64_t made = split(d, more);
      plan.tasks *= made;
      if (plan.reduced[d]) plan.reduced_splits *= made;
    }
  }

  /// Where a task's results lie, in its accumulators and in the outputs.
  void lay_accumulators_out() {
    TilePlan& plan = *plan_;
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

  // Tiles -----------------------------------------------------------------------------------------------------------

  /// The tile's elements such that all slots and all memory that it touches fit into the cache.
  std::int64_t fitting_length() const {
    const auto streams = static_cast<std::int64_t>(plan_->slots + plan_->loads.size() + plan_->stores.size());
    const std::int64_t bytes_an_element = plan_->element_size * std::max<std::int64_t>(streams, 1);
    const std::int64_t length = std::clamp<std::int64_t>(kTileBytes / bytes_an_element, kShortestTile, kLongestTile);
    return length / kLineElements * kLineElements;
  }

  /// A tile is `tile_rows` indices of one dimension, times all dimensions inside it.
  void cut_tiles(std::int64_t length) {
    TilePlan& plan = *plan_;
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

  /// How an operand looks inside a tile: the nest of dimensions that it passes through, and what that makes of it.
  void look_at(TilePlan::Operand& operand) const {
    const TilePlan& plan = *plan_;
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
    operand.access = zero ? TilePlan::Access::splat : contiguous ? TilePlan::Access::direct : TilePlan::Access::strided;
    operand.cached = operand.access == TilePlan::Access::splat || repeats_between_tiles(operand);
  }

  bool repeats_between_tiles(const TilePlan::Operand& operand) const {
    const TilePlan& plan = *plan_;
    for (int d = 0; d <= plan.tile_dim; ++d) {
      const bool several = d < plan.tile_dim ? plan.box[d] > 1 : plan.box[d] > plan.tile_rows;
      if (several && operand.strides[d] == 0) return true;
    }
    return false;
  }

  /// The tile as the accumulators see it: neighbours that are all kept or all reduced are one group.
  void group_reductions() {
    TilePlan& plan = *plan_;
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

  void lay_scratch_out() {
    TilePlan& plan = *plan_;
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
  std::unique_ptr<TilePlan> plan_;
};

}  // namespace

std::unique_ptr<const TilePlan> make_tile_plan(const TileProgram& program, std::span<const std::int64_t> shape,
                                               Isa isa) {
  return TilePlanner(program, shape, isa).take();
}

}  // namespace sg::kernels

// From a tile program and a shape to a schedule: the dimensions of the iteration space, its tasks and its tiles.
#include "engine/kernels/tile_schedule.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace sg::kernels {

namespace {

constexpr std::int64_t kTaskCost = 32768;         // of a task, in additions of one element
constexpr std::int64_t kMostTasks = 64;           // of a program
constexpr std::int64_t kMostAccumulators = 4096;  // of one reduction in one task
constexpr std::int64_t kLeastFold = 8;            // elements for each partial result of a cut reduction
// With half and with double of the next three a step of laplacian_10d takes 1.02 and 0.96, 1.02 and 0.99, 1.01 and 1.01
// of the time on one thread; two runs alike differ by 0.02.
constexpr std::int64_t kTileBytes = 24 * 1024;                    // of first-level cache for all that a tile touches
constexpr std::int64_t kShortestTile = 128, kLongestTile = 1024;  // elements
constexpr std::int64_t kLineElements = 64;  // cuts inside contiguous memory fall on multiples of this
// From so many bytes on, of all that is read and written, the next tile is asked for ahead of time.
constexpr std::int64_t kLeastAhead = std::int64_t{16} << 20;
constexpr std::size_t kLeastCalls = 4;                 // a loop of few instructions reads memory as fast as it comes
constexpr std::int64_t kNarrowest = 16, kWidest = 64;  // of a two-dimensional tile, for transposes

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

class TileScheduler {
 public:
  TileScheduler(const TileProgram& given, std::span<const std::int64_t> shape, Isa isa)
      : program_(simplify(given)), schedule_(std::make_unique<TileSchedule>()) {
    schedule_->kernels = &tile_kernels(isa, program_.dtype);
    schedule_->element_size = static_cast<int>(size_of(program_.dtype));
    make_dimensions(shape);
    order_dimensions();
    join_dimensions();
    make_room_for_transposes();
    describe_operands();
    if (schedule_->total == 0) return;
    cut_tasks();
    // How many values share the cache decides the tile's length, which decides which operands need a cell there.
    std::int64_t length = kLongestTile / 2;
    for (int round = 0; round < 2; ++round) {
      cut_tiles(length);
      for (TileSchedule::Operand& load : schedule_->loads) look_at(load);
      for (TileSchedule::Operand& store : schedule_->stores) look_at(store);
      find_bands();
      schedule_->codes[0] = assign_cells(program_, *schedule_, false);
      schedule_->codes[1] = assign_cells(program_, *schedule_, true);
      schedule_->cells =
          std::max(schedule_->codes[0].cells, schedule_->codes[1].cells) + (schedule_->fold_scratch ? 1 : 0);
      length = fitting_length();
    }
    find_ahead();
    lay_scratch_out();
  }

  std::unique_ptr<const TileSchedule> take() { return std::move(schedule_); }

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
    TileSchedule& schedule = *schedule_;
    for (int d = 0; d < static_cast<int>(shape.size()); ++d) {
      schedule.total *= shape[d];
      if (!is_reduced(d)) schedule.kept_total *= shape[d];
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
    TileSchedule& schedule = *schedule_;
    const auto describe = [&](const std::vector<TileOperand>& from, std::vector<TileSchedule::Operand>& to,
                              std::size_t first) {
      to.resize(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        to[i].dtype = from[i].dtype;
        to[i].value = from[i].value;
        for (std::size_t d = 0; d < dimensions_.size(); ++d) to[i].strides[d] = dimensions_[d].strides[first + i];
      }
    };
    describe(program_.loads, schedule.loads, 0);
    describe(program_.stores, schedule.stores, program_.loads.size());
    for (const TileReduction& reduction : program_.reductions) {
      schedule.reductions.push_back({static_cast<int>(reduction.op), reduction.dtype});
    }
    schedule.dims = std::max(static_cast<int>(dimensions_.size()), 1);
    schedule.extent[0] = 1;
    for (std::size_t d = 0; d < dimensions_.size(); ++d) {
      schedule.extent[d] = dimensions_[d].extent;
      schedule.reduced[d] = dimensions_[d].reduced;
    }
  }

  // Tasks -----------------------------------------------------------------------------------------------------------

  /// In additions of one element: each instruction, and the passage of each operand.
  std::int64_t cost_of_element() const {
    std::int64_t cost =
        static_cast<std::int64_t>(schedule_->loads.size() + schedule_->stores.size() + schedule_->reductions.size());
    for (const TileInstruction& instruction : program_.code) cost += cost_of(instruction.op);
    return cost;
  }

  /// Cuts the iteration space into boxes by its shape alone, so that sums have the same bits on any number of threads.
  void cut_tasks() {
    TileSchedule& schedule = *schedule_;
    const std::int64_t cost = cost_of_element();
    for (int d = 0; d < schedule.dims; ++d) {
      schedule.box[d] = schedule.extent[d];
      schedule.splits[d] = 1;
    }
    schedule.tasks = cut_for_accumulators();
    const std::int64_t wanted = std::clamp<std::int64_t>(
        schedule.total / kTaskCost * cost + schedule.total % kTaskCost * cost / kTaskCost, 1, kMostTasks);
    cut_into(wanted);
    schedule.task_cost = schedule.total / schedule.tasks * cost;
    lay_accumulators_out();
  }

  /// Cuts dimension d into about `parts` boxes; returns how many they are.
  std::int64_t split(int d, std::int64_t parts) {
    TileSchedule& schedule = *schedule_;
    std::int64_t box = divide_up(schedule.extent[d], std::min(parts, schedule.extent[d]));
    if (d == schedule.dims - 1) box = std::min(round_up(box, kLineElements), schedule.extent[d]);
    schedule.box[d] = box;
    schedule.splits[d] = divide_up(schedule.extent[d], box);
    return schedule.splits[d];
  }

  std::int64_t reduced_total() const {
    std::int64_t total = 1;
    for (int d = 0; d < schedule_->dims; ++d) {
      if (schedule_->reduced[d]) total *= schedule_->extent[d];
    }
    return total;
  }

  /// Cuts kept dimensions until a task's accumulators are few; returns the number of boxes.
  std::int64_t cut_for_accumulators() {
    TileSchedule& schedule = *schedule_;
    if (schedule.reductions.empty()) return 1;
    std::int64_t parts = 1, kept_box = schedule.total / reduced_total();
    for (int d = 0; d < schedule.dims && kept_box > kMostAccumulators; ++d) {
      if (schedule.reduced[d]) continue;
      const std::int64_t inside = kept_box / schedule.extent[d];
      const std::int64_t box = std::max<std::int64_t>(kMostAccumulators / inside, 1);
      parts *= split(d, divide_up(schedule.extent[d], box));
      kept_box = inside * schedule.box[d];
    }
    return parts;
  }

  /// Cuts from the outermost dimension inwards until there are about as many tasks as wanted.
  void cut_into(std::int64_t wanted) {
    TileSchedule& schedule = *schedule_;
    for (int d = 0; d < schedule.dims && schedule.tasks < wanted; ++d) {
      const std::int64_t before = schedule.splits[d];  // more than one where accumulators were too many
      std::int64_t more = divide_up(wanted, schedule.tasks);
      // Cutting a reduced dimension makes partial results to write and to add up.
      if (schedule.reduced[d]) {
        more = std::min(more, std::max<std::int64_t>(reduced_total() / schedule.reduced_splits / kLeastFold, 1));
      }
      const std::int64_t made = split(d, before * more);
      schedule.tasks = schedule.tasks / before * made;
      if (schedule.reduced[d]) schedule.reduced_splits *= made;
    }
  }

  /// Where a task's results lie, in its accumulators and in the outputs.
  void lay_accumulators_out() {
    TileSchedule& schedule = *schedule_;
    schedule.kept_box = 1;
    std::int64_t output_stride = 1;
    for (int d = schedule.dims - 1; d >= 0; --d) {
      if (schedule.reduced[d]) continue;
      schedule.accumulator_strides[d] = schedule.kept_box;
      schedule.output_strides[d] = output_stride;
      schedule.kept_box *= schedule.box[d];
      output_stride *= schedule.extent[d];
      if (schedule.run_dim < 0 && schedule.splits[d] > 1) schedule.run_dim = d;
    }
  }

  // Tiles -----------------------------------------------------------------------------------------------------------

  /// The tile's elements such that all cells and all memory that it touches fit into the cache.
  std::int64_t fitting_length() const {
    const auto streams =
        static_cast<std::int64_t>(schedule_->cells + schedule_->loads.size() + schedule_->stores.size());
    const std::int64_t bytes_an_element = schedule_->element_size * std::max<std::int64_t>(streams, 1);
    const std::int64_t length = std::clamp<std::int64_t>(kTileBytes / bytes_an_element, kShortestTile, kLongestTile);
    return length / kLineElements * kLineElements;
  }

  /// A tile is `tile_rows` indices of one dimension, times all dimensions inside it.
  void cut_tiles(std::int64_t length) {
    TileSchedule& schedule = *schedule_;
    int lowest = 0;
    for (int d = 0; d < schedule.dims; ++d) {
      if (schedule.splits[d] > 1) lowest = d;
    }
    int t = schedule.dims - 1;
    std::int64_t inner = 1;
    while (t > lowest && inner * schedule.box[t] <= length) inner *= schedule.box[t--];
    const std::int64_t most = std::max<std::int64_t>(std::min(schedule.box[t], length / inner), 1);
    std::int64_t rows = divide_up(schedule.box[t], divide_up(schedule.box[t], most));
    if (t == schedule.dims - 1) rows = std::min(round_up(rows, kLineElements), schedule.box[t]);
    schedule.tile_dim = t;
    schedule.tile_rows = rows;
    schedule.tile_inner = inner;
    schedule.capacity = rows * inner;
  }

  /// How an operand looks inside a tile: the nest of dimensions that it passes through, and what that makes of it.
  void look_at(TileSchedule::Operand& operand) const {
    const TileSchedule& schedule = *schedule_;
    int n = 0;
    bool zero = true;
    for (int d = schedule.tile_dim; d < schedule.dims; ++d) {
      if (schedule.box[d] == 1) continue;
      // The number of rows varies, so the first extent counts what is joined to one row.
      const std::int64_t extent = d == schedule.tile_dim ? 1 : schedule.box[d];
      const std::int64_t stride = operand.strides[d];
      zero = zero && stride == 0;
      if (n > 0 && operand.nest_stride[n - 1] == stride * schedule.box[d]) {
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
    operand.access = zero         ? TileSchedule::Access::splat
                     : contiguous ? TileSchedule::Access::direct
                                  : TileSchedule::Access::strided;
    operand.cached = operand.access == TileSchedule::Access::splat || repeats_between_tiles(operand);
  }

  void find_ahead() {
    TileSchedule& schedule = *schedule_;
    std::vector<std::uint16_t> direct;
    std::uint16_t index = 0;
    for (const auto* operands : {&schedule.loads, &schedule.stores}) {
      for (const TileSchedule::Operand& operand : *operands) {
        if (operand.access == TileSchedule::Access::direct && !operand.cached) direct.push_back(index);
        ++index;
      }
    }
    const auto bytes = static_cast<std::int64_t>(direct.size()) * schedule.total * schedule.element_size;
    const std::size_t calls = std::min(schedule.codes[0].calls.size(), schedule.codes[1].calls.size());
    if (bytes >= kLeastAhead && calls >= kLeastCalls) schedule.ahead = std::move(direct);
  }

  bool repeats_between_tiles(const TileSchedule::Operand& operand) const {
    const TileSchedule& schedule = *schedule_;
    for (int d = 0; d <= schedule.tile_dim; ++d) {
      const bool several = d < schedule.tile_dim ? schedule.box[d] > 1 : schedule.box[d] > schedule.tile_rows;
      if (several && operand.strides[d] == 0) return true;
    }
    return false;
  }

  /// The tile as the accumulators see it: neighbours that are all kept or all reduced are one band.
  void find_bands() {
    TileSchedule& schedule = *schedule_;
    schedule.bands = 0;
    schedule.fold_scratch = false;
    if (schedule.reductions.empty()) return;
    int n = 0;
    for (int d = schedule.tile_dim; d < schedule.dims; ++d) {
      const std::int64_t extent = d == schedule.tile_dim ? 1 : schedule.box[d];
      if (n > 0 && schedule.band_reduced[n - 1] == schedule.reduced[d]) {
        schedule.band_extent[n - 1] *= extent;
      } else {
        schedule.band_extent[n] = extent;
        schedule.band_reduced[n] = schedule.reduced[d];
        ++n;
      }
      schedule.band_stride[n - 1] = schedule.accumulator_strides[d];
    }
    schedule.bands = n;
    schedule.fold_scratch = n >= 2 && !schedule.band_reduced[n - 1];
  }

  void lay_scratch_out() {
    TileSchedule& schedule = *schedule_;
    // The odd lines keep cells from sharing their cache sets and their addresses' low bits.
    schedule.cell_bytes = static_cast<std::size_t>(round_up(schedule.capacity * schedule.element_size, 64) + 192);
    const std::size_t pointers =
        schedule.cells + 2 * schedule.loads.size() + schedule.stores.size();  // the loads' sources twice
    schedule.pointers_offset = schedule.cells * schedule.cell_bytes;
    schedule.accumulators_offset =
        schedule.pointers_offset +
        static_cast<std::size_t>(round_up(static_cast<std::int64_t>(pointers * sizeof(char*)), 64));
    schedule.scratch_bytes =
        schedule.accumulators_offset + schedule.reductions.size() * static_cast<std::size_t>(schedule.kept_box) * 8;
  }

  TileProgram program_;
  std::vector<Dimension> dimensions_;
  std::unique_ptr<TileSchedule> schedule_;
};

}  // namespace

std::unique_ptr<const TileSchedule> make_tile_schedule(const TileProgram& program, std::span<const std::int64_t> shape,
                                                       Isa isa) {
  return TileScheduler(program, shape, isa).take();
}

}  // namespace sg::kernels

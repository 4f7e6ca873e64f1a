// Streaming: finds the steps of a plan that can run on one block of rows after another, and makes regions of them.
#include "engine/stream.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/context.h"
#include "engine/region.h"
#include "engine/stream_cost.h"
#include "engine/stream_cut.h"
#include "engine/stream_memory.h"

namespace sg {
namespace {

constexpr std::int64_t kFewestRows = 128;          // a leading axis that is worth cutting
constexpr std::int64_t kFewestBytes = 256 * 1024;  // of results with one number of rows
constexpr std::int64_t kPackingCost = 4;           // of a convolution's weights, in readings of them
constexpr int kMostGroups = 3;                     // numbers of rows that are looked for

using Kind = PlanStep::Kind;

/// What one group of steps has to know of a tensor that a step makes.
struct Made {
  std::int64_t step = -1;
  std::int64_t row_elements = 0;  // 0 when it is not made row by row
};

class Streamer {
 public:
  Streamer(Plan& plan, std::vector<bool> expendable)
      : plan_(plan), count_(plan.steps.size()), expendable_(std::move(expendable)) {
    expendable_.resize(plan.storage_bytes.size());
  }

  void run() {
    find_row_counts();
    if (row_counts_.empty()) return;
    group_.assign(count_, -1);
    phase_.assign(count_, 0);
    cuts_.resize(count_);
    made_.resize(plan_.storage_bytes.size());
    find_readers();
    for (std::size_t s = 0; s < count_; ++s) place(s);
    make_regions();
    if (!regions_.empty()) put_in_order();
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
    while (!results.empty() && row_counts_.size() < kMostGroups) {
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
      row_counts_.push_back(chosen);
      std::erase_if(results, [&](const Result& result) { return result.extent % chosen == 0; });
    }
  }

  // Groups and phases -------------------------------------------------------------------------------------------

  /// The phase of step s in `group` (-1 for none), cut this way.
  std::int64_t phase_of(const PlanStep& step, int group, const Cut& cut) const {
    std::int64_t phase = 0;
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const PlanStep::Operand& input = step.inputs[i];
      const Made& made = made_[input.place.storage];
      if (made.step < 0) continue;
      const bool inside =
          group >= 0 && group_[made.step] == group && reads_rows(input, cut.axes[i], cut.width, made.row_elements);
      phase = std::max(phase, phase_[made.step] + (group_[made.step] >= 0 && !inside ? 1 : 0));
    }
    return phase;
  }

  /// Whether a kept result may lie in the memory of a leaf that nobody can reach afterwards, as an optimiser's moments
  /// do: whole steps do that, regions do not.
  bool updates_in_place(const PlanStep& step) const {
    if (step.kind != Kind::fused) return false;
    for (std::size_t o = 0; o < step.store_count; ++o) {
      if (!outlives_[step.outputs[o].place.storage]) continue;
      for (const PlanStep::Operand& input : step.inputs) {
        if (expendable_[input.place.storage] && input.shape == step.outputs[o].shape &&
            input.dtype == step.outputs[o].dtype) {
          return true;
        }
      }
    }
    return false;
  }

  void place(std::size_t s) {
    const PlanStep& step = plan_.steps[s];
    phase_[s] = phase_of(step, -1, {});
    for (std::size_t g = 0; g < row_counts_.size() && group_[s] < 0 && !updates_in_place(step); ++g) {
      for (Cut& cut : possible_cuts(step, row_counts_[g])) {
        const std::int64_t phase = phase_of(step, static_cast<int>(g), cut);
        if (group_[s] >= 0 && phase >= phase_[s]) continue;
        group_[s] = static_cast<int>(g);
        phase_[s] = phase;
        cuts_[s] = std::move(cut);
      }
    }
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const PlanStep::Operand& output = step.outputs[o];
      Made& made = made_[output.place.storage];
      made = {static_cast<std::int64_t>(s), 0};
      if (group_[s] >= 0 && cuts_[s].axes[step.inputs.size() + o] >= 0) {
        made.row_elements = element_count(output.shape) / row_counts_[group_[s]];
      }
    }
  }

  // Regions -----------------------------------------------------------------------------------------------------

  void find_readers() {
    readers_.resize(made_.size());
    outlives_.assign(made_.size(), false);
    for (std::size_t s = 0; s < count_; ++s) {
      for (const PlanStep::Operand& input : plan_.steps[s].inputs) readers_[input.place.storage].push_back(s);
    }
    for (const Plan::Kept& kept : plan_.kept) outlives_[kept.place.storage] = true;
  }

  void make_regions() {
    std::map<std::pair<std::int64_t, int>, std::vector<std::size_t>> members;
    for (std::size_t s = 0; s < count_; ++s) {
      if (group_[s] >= 0) members[{phase_[s], group_[s]}].push_back(s);
    }
    region_of_.assign(count_, -1);
    for (const auto& [key, steps] : members) {
      for (std::size_t s : steps) region_of_[s] = static_cast<std::int64_t>(regions_.size());
      if (auto made = make_region(steps)) {
        regions_.push_back({key.first, std::move(*made)});
      } else {
        for (std::size_t s : steps) region_of_[s] = -1;
      }
    }
  }

  bool is_local(std::int64_t storage) const {
    const Made& made = made_[storage];
    if (made.step < 0 || made.row_elements == 0 || outlives_[storage] || region_of_[made.step] < 0) return false;
    return std::all_of(readers_[storage].begin(), readers_[storage].end(),
                       [&](std::size_t reader) { return region_of_[reader] == region_of_[made.step]; });
  }

  /// What lives in a block while the region's steps run: sizes are for one row.
  std::vector<BlockMemory::Step> block_steps(const std::vector<std::size_t>& members) const {
    std::vector<BlockMemory::Step> steps;
    for (std::size_t s : members) {
      const PlanStep& step = plan_.steps[s];
      BlockMemory::Step block;
      for (const PlanStep::Operand& input : step.inputs) {
        if (is_local(input.place.storage)) block.reads.push_back(input.place.storage);
      }
      for (std::size_t o = 0; o < step.outputs.size(); ++o) {
        const PlanStep::Operand& output = step.outputs[o];
        const std::int64_t storage = output.place.storage;
        if (is_local(storage)) {
          block.writes.push_back({storage, made_[storage].row_elements * size_of(output.dtype), 0, taken(step, o)});
        } else if (cuts_[s].axes[step.inputs.size() + o] < 0) {
          block.writes.push_back({storage, 0, element_count(output.shape) * size_of(output.dtype), -1});
        }
      }
      steps.push_back(std::move(block));
    }
    return steps;
  }

  /// The storage that a fused step's store may write over, if it is read there for the last time; else -1.
  std::int64_t taken(const PlanStep& step, std::size_t o) const {
    if (step.kind != Kind::fused || o >= step.store_count) return -1;
    const PlanStep::Operand& output = step.outputs[o];
    for (const PlanStep::Operand& input : step.inputs) {
      const std::int64_t storage = input.place.storage;
      const auto reads = std::count_if(step.inputs.begin(), step.inputs.end(),
                                       [&](const auto& other) { return other.place.storage == storage; });
      if (reads == 1 && is_local(storage) && input.dtype == output.dtype && input.shape == output.shape &&
          input.place.layout == output.place.layout &&
          plan_.storage_bytes[storage] == plan_.storage_bytes[output.place.storage]) {
        return storage;
      }
    }
    return -1;
  }

  RegionFigures figures_of(const std::vector<std::size_t>& members, std::int64_t rows,
                           const std::vector<BlockMemory::Step>& block_steps) const {
    RegionFigures figures;
    figures.rows = rows;
    figures.steps = members.size();
    figures.live = BlockMemory::bytes_at_once(block_steps);
    std::set<std::int64_t> whole;
    for (std::size_t s : members) {
      const PlanStep& step = plan_.steps[s];
      figures.work += step.flops;
      std::int64_t passing = 0;
      for (std::size_t i = 0; i < operand_count(step); ++i) {
        const PlanStep::Operand& o = operand_of(step, i);
        const std::int64_t bytes = element_count(o.shape) * size_of(o.dtype);
        if (cuts_[s].axes[i] >= 0) {
          (is_local(o.place.storage) ? figures.traffic : passing) += bytes / rows;
        } else if (i >= step.inputs.size()) {
          figures.sum_elements += element_count(o.shape);
        } else {
          if (whole.insert(o.place.storage).second) figures.whole += bytes;
          const bool is_product = step.kind == Kind::primitive && step.primitive->rows() == Primitive::Rows::product;
          figures.read_again += (is_product ? 1 : kPackingCost) * bytes;
        }
      }
      figures.passing = std::max(figures.passing, passing);
    }
    return figures;
  }

  static std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

  std::optional<PlanStep> make_region(const std::vector<std::size_t>& members) {
    const std::int64_t rows = row_counts_[group_[members[0]]];
    const std::vector<BlockMemory::Step> block_memory_steps = block_steps(members);
    const RegionFigures figures = figures_of(members, rows, block_memory_steps);
    const auto extent = always_ ? smallest_extent(rows) : choose_extent(figures);
    if (!extent) return {};
    auto region = std::make_shared<Region>();
    region->rows = rows;
    region->block = extent->block;
    region->chunks = extent->chunks;
    const BlockMemory memory(block_memory_steps, extent->block);
    region->block_bytes = memory.bytes();

    turn_weights(members);
    PlanStep whole;
    whole.kind = Kind::region;
    whole.label = "region";
    collect_operands(members, whole);
    for (std::size_t s : members) add_step(s, memory, whole, *region);
    for (const Made& made : made_) {
      if (made.step < 0 || std::find(members.begin(), members.end(), made.step) == members.end()) continue;
      const std::int64_t storage = &made - made_.data();
      if (is_local(storage)) region->saved_bytes += plan_.storage_bytes[storage];
    }
    for (const Region::Step& step : region->steps) {
      whole.flops += step.flops;
      whole.bytes += step.bytes;
    }
    whole.region = std::move(region);
    return whole;
  }

  /// A product with a transposed matrix of weights would turn it for each block; once before the region is enough.
  void turn_weights(const std::vector<std::size_t>& members) {
    std::map<std::pair<std::int64_t, std::vector<std::int64_t>>, Place> turned;  // by storage and strides
    for (std::size_t s : members) {
      PlanStep& step = plan_.steps[s];
      if (step.kind != Kind::primitive || step.primitive->rows() != Primitive::Rows::product) continue;
      PlanStep::Operand& weights = step.inputs[1];
      if (cuts_[s].axes[1] >= 0 || weights.shape.size() != 2 || weights.place.layout.offset != 0) continue;
      if (is_contiguous(weights.shape, weights.place.layout)) continue;
      const Layout& layout = weights.place.layout;
      const auto [found, added] = turned.emplace(
          std::pair(weights.place.storage, std::vector<std::int64_t>(layout.strides.begin(), layout.strides.end())),
          Place{});
      if (added) {
        found->second = {static_cast<std::int64_t>(plan_.storage_bytes.size()), contiguous_layout(weights.shape)};
        plan_.storage_bytes.push_back(element_count(weights.shape) * size_of(weights.dtype));
        made_.emplace_back();
        readers_.emplace_back();
        outlives_.push_back(false);
        PlanStep copy;
        copy.kind = Kind::copy;
        copy.label = "copy";
        copy.inputs.push_back(weights);
        copy.outputs.push_back({found->second, weights.shape, weights.dtype});
        copy.bytes = 2.0 * static_cast<double>(plan_.storage_bytes.back());
        turned_.emplace_back(phase_[s], std::move(copy));
      }
      weights.place = found->second;
    }
  }

  /// What the region reads and writes in the plan's memory.
  void collect_operands(const std::vector<std::size_t>& members, PlanStep& whole) {
    std::set<std::int64_t> seen;
    for (std::size_t s : members) {
      for (const PlanStep::Operand& output : plan_.steps[s].outputs) {
        const std::int64_t storage = output.place.storage;
        if (is_local(storage) || !seen.insert(storage).second) continue;
        whole.outputs.push_back({{storage, {}}, {}, output.dtype});
      }
    }
    for (std::size_t s : members) {
      for (const PlanStep::Operand& input : plan_.steps[s].inputs) {
        const std::int64_t storage = input.place.storage;
        if (is_local(storage) || !seen.insert(storage).second) continue;
        whole.inputs.push_back({{storage, {}}, {}, input.dtype});
      }
    }
  }

  static std::int64_t number_of(const PlanStep& whole, std::int64_t storage) {
    std::int64_t number = 0;
    for (const auto* operands : {&whole.inputs, &whole.outputs}) {
      for (const PlanStep::Operand& o : *operands) {
        if (o.place.storage == storage) return number;
        ++number;
      }
    }
    assert(!"an operand of the region");
    return -1;
  }

  void add_step(std::size_t s, const BlockMemory& memory, const PlanStep& whole, Region& region) {
    const PlanStep& from = plan_.steps[s];
    const Cut& cut = cuts_[s];
    Region::Step step;
    step.kind = from.kind;
    step.primitive = from.primitive;
    step.input_count = from.inputs.size();
    step.store_count = from.store_count;
    step.label = from.label;
    step.flops = from.flops;
    step.bytes = from.bytes;
    for (std::size_t i = 0; i < operand_count(from); ++i) {
      const PlanStep::Operand& o = operand_of(from, i);
      const std::int64_t storage = o.place.storage, size = size_of(o.dtype);
      const bool is_sum = i >= step.input_count && cut.axes[i] < 0;
      Region::Operand to{.offset = o.place.layout.offset * size, .dtype = o.dtype};
      if (is_sum || is_local(storage)) {
        to.home = Region::Operand::Home::block;
        to.offset += memory.offset(storage);
      } else {
        to.place = number_of(whole, storage);
        if (cut.axes[i] >= 0) to.row_bytes = cut.width * o.place.layout.strides[cut.axes[i]] * size;
      }
      if (is_sum) {
        step.sums.push_back({i, static_cast<std::int64_t>(region.sums.size())});
        add_sum(from, i - step.input_count, number_of(whole, storage), region);
      }
      step.operands.push_back(to);
      step.strides.push_back(o.place.layout.strides);
    }
    const std::int64_t last = region.rows % region.block;
    step.forms[0] = form(from, cut, region.block);
    if (last != 0) step.forms[1] = form(from, cut, last);
    region.steps.push_back(std::move(step));
  }

  static void add_sum(const PlanStep& from, std::size_t o, std::int64_t place, Region& region) {
    const PlanStep::Operand& output = from.outputs[o];
    Region::Sum sum;
    sum.offset = region.sum_bytes;
    sum.count = element_count(output.shape);
    sum.dtype = output.dtype;
    if (from.kind == Kind::fused) sum.op = from.program->reductions[o - from.store_count].op;
    sum.wide = from.kind == Kind::fused && sum.dtype == f32 && sum.op == kernels::ReduceOp::sum;
    sum.place = place;
    sum.result_offset = output.place.layout.offset * size_of(output.dtype);
    region.sum_bytes += divide_up(sum.count * (sum.wide ? 8 : size_of(sum.dtype)), 64) * 64;
    region.sums.push_back(sum);
  }

  /// The step for blocks of `rows` rows.
  static Region::Form form(const PlanStep& step, const Cut& cut, std::int64_t rows) {
    Region::Form form;
    for (std::size_t i = 0; i < operand_count(step); ++i) {
      form.shapes.push_back(operand_of(step, i).shape);
      if (cut.axes[i] >= 0) form.shapes.back()[cut.axes[i]] = rows * cut.width;
    }
    if (step.kind == Kind::fused) {
      Shape iteration = step.iteration;
      iteration[cut.dimension] = rows * cut.width;
      form.tile = std::make_shared<const kernels::CompiledTile>(
          *step.program, std::span<const std::int64_t>(iteration.data(), iteration.size()));
    }
    return form;
  }

  // The new plan ------------------------------------------------------------------------------------------------

  void put_in_order() {
    std::vector<PlanStep> steps;
    std::int64_t last = 0;
    for (std::int64_t phase : phase_) last = std::max(last, phase);
    for (std::int64_t phase = 0; phase <= last; ++phase) {
      for (std::size_t s = 0; s < count_; ++s) {
        if (phase_[s] == phase && region_of_[s] < 0) steps.push_back(std::move(plan_.steps[s]));
      }
      for (auto& [of, copy] : turned_) {
        if (of == phase) steps.push_back(std::move(copy));
      }
      for (auto& [of, region] : regions_) {
        if (of == phase) steps.push_back(std::move(region));
      }
    }
    plan_.steps = std::move(steps);
  }

  Plan& plan_;
  const std::size_t count_;
  std::vector<bool> expendable_;  // of each storage: a leaf that nobody can reach afterwards
  const bool always_ = streaming() == Streaming::always;
  std::vector<std::int64_t> row_counts_;
  std::vector<int> group_;                                  // of each step: the number in row_counts_, or -1
  std::vector<std::int64_t> phase_;                         // of each step
  std::vector<Cut> cuts_;                                   // of each step
  std::vector<Made> made_;                                  // of each storage
  std::vector<std::vector<std::size_t>> readers_;           // of each storage
  std::vector<bool> outlives_;                              // of each storage: somebody may ask for it after the run
  std::vector<std::int64_t> region_of_;                     // of each step
  std::vector<std::pair<std::int64_t, PlanStep>> turned_;   // copies of weights for the regions of a phase
  std::vector<std::pair<std::int64_t, PlanStep>> regions_;  // and their phases
};

}  // namespace

StreamingScope::StreamingScope(Streaming streaming)
    : previous_(static_cast<Streaming>(std::exchange(context().streaming, static_cast<std::uint8_t>(streaming)))) {}
StreamingScope::~StreamingScope() { context().streaming = static_cast<std::uint8_t>(previous_); }
Streaming streaming() { return static_cast<Streaming>(context().streaming); }

void stream_rows(Plan& plan, std::vector<bool> expendable) {
  if (streaming() != Streaming::off) Streamer(plan, std::move(expendable)).run();
}

}  // namespace sg

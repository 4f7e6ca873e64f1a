// Streaming: makes regions of the steps of one row set and phase, and puts them in their order.
#include "engine/stream.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/context.h"
#include "engine/region.h"
#include "engine/stream_cost.h"
#include "engine/stream_memory.h"
#include "engine/stream_row_sets.h"

namespace sg {
namespace {

constexpr std::int64_t kPackingCost = 4;  // of a convolution's weights, in readings of them

using Kind = PlanStep::Kind;

/// Steps of no region, and those that need not run any more.
constexpr std::int64_t none = -1, gone = -2;

class Streamer {
 public:
  Streamer(Plan& plan, RowSets row_sets)
      : plan_(plan), count_(plan.steps.size()), row_sets_(std::move(row_sets)), region_of_(count_, none) {}

  void run() {
    make_regions();
    if (!regions_.empty()) put_in_order();
  }

 private:
  // Regions -----------------------------------------------------------------------------------------------------

  void make_regions() {
    std::map<std::pair<std::int64_t, int>, std::vector<std::size_t>> members;
    for (std::size_t s = 0; s < count_; ++s) {
      if (row_sets_.set_of[s] >= 0) members[{row_sets_.phase[s], row_sets_.set_of[s]}].push_back(s);
    }
    for (const auto& [key, steps] : members) {
      for (std::size_t s : steps) region_of_[s] = static_cast<std::int64_t>(regions_.size());
      if (auto made = make_region(steps)) {
        regions_.push_back({key.first, std::move(*made)});
      } else {
        for (std::size_t s : steps) region_of_[s] = none;
      }
    }
  }

  bool is_local(std::int64_t storage) const {
    const Made& made = row_sets_.made[storage];
    if (made.step < 0 || made.row_elements == 0 || row_sets_.outlives[storage]) return false;
    if (region_of_[made.step] < 0) return false;
    return std::all_of(row_sets_.readers[storage].begin(), row_sets_.readers[storage].end(),
                       [&](std::size_t reader) { return region_of_[reader] == region_of_[made.step]; });
  }

  // Sums of sums --------------------------------------------------------------------------------------------------

  /// Whether the step adds up whole tensors, each once, and does nothing else.
  bool only_adds(const PlanStep& step) const {
    if (step.kind != Kind::fused || step.store_count != 1 || step.outputs.size() != 1) return false;
    const kernels::TileProgram& program = *step.program;
    if (program.loads.size() < 2 || program.code.size() + 1 != program.loads.size()) return false;
    std::vector<int> uses(static_cast<std::size_t>(program.value_count), 0);
    for (const kernels::TileInstruction& instruction : program.code) {
      if (instruction.op != kernels::TileOp::add) return false;
      ++uses[instruction.a];
      ++uses[instruction.b];
    }
    ++uses[program.stores[0].value];
    return std::all_of(uses.begin(), uses.end(), [](int n) { return n == 1; }) &&
           std::all_of(step.inputs.begin(), step.inputs.end(),
                       [&](const auto& input) { return is_whole(input) && input.dtype == step.outputs[0].dtype; }) &&
           is_whole(step.outputs[0]);
  }

  bool is_whole(const PlanStep::Operand& operand) const {
    return operand.place.layout.offset == 0 && is_contiguous(operand.shape, operand.place.layout) &&
           plan_.storage_bytes[operand.place.storage] == element_count(operand.shape) * size_of(operand.dtype);
  }

  static bool sums_in_f64(const PlanStep& step, std::size_t o) {
    return step.kind == Kind::fused && step.outputs[o].dtype == f32 &&
           step.program->reductions[o - step.store_count].op == kernels::ReduceOp::sum;
  }

  /// Where a step of the region sums the storage over its rows, and only one step reads it: whether it does so in f64.
  std::optional<bool> summed_by(std::int64_t region, std::int64_t storage) const {
    const std::int64_t maker = row_sets_.made[storage].step;
    if (maker < 0 || region_of_[maker] != region || row_sets_.outlives[storage]) return {};
    if (row_sets_.readers[storage].size() != 1) return {};
    const PlanStep& step = plan_.steps[maker];
    const auto output = std::find_if(step.outputs.begin(), step.outputs.end(),
                                     [&](const auto& o) { return o.place.storage == storage; });
    const std::size_t o = output - step.outputs.begin();
    if (row_sets_.cuts[maker].axes[step.inputs.size() + o] >= 0) return {};
    if (step.kind == Kind::fused && step.program->reductions[o - step.store_count].op != kernels::ReduceOp::sum) {
      return {};
    }
    return sums_in_f64(step, o);
  }

  /// A weight that is used several times, as in the derivatives of a network, has several gradients that are added.
  /// Where one region sums all of them it sums them into one: finds the steps that need not run then.
  std::vector<std::size_t> find_additions(std::int64_t region) const {
    std::vector<std::size_t> additions;
    for (std::size_t s = 0; s < count_; ++s) {
      const PlanStep& step = plan_.steps[s];
      if (region_of_[s] != none || row_sets_.set_of[s] >= 0 || !only_adds(step)) continue;
      const auto kind = summed_by(region, step.inputs[0].place.storage);
      if (kind && std::all_of(step.inputs.begin(), step.inputs.end(), [&](const PlanStep::Operand& input) {
            return summed_by(region, input.place.storage) == kind;
          })) {
        additions.push_back(s);
      }
    }
    return additions;
  }

  void join_sums(std::size_t addition) {
    region_of_[addition] = gone;
    for (const PlanStep::Operand& part : plan_.steps[addition].inputs) {
      total_of_[part.place.storage] = plan_.steps[addition].outputs[0].place.storage;
    }
  }

  /// The storage that holds, after the region, what a step sums over the rows.
  std::int64_t total_of(std::int64_t storage) const {
    const auto found = total_of_.find(storage);
    return found == total_of_.end() ? storage : found->second;
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
          block.writes.push_back(
              {storage, row_sets_.made[storage].row_elements * size_of(output.dtype), 0, taken(step, o)});
        } else if (row_sets_.cuts[s].axes[step.inputs.size() + o] < 0) {
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
      figures.convolves |= step.kind == Kind::primitive && (step.primitive->rows() == Primitive::Rows::first ||
                                                            step.primitive->rows() == Primitive::Rows::sum);
      std::int64_t passing = 0;
      for (std::size_t i = 0; i < operand_count(step); ++i) {
        const PlanStep::Operand& o = operand_of(step, i);
        const std::int64_t bytes = element_count(o.shape) * size_of(o.dtype);
        if (row_sets_.cuts[s].axes[i] >= 0) {
          (is_local(o.place.storage) ? figures.traffic : passing) += bytes / rows;
        } else if (i >= step.inputs.size()) {
          // Each part of a joined sum, since each is added for itself in every block. Counted once, mlp_h1 and mlp_h2
          // are dealt in 16 chunks for 8, which takes 2 % more on two cores.
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
    const std::int64_t rows = row_sets_.row_counts[row_sets_.set_of[members[0]]];
    const std::vector<BlockMemory::Step> block_memory_steps = block_steps(members);
    const RegionFigures figures = figures_of(members, rows, block_memory_steps);
    const auto extent = always_ ? smallest_extent(rows) : choose_extent(figures);
    if (!extent) return {};
    for (std::size_t addition : find_additions(region_of_[members[0]])) join_sums(addition);
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
    for (const Made& made : row_sets_.made) {
      if (made.step < 0 || std::find(members.begin(), members.end(), made.step) == members.end()) continue;
      const std::int64_t storage = &made - row_sets_.made.data();
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
      if (row_sets_.cuts[s].axes[1] >= 0 || weights.shape.size() != 2 || weights.place.layout.offset != 0) continue;
      if (is_contiguous(weights.shape, weights.place.layout)) continue;
      const Layout& layout = weights.place.layout;
      const auto [found, added] = turned.emplace(
          std::pair(weights.place.storage, std::vector<std::int64_t>(layout.strides.begin(), layout.strides.end())),
          Place{});
      if (added) {
        found->second = {static_cast<std::int64_t>(plan_.storage_bytes.size()), contiguous_layout(weights.shape)};
        plan_.storage_bytes.push_back(element_count(weights.shape) * size_of(weights.dtype));
        row_sets_.made.emplace_back();
        row_sets_.readers.emplace_back();
        row_sets_.outlives.push_back(false);
        PlanStep copy;
        copy.kind = Kind::copy;
        copy.label = "copy";
        copy.inputs.push_back(weights);
        copy.outputs.push_back({found->second, weights.shape, weights.dtype});
        copy.bytes = 2.0 * static_cast<double>(plan_.storage_bytes.back());
        turned_.emplace_back(row_sets_.phase[s], std::move(copy));
      }
      weights.place = found->second;
    }
  }

  /// What the region reads and writes in the plan's memory.
  void collect_operands(const std::vector<std::size_t>& members, PlanStep& whole) {
    std::set<std::int64_t> seen;
    for (std::size_t s : members) {
      for (const PlanStep::Operand& output : plan_.steps[s].outputs) {
        const std::int64_t storage = total_of(output.place.storage);
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
    const Cut& cut = row_sets_.cuts[s];
    Region::Step step;
    step.kind = from.kind;
    step.program = from.program;
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
        to.tensor = number_of(whole, storage);
        if (cut.axes[i] >= 0) to.row_bytes = cut.width * o.place.layout.strides[cut.axes[i]] * size;
      }
      if (is_sum) step.sums.push_back(sum_of(from, i, number_of(whole, total_of(storage)), region));
      step.operands.push_back(to);
      step.strides.push_back(o.place.layout.strides);
    }
    const std::int64_t last = region.rows % region.block;
    step.forms[0] = form(from, cut, region.block);
    if (last != 0) step.forms[1] = form(from, cut, last);
    region.steps.push_back(std::move(step));
  }

  /// Operand i of the step is a part of the sum that goes to the region's operand `result`.
  static Region::Step::Sum sum_of(const PlanStep& from, std::size_t i, std::int64_t result, Region& region) {
    const std::size_t o = i - from.inputs.size();
    const PlanStep::Operand& output = from.outputs[o];
    const auto known = std::find_if(region.sums.begin(), region.sums.end(),
                                    [&](const Region::Sum& sum) { return sum.result == result; });
    if (known != region.sums.end()) return {i, known - region.sums.begin(), false};
    Region::Sum sum;
    sum.offset = region.sum_bytes;
    sum.count = element_count(output.shape);
    sum.dtype = output.dtype;
    if (from.kind == Kind::fused) sum.op = from.program->reductions[o - from.store_count].op;
    sum.wide = sums_in_f64(from, o);
    sum.result = result;
    sum.result_offset = output.place.layout.offset * size_of(output.dtype);
    region.sum_bytes += divide_up(sum.count * (sum.wide ? 8 : size_of(sum.dtype)), 64) * 64;
    region.sums.push_back(sum);
    return {i, static_cast<std::int64_t>(region.sums.size()) - 1, true};
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
    for (std::int64_t phase : row_sets_.phase) last = std::max(last, phase);
    for (std::int64_t phase = 0; phase <= last; ++phase) {
      for (std::size_t s = 0; s < count_; ++s) {
        if (row_sets_.phase[s] == phase && region_of_[s] == none) steps.push_back(std::move(plan_.steps[s]));
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
  const bool always_ = streaming() == Streaming::always;
  RowSets row_sets_;
  std::vector<std::int64_t> region_of_;                     // of each step: its number, none or gone
  std::map<std::int64_t, std::int64_t> total_of_;           // of storages that are parts of a sum
  std::vector<std::pair<std::int64_t, PlanStep>> turned_;   // copies of weights for the regions of a phase
  std::vector<std::pair<std::int64_t, PlanStep>> regions_;  // and their phases
};

}  // namespace

StreamingScope::StreamingScope(Streaming streaming)
    : previous_(static_cast<Streaming>(std::exchange(context().streaming, static_cast<std::uint8_t>(streaming)))) {}
StreamingScope::~StreamingScope() { context().streaming = static_cast<std::uint8_t>(previous_); }
Streaming streaming() { return static_cast<Streaming>(context().streaming); }

void stream_rows(Plan& plan, std::vector<bool> expendable) {
  if (streaming() == Streaming::off) return;
  expendable.resize(plan.storage_bytes.size());
  RowSets row_sets = find_row_sets(plan, expendable, streaming() == Streaming::always);
  if (!row_sets.row_counts.empty()) Streamer(plan, std::move(row_sets)).run();
}

}  // namespace sg

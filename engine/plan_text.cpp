// The text of a plan and of its tile programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/kernels/tile_schedule.h"
#include "engine/plan.h"
#include "engine/region.h"

namespace sg {
namespace {

double kilobytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1024; }

std::string shapes_of(const PlanStep& step) {
  std::string text;
  for (const PlanStep::Operand& input : step.inputs) text += fmt::format(" {}", input.shape);
  text += " ->";
  for (const PlanStep::Operand& output : step.outputs) text += fmt::format(" {}", output.shape);
  return text;
}

bool has_immediate(kernels::TileOp op) {
  return op == kernels::TileOp::constant || op == kernels::TileOp::add_immediate ||
         op == kernels::TileOp::multiply_immediate;
}

/// Where an operand of a region's step is.
std::string_view home_of(const Region::Step& step, std::size_t i) {
  const Region::Operand& operand = step.operands[i];
  if (std::any_of(step.sums.begin(), step.sums.end(), [&](const auto& sum) { return sum.operand == i; })) {
    return " summed";
  }
  if (operand.home == Region::Operand::Home::block) return " in cache";
  return operand.row_bytes == 0 && i < step.input_count ? " for all rows" : "";
}

std::string line_of(const PlanStep& step) { return fmt::format("{}:{}\n", step.label, shapes_of(step)); }

std::string line_of(const Region::Step& step) {
  std::string text = fmt::format("{}:", step.label);
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    text += fmt::format("{} {}{}", i == step.input_count ? " ->" : "", step.forms[0].shapes[i], home_of(step, i));
  }
  return text + '\n';
}

std::string text_of(const kernels::TileProgram& given) {
  const kernels::TileProgram program = kernels::simplify(given);
  std::string text;
  for (std::size_t i = 0; i < program.loads.size(); ++i) {
    text += fmt::format("  %{} = load input {}\n", program.loads[i].value, i);
  }
  for (const kernels::TileInstruction& instruction : program.code) {
    text += fmt::format("  %{} = {}", instruction.out, kernels::name_of(instruction.op));
    const std::uint16_t operands[] = {instruction.a, instruction.b, instruction.c};
    for (int i = 0; i < kernels::arity(instruction.op); ++i) text += fmt::format(" %{}", operands[i]);
    if (has_immediate(instruction.op)) text += fmt::format(" {}", instruction.immediate);
    text += '\n';
  }
  for (std::size_t i = 0; i < program.stores.size(); ++i) {
    text += fmt::format("  store %{} to output {}\n", program.stores[i].value, i);
  }
  std::vector<int> axes;
  for (int axis = 0; axis < kernels::kMaxTileDims; ++axis) {
    if (program.reduced_axes >> axis & 1) axes.push_back(axis);
  }
  constexpr const char* names[] = {"sum", "max", "min"};
  for (std::size_t i = 0; i < program.reductions.size(); ++i) {
    const kernels::TileReduction& reduction = program.reductions[i];
    text += fmt::format("  {} of %{} over axes {} to output {}\n", names[static_cast<int>(reduction.op)],
                        reduction.value, axes, program.stores.size() + i);
  }
  return text;
}

}  // namespace

std::string to_string(const Region& region) {
  std::string text = fmt::format(
      "region: {} rows in {} blocks of {}, dealt in {} chunks; a block's memory {:.1f} KB, a chunk's sums {:.1f} KB; "
      "{:.1f} KB of tensors exist in blocks only\n",
      region.rows, region.block_count(), region.block, region.chunks, kilobytes(region.block_bytes),
      kilobytes(region.sum_bytes), kilobytes(region.saved_bytes));
  for (const Region::Step& step : region.steps) text += "  " + line_of(step);
  return text;
}

std::string to_string(const Plan& plan) {
  std::string text;
  for (const PlanStep& step : plan.steps) {
    text += step.region ? to_string(*step.region) : line_of(step);
  }
  return text;
}

std::string tile_programs(const Plan& plan) {
  std::string text;
  const auto add = [&](const auto& step) {
    if (step.kind == PlanStep::Kind::fused) text += line_of(step) + text_of(*step.program);
  };
  for (const PlanStep& step : plan.steps) {
    add(step);
    if (step.region) std::for_each(step.region->steps.begin(), step.region->steps.end(), add);
  }
  return text;
}

}  // namespace sg

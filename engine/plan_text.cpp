// The text of a plan.
#include <fmt/format.h>

#include <algorithm>

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

/// Where an operand of a region's step is.
std::string_view home_of(const Region::Step& step, std::size_t i) {
  const Region::Operand& operand = step.operands[i];
  if (std::any_of(step.sums.begin(), step.sums.end(), [&](const auto& sum) { return sum.operand == i; })) {
    return " summed";
  }
  if (operand.home == Region::Operand::Home::block) return " in cache";
  return operand.row_bytes == 0 && i < step.input_count ? " for all rows" : "";
}

}  // namespace

std::string to_string(const Region& region) {
  std::string text = fmt::format(
      "region: {} rows in {} blocks of {}, dealt in {} chunks; a block's memory {:.1f} KB, a chunk's sums {:.1f} KB; "
      "{:.1f} KB of tensors exist in blocks only\n",
      region.rows, region.block_count(), region.block, region.chunks, kilobytes(region.block_bytes),
      kilobytes(region.sum_bytes), kilobytes(region.saved_bytes));
  for (const Region::Step& step : region.steps) {
    text += fmt::format("  {}:", step.label);
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      text += fmt::format("{} {}{}", i == step.input_count ? " ->" : "", step.forms[0].shapes[i], home_of(step, i));
    }
    text += '\n';
  }
  return text;
}

std::string to_string(const Plan& plan) {
  std::string text;
  for (const PlanStep& step : plan.steps) {
    text += step.region ? to_string(*step.region) : fmt::format("{}:{}\n", step.label, shapes_of(step));
  }
  return text;
}

}  // namespace sg

// Cuts: how a plan's step can be cut into rows.
#pragma once

#include <vector>

#include "engine/plan.h"

namespace sg {

/// How a step is cut: the axis of each operand (inputs, then outputs) that counts rows, -1 for one that is read whole
/// or is a sum over the rows; and how many indices of these axes make a row.
struct Cut {
  std::vector<int> axes;
  std::int64_t width = 1;
  int dimension = 0;  // of a fused step's iteration
};

inline std::size_t operand_count(const PlanStep& step) { return step.inputs.size() + step.outputs.size(); }
/// The inputs, then the outputs.
inline const PlanStep::Operand& operand_of(const PlanStep& step, std::size_t i) {
  return i < step.inputs.size() ? step.inputs[i] : step.outputs[i - step.inputs.size()];
}

/// The ways to cut a step into `rows` rows, as far as its own shapes say.
std::vector<Cut> possible_cuts(const PlanStep& step, std::int64_t rows);

/// Whether an operand, cut along `axis`, reads rows as they were made: `row_elements` after each other.
bool reads_rows(const PlanStep::Operand& operand, int axis, std::int64_t width, std::int64_t row_elements);

}  // namespace sg

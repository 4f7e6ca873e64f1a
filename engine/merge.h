// Merge: what several nodes compute alike is computed once.
#pragma once

#include "engine/plan.h"

namespace sg {

/// Finds nodes whose primitives are equal and whose inputs are, as the slopes that a derivative and the derivative of
/// that write down: cos(x) for sin(x), each for itself. Whoever reads a later one of them reads the first instead,
/// which is its `same_as` and its only input. What is as cheap to compute as to read stays apart.
PlanInput merge_equal(const PlanInput& input);

}  // namespace sg

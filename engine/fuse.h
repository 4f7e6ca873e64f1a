// Fusion: which elementwise nodes and reductions share a pass over memory.
#pragma once

#include <vector>

#include "engine/plan.h"

namespace sg {

/// What is cheaper than a trip to memory and back: in additions, as in kernels/tile_ops.def.
inline constexpr int kRecomputeCost = 4;

/// How the planner sees each node, and where it has put it.
struct Fusion {
  enum class Role { leaf, constant, view, elementwise, reduction, kernel, dropped };  // dropped: nobody needs it
  std::vector<Role> roles;
  std::vector<std::int64_t> level;  // when it is computed: after everything of a lower level
  std::vector<bool> in_memory;      // its value is written
  std::vector<std::int64_t>
      group;  // of elementwise nodes and reductions; -1 for others and for those that are only recomputed
  std::vector<bool> after_group;  // a reduction that was split off, and reads what a group of its level wrote
  std::vector<bool> needs_copy;   // a view that strides cannot express
  std::vector<Place> places;      // of leaves and views of leaves; filled by the planner for the rest
};

/// Levels are as late as possible, so that what is cheap to compute from values in memory is computed where it is
/// needed; nodes of one level and one iteration space that hang together form a group. An edge always leads from a
/// lower to a higher level or stays inside a group, so that groups can never wait for each other in a circle.
Fusion fuse(const PlanInput& input, bool enabled);

/// The shape that a node's kernel runs over: its own, or its input's for a reduction.
const Shape& iteration_shape(const Node& node);

}  // namespace sg

// Plan: from a graph to an order of work. A plan speaks of storages, not of nodes, so that the next training step,
// whose graph has the same form, can run it again.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/kernels/tile_vm.h"
#include "engine/node.h"
#include "engine/walk.h"

namespace sg {

struct Region;  // stream.h

/// Elements of a piece of memory. Storages are numbered: those of the leaves first seen, then what the plan allocates.
struct Place {
  std::int64_t storage = -1;
  Layout layout;  // of a leaf: without the leaf's own offset, which is added when the plan runs
};

/// One kernel.
struct PlanStep {
  enum class Kind { fused, primitive, copy, region };
  Kind kind = Kind::fused;
  std::shared_ptr<const kernels::TileProgram> program;  // fused
  Shape iteration;                                      // fused: what the program runs over
  std::shared_ptr<const kernels::CompiledTile> tile;    // fused
  PrimitivePointer primitive;                           // primitive
  std::shared_ptr<const Region> region;                 // region: many steps, run on blocks of rows

  struct Operand {
    Place place;
    Shape shape;
    Dtype dtype;
  };
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;  // fused: the stores, then the reductions
  std::size_t store_count = 0;   // fused
  std::vector<std::int64_t>
      takes_over;                      // for each output: the storage whose memory it takes over, or -1 for new memory
  std::vector<std::int64_t> releases;  // storages that nobody reads after this step

  std::size_t together = 1;  // steps from here on that are fused, independent of each other, and run at once

  std::string label;  // for the profile: the primitive, or those that were fused
  double flops = 0;
  double bytes = 0;  // read and written
};

struct Plan {
  std::vector<PlanStep> steps;
  std::vector<std::int64_t> leaves;  // their indices in the order of nodes, one for each leaf storage
  std::vector<std::int64_t> storage_bytes;
  struct Kept {
    std::int64_t node;  // its index in the order of nodes
    Place place;
  };
  std::vector<Kept> kept;  // values that outlive the run
  std::int64_t new_buffers = 0;
};

/// A graph as the planner sees it: nodes in topological order, with what it must know of each of them.
struct PlanInput {
  struct Facts {
    const Value* value = nullptr;  // null for what is to be computed
    bool kept = false;             // somebody may ask for the value afterwards
    bool welcome = false;          // the value is kept if it happens to be in memory
    bool expendable = false;       // a leaf that nobody can reach afterwards: its last reader may write over it
    std::int64_t same_as = -1;     // an earlier node whose value this one has: see merge.h
  };
  std::vector<Node*> nodes;
  std::vector<Facts> facts;  // of each node
  IndexLists inputs;         // indices of each node's inputs; none for what has a value already
};

/// Levels, fusion, order and memory. With `fuse` off every node is a step of its own.
Plan make_plan(const PlanInput& input, bool fuse);

/// While it lives, this thread makes every plan anew and keeps none: what a plan that is used again must agree with.
class FreshPlans {
 public:
  FreshPlans();
  ~FreshPlans();
  FreshPlans(const FreshPlans&) = delete;
  FreshPlans& operator=(const FreshPlans&) = delete;

 private:
  bool previous_;
};

/// A line a step in the order of work, with the shapes that it reads and writes. A region (stream.h) has a line for
/// itself, with its rows, blocks and memory, and one for each of its steps, with what stays in cache between them.
std::string to_string(const Plan& plan);
std::string to_string(const Region& region);
/// A line as above for each fused step, regions' included, and under it the instructions of its tile program as they
/// are run: without copies and dead code, constants folded, products joined to sums.
std::string tile_programs(const Plan& plan);

/// What the calling thread's last evaluation did.
struct EvaluationStatistics {
  std::int64_t nodes = 0;    // computed, fused ones included
  std::int64_t kernels = 0;  // steps that ran, those of regions one by one
  std::int64_t regions = 0;  // runs of steps that were streamed
  std::int64_t buffers = 0;  // pieces of memory taken from the pool
  bool reused_plan = false;
};
const EvaluationStatistics& last_evaluation();

}  // namespace sg

// Context: all that the engine keeps for one of the user's threads. Scopes, walks, the free list of nodes, plans,
// statistics and the profile are found here and nowhere else, so that no two threads ever share them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/tensor.h"

namespace sg {

struct PlanCache;  // evaluate.cpp
class RunAgain;    // transforms.cpp
namespace profile {
struct Totals;  // profile.cpp
}

struct Context {
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// A number that no other thread has or had; 0 is nobody's.
  const std::uint32_t thread;

  // Scopes.
  bool grad_enabled = true;        // NoGrad
  bool taking_derivative = false;  // DerivativeScope
  bool checking_finite = false;    // CheckFinite
  bool reusing_plans = true;       // FreshPlans
  std::uint8_t streaming = 0;      // StreamingScope
  std::int64_t memory_limit = 0;   // set_memory_limit

  int vmaps = 0;                  // whose functions are being traced
  RunAgain* run_again = nullptr;  // the innermost run of a function of `checkpoint`

  std::uint64_t walks = 0;  // over graphs, so far

  /// Nodes made less nodes let go of by this thread. Only this thread writes it.
  std::atomic<std::int64_t> live_nodes{0};
  /// Memory of nodes that nobody holds any more, kept for the next ones: a training step makes as many as the one
  /// before it.
  void* free_nodes = nullptr;
  std::int64_t free_node_count = 0;
  /// Nodes that nobody holds and that are being destroyed: what they hold in turn joins the list instead of recursing.
  struct {
    Node* first = nullptr;
    bool in_use = false;
  } dead_nodes;

  /// Uncomputed tensors, each with the node that it is to be computed with: see `compute_along`.
  std::vector<std::pair<Tensor, const Node*>> companions;

  std::shared_ptr<PlanCache> plans;  // made at the first evaluation

  bool profiling = false;
  std::shared_ptr<profile::Totals> profile;  // made when profiling begins
};

namespace detail {
extern constinit thread_local Context* this_context;
Context& begin_context();
}  // namespace detail

/// The calling thread's context.
inline Context& context() {
  Context* current = detail::this_context;
  return current ? *current : detail::begin_context();
}

/// The same, or null once the thread has ended but for destructors of what lives as long as it does.
Context* context_unless_ended();

/// For a node that is let go of without a context.
void count_node_without_context();

}  // namespace sg

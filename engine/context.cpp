// Context: its life, and the list of all of them from which the live nodes are counted.
#include "engine/context.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "engine/tensor.h"

namespace sg {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<const Context*> contexts;
  std::int64_t live_nodes_of_ended = 0;  // made less let go of by threads that have ended
  std::uint32_t threads = 0;
};

Registry& registry() {
  static auto* instance = new Registry;  // never destroyed: threads may end after everything static
  return *instance;
}

std::uint32_t next_thread() {
  const std::lock_guard lock(registry().mutex);
  return ++registry().threads;
}

thread_local bool ended = false;

/// Ends the context with its thread.
struct Owner {
  Owner() = default;
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  std::unique_ptr<Context> context;
  ~Owner() {
    ended = true;
    detail::this_context = nullptr;
  }
};

}  // namespace

constinit thread_local Context* detail::this_context = nullptr;

Context& detail::begin_context() {
  auto context = std::make_unique<Context>();
  this_context = context.get();
  if (ended) return *context.release();  // for a destructor that computes: rare enough to leave it to the system
  thread_local Owner owner;
  owner.context = std::move(context);
  return *this_context;
}

Context* context_unless_ended() { return ended ? detail::this_context : &context(); }

Context::Context() : thread(next_thread()) {
  const std::lock_guard lock(registry().mutex);
  registry().contexts.push_back(this);
}

Context::~Context() {
  plans.reset();
  companions.clear();
  while (free_nodes) {
    void* next = *static_cast<void**>(free_nodes);
    ::operator delete(free_nodes);
    free_nodes = next;
  }
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.live_nodes_of_ended += live_nodes.load(std::memory_order_relaxed);
  std::erase(all.contexts, this);
}

void count_node_without_context() {
  const std::lock_guard lock(registry().mutex);
  --registry().live_nodes_of_ended;
}

std::int64_t live_nodes() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::int64_t count = all.live_nodes_of_ended;
  for (const Context* context : all.contexts) count += context->live_nodes.load(std::memory_order_relaxed);
  return count;
}

}  // namespace sg

// The thread pool. Work is cut into tasks by shape alone, so that results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <type_traits>

namespace sg::kernels {

/// A borrowed callable: cheaper than std::function, valid only while the callable lives.
class TaskReference {
 public:
  template <class Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, TaskReference>)
      TaskReference(const Function& function)  // NOLINT: implicit on purpose
      : object_(&function),
        call_([](const void* object, std::int64_t task) { (*static_cast<const Function*>(object))(task); }) {}
  void operator()(std::int64_t task) const { call_(object_, task); }

 private:
  const void* object_;
  void (*call_)(const void*, std::int64_t);
};

/// Calls `task(i)` once for each i in [0, count), on all threads of the pool, and returns when all are done. Which
/// thread runs which task is not fixed, so a task must write only what is its own. A nested call, and
/// one that comes while the pool works for another of the user's threads, runs on the calling thread alone. An
/// exception thrown by a task is thrown again here, once the others have ended.
void parallel_for(std::int64_t count, TaskReference task);

/// Whether `parallel_for` would run all tasks on the calling thread, as it does inside of a task. A kernel may order
/// its work by this where the order leaves the bits alone.
bool runs_alone();

/// The number of threads that `parallel_for` uses, the caller's included; by default the machine's cores.
int threads();
/// Sets it (at least 1); waits for work that runs on the pool.
void set_threads(int count);

}  // namespace sg::kernels

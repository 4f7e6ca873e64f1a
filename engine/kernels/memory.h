// The memory pool: buffers come from it and return to it, so that a steady training step asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sg::kernels {

/// At least `bytes` bytes, aligned to 64. Thread-safe. Throws sg::Error when the system has no more.
void* allocate(std::size_t bytes);
/// Gives back what `allocate` returned. Thread-safe.
void release(void* data) noexcept;

struct MemoryStatistics {
  std::int64_t system_allocations = 0;  // how often the pool had to ask the system, since the start
  std::int64_t live_buffers = 0;        // allocated and not yet released
  std::int64_t live_bytes = 0;
  std::int64_t peak_bytes = 0;    // the highest live_bytes since the start or the last reset_peak
  std::int64_t pooled_bytes = 0;  // held free for reuse
};
MemoryStatistics memory_statistics();
void reset_peak();
/// Returns all free memory of the pool to the system.
void trim();

/// Scratch memory for the time of a scope, from the same pool.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : data_(allocate(bytes)) {}
  ~Scratch() { release(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_;
};

}  // namespace sg::kernels

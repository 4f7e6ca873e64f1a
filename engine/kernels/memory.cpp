// The memory pool.
#include "engine/kernels/memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "engine/error.h"
#include "engine/kernels/heap.h"

namespace sg::kernels {
namespace {

constexpr std::size_t kAlignment = 64;
// Blocks up to this size are kept in lists by their size, larger ones come from the heap.
constexpr std::size_t kLargestListed = std::size_t{64} << 10;
constexpr int kClasses = 64;

/// What stands before each block, in a line of the cache of its own.
struct alignas(kAlignment) Header {
  std::size_t bytes;  // of the block, the header aside
  int size_class;     // -1 for a block of the heap
};

/// Eight sizes between each power of two and the next: at most an eighth is lost.
int class_of(std::size_t bytes) {
  const std::size_t lines = std::max<std::size_t>(1, (bytes + kAlignment - 1) / kAlignment);
  if (lines <= 8) return static_cast<int>(lines) - 1;
  const int power = std::bit_width(lines - 1) - 1;  // 2^power < lines <= 2^(power + 1)
  const std::size_t step = std::size_t{1} << (power - 3);
  const auto eighth = static_cast<int>((lines - (std::size_t{1} << power) + step - 1) / step);  // 1..8
  return (power - 3) * 8 + 8 + eighth - 1;
}

std::size_t bytes_of(int size_class) {
  if (size_class < 8) return (size_class + 1) * kAlignment;
  const int power = (size_class - 8) / 8 + 3, eighth = (size_class - 8) % 8 + 1;
  return ((std::size_t{1} << power) + eighth * (std::size_t{1} << (power - 3))) * kAlignment;
}

struct Pool {
  std::mutex mutex;
  std::array<std::vector<Header*>, kClasses> free;
  std::int64_t listed_bytes = 0;  // of the free blocks in the lists
  Heap heap;
  MemoryStatistics statistics;
};

Pool& pool() {
  static Pool* instance =
      new Pool;  // never destroyed: tensors with static lifetime may outlive any order of destruction
  return *instance;
}

/// Null when the system has no more.
Header* take_listed(Pool& p, int size_class) {
  const std::size_t bytes = bytes_of(size_class);
  if (auto& blocks = p.free[size_class]; !blocks.empty()) {
    Header* const block = blocks.back();
    blocks.pop_back();
    p.listed_bytes -= static_cast<std::int64_t>(bytes);
    return block;
  }
  void* const memory = std::aligned_alloc(kAlignment, sizeof(Header) + bytes);
  if (!memory) return nullptr;
  ++p.statistics.system_allocations;
  return new (memory) Header{bytes, size_class};
}

/// Null when the system has no more.
Header* take_from_heap(Pool& p, std::size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* const memory = p.heap.take(sizeof(Header) + bytes);
  if (!memory) return nullptr;
  if (!p.heap.took_used_memory()) ++p.statistics.system_allocations;
  return new (memory) Header{bytes, -1};
}

Header* take(Pool& p, std::size_t bytes) {
  return bytes <= kLargestListed ? take_listed(p, class_of(bytes)) : take_from_heap(p, bytes);
}

void trim_locked(Pool& p) {
  for (auto& blocks : p.free) {
    for (Header* block : blocks) std::free(block);
    blocks.clear();
  }
  p.listed_bytes = 0;
  p.heap.trim();
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) fail("memory: {} bytes are more than any machine has", bytes);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  Header* block = take(p, bytes);
  if (!block) {
    trim_locked(p);
    block = take(p, bytes);
  }
  if (!block) fail("memory: the system has no {} bytes", bytes);
  ++p.statistics.live_buffers;
  p.statistics.live_bytes += static_cast<std::int64_t>(block->bytes);
  p.statistics.peak_bytes = std::max(p.statistics.peak_bytes, p.statistics.live_bytes);
  return block + 1;
}

void release(void* data) noexcept {
  if (!data) return;
  Header* const block = static_cast<Header*>(data) - 1;
  const std::size_t bytes = block->bytes;
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  --p.statistics.live_buffers;
  p.statistics.live_bytes -= static_cast<std::int64_t>(bytes);
  if (block->size_class < 0) {
    p.heap.give_back(reinterpret_cast<char*>(block), sizeof(Header) + bytes);
  } else {
    p.free[block->size_class].push_back(block);
    p.listed_bytes += static_cast<std::int64_t>(bytes);
  }
}

MemoryStatistics memory_statistics() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  MemoryStatistics statistics = p.statistics;
  statistics.pooled_bytes = p.listed_bytes + static_cast<std::int64_t>(p.heap.used_free_bytes());
  return statistics;
}

void reset_peak() {
  const std::lock_guard lock(pool().mutex);
  pool().statistics.peak_bytes = pool().statistics.live_bytes;
}

void trim() {
  const std::lock_guard lock(pool().mutex);
  trim_locked(pool());
}

}  // namespace sg::kernels

// The memory pool.
#include "engine/kernels/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "engine/error.h"

namespace sg::kernels {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr int kClasses = 8 * 64;

/// What stands before each block, in a line of the cache of its own.
struct alignas(kAlignment) Header {
  std::size_t bytes;  // of the block, the header aside
  int size_class;
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
  std::array<std::vector<void*>, kClasses> free;
  MemoryStatistics statistics;
};

Pool& pool() {
  static Pool* instance =
      new Pool;  // never destroyed: tensors with static lifetime may outlive any order of destruction
  return *instance;
}

void* ask_system(std::size_t bytes) {
  const bool huge = bytes >= 2 * kHugePage;
  void* memory =
      std::aligned_alloc(huge ? kHugePage : kAlignment, huge ? (bytes + kHugePage - 1) / kHugePage * kHugePage : bytes);
#ifdef MADV_HUGEPAGE
  if (memory && huge) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

void trim_locked(Pool& p) {
  for (auto& blocks : p.free) {
    for (void* block : blocks) std::free(block);
    blocks.clear();
  }
  p.statistics.pooled_bytes = 0;
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) fail("memory: {} bytes are more than any machine has", bytes);
  const int size_class = class_of(bytes);
  const std::size_t size = bytes_of(size_class);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  void* block = nullptr;
  if (auto& blocks = p.free[size_class]; !blocks.empty()) {
    block = blocks.back();
    blocks.pop_back();
    p.statistics.pooled_bytes -= static_cast<std::int64_t>(size);
  } else {
    block = ask_system(size + sizeof(Header));
    if (!block) {
      trim_locked(p);
      block = ask_system(size + sizeof(Header));
    }
    if (!block) fail("memory: the system has no {} bytes", bytes);
    new (block) Header{size, size_class};
    ++p.statistics.system_allocations;
  }
  ++p.statistics.live_buffers;
  p.statistics.live_bytes += static_cast<std::int64_t>(size);
  p.statistics.peak_bytes = std::max(p.statistics.peak_bytes, p.statistics.live_bytes);
  return static_cast<Header*>(block) + 1;
}

void release(void* data) noexcept {
  if (!data) return;
  Header* header = static_cast<Header*>(data) - 1;
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.free[header->size_class].push_back(header);
  --p.statistics.live_buffers;
  p.statistics.live_bytes -= static_cast<std::int64_t>(header->bytes);
  p.statistics.pooled_bytes += static_cast<std::int64_t>(header->bytes);
}

MemoryStatistics memory_statistics() {
  const std::lock_guard lock(pool().mutex);
  return pool().statistics;
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

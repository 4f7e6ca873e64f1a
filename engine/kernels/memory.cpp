// The memory pool.
#include "engine/kernels/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "engine/error.h"

namespace sg::kernels {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr int kClasses = 8 * 64;

/// Huge pages that several blocks share. A first touch of 4 KB pages runs at 2.4 GB/s, of huge ones at 11 GB/s.
struct Slab {
  char* memory;
  std::size_t used = 0;
  std::int64_t blocks = 0, free_blocks = 0;
};
constexpr std::size_t kSlab = 8 * kHugePage;
constexpr std::size_t kSmallestInSlab = std::size_t{64} << 10;
constexpr std::int64_t kBeforeSlabs = 32 << 20;  // bytes from the system, up to which a program is left to small pages

/// What stands before each block, in a line of the cache of its own.
struct alignas(kAlignment) Header {
  std::size_t bytes;  // of the block, the header aside
  int size_class;
  Slab* slab;  // null for a block of its own
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
  std::vector<std::unique_ptr<Slab>> slabs;  // the last one is filled
  std::int64_t system_bytes = 0;
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

/// A piece of the last slab, or of a new one; null when the system has no more.
void* take_from_slab(Pool& p, std::size_t bytes, Slab*& slab) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (p.slabs.empty() || p.slabs.back()->used + bytes > kSlab) {
    void* memory = ask_system(kSlab);
    if (!memory) return nullptr;
    p.slabs.push_back(std::make_unique<Slab>(Slab{static_cast<char*>(memory)}));
  }
  slab = p.slabs.back().get();
  void* const block = slab->memory + slab->used;
  slab->used += bytes;
  ++slab->blocks;
  return block;
}

/// A new block with its header; null when the system has no more.
void* new_block(Pool& p, std::size_t size, int size_class) {
  const std::size_t bytes = size + sizeof(Header);
  Slab* slab = nullptr;
  const bool shares = bytes >= kSmallestInSlab && bytes < 2 * kHugePage && p.system_bytes >= kBeforeSlabs;
  void* const block = shares ? take_from_slab(p, bytes, slab) : ask_system(bytes);
  if (!block) return nullptr;
  p.system_bytes += static_cast<std::int64_t>(bytes);
  return new (block) Header{size, size_class, slab};
}

/// Gives free blocks back, and slabs of which all blocks are free.
void trim_locked(Pool& p) {
  for (const auto& slab : p.slabs) slab->free_blocks = 0;
  for (auto& blocks : p.free) {
    for (void* block : blocks) {
      if (Slab* slab = static_cast<Header*>(block)->slab) ++slab->free_blocks;
    }
  }
  std::int64_t kept = 0;
  for (auto& blocks : p.free) {
    std::erase_if(blocks, [&](void* block) {
      const Header& header = *static_cast<Header*>(block);
      if (header.slab && header.slab->free_blocks < header.slab->blocks) {
        kept += static_cast<std::int64_t>(header.bytes);
        return false;
      }
      p.system_bytes -= static_cast<std::int64_t>(header.bytes + sizeof(Header));
      if (!header.slab) std::free(block);
      return true;
    });
  }
  std::erase_if(p.slabs, [](const std::unique_ptr<Slab>& slab) {
    if (slab->free_blocks < slab->blocks) return false;
    std::free(slab->memory);
    return true;
  });
  p.statistics.pooled_bytes = kept;
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
    block = new_block(p, size, size_class);
    if (!block) {
      trim_locked(p);
      block = new_block(p, size, size_class);
    }
    if (!block) fail("memory: the system has no {} bytes", bytes);
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

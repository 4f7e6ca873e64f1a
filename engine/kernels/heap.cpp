// The heap.
#include "engine/kernels/heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes)
#endif

namespace sg::kernels {
namespace {

constexpr std::size_t kPage = 4096, kHugePage = std::size_t{2} << 20;
// Address space alone: a page costs nothing before it is touched.
constexpr std::size_t kSmallestRange = std::size_t{64} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// `bytes` of address space from a huge page's begin on; null when the system has no more.
char* map(std::size_t bytes) {
  void* const mapped = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const std::size_t before = round_up(address, kHugePage) - address;
  if (before > 0) munmap(mapped, before);
  char* const begin = static_cast<char*>(mapped) + before;
  munmap(begin + bytes, kHugePage - before);
  return begin;
}

}  // namespace

char* Heap::take(std::size_t bytes) {
  auto fit = by_size_.lower_bound({bytes, nullptr});
  if (fit == by_size_.end()) {
    if (!grow(bytes)) return nullptr;
    fit = by_size_.lower_bound({bytes, nullptr});
  }
  char* const block = fit->second;
  const Free free = remove(block);
  took_used_memory_ = bytes <= free.used;
  if (bytes < free.bytes) add(block + bytes, {free.bytes - bytes, free.used - std::min(free.used, bytes)});
  ASAN_UNPOISON_MEMORY_REGION(block, bytes);
  return block;
}

void Heap::give_back(char* block, std::size_t bytes) {
  ASAN_POISON_MEMORY_REGION(block, bytes);
  Free joined{bytes, bytes};
  const auto after = free_.lower_bound(block);
  if (after != free_.end() && after->first == block + bytes) {
    const Free next = remove(block + bytes);
    joined = {bytes + next.bytes, bytes + next.used};
  }
  const auto behind = free_.lower_bound(block);
  if (behind != free_.begin()) {
    char* const before = std::prev(behind)->first;
    if (before + std::prev(behind)->second.bytes == block) {
      const std::size_t bytes_before = remove(before).bytes;
      joined = {bytes_before + joined.bytes, bytes_before + joined.used};
      block = before;
    }
  }
  add(block, joined);
}

void Heap::trim() {
  for (auto& [block, free] : free_) {
    const auto begin = reinterpret_cast<std::uintptr_t>(block);
    const std::size_t first = round_up(begin, kPage), last = (begin + free.used) / kPage * kPage;
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
    free.used = 0;
  }
  used_free_bytes_ = 0;
}

bool Heap::grow(std::size_t bytes) {
  const std::size_t needed = round_up(bytes, kHugePage);
  // Each range doubles what there is, so that there are few borders over which no block can lie.
  std::size_t range = std::max({needed, kSmallestRange, system_bytes_});
  char* begin = map(range);
  if (!begin) begin = map(range = needed);
  if (!begin) return false;
#ifdef MADV_HUGEPAGE
  // A first touch of 4 KB pages runs at 2.4 GB/s, of huge ones at 11. Small programs are left to small pages.
  const std::size_t small = system_bytes_ == 0 ? kHugePage : 0;
  madvise(begin + small, range - small, MADV_HUGEPAGE);
#endif
  system_bytes_ += range;
  ASAN_POISON_MEMORY_REGION(begin, range);
  add(begin, {range, 0});
  return true;
}

void Heap::add(char* block, Free free) {
  free_.emplace(block, free);
  by_size_.emplace(free.bytes, block);
  used_free_bytes_ += free.used;
}

Heap::Free Heap::remove(char* block) {
  const auto found = free_.find(block);
  const Free free = found->second;
  free_.erase(found);
  by_size_.erase({free.bytes, block});
  used_free_bytes_ -= free.used;
  return free;
}

}  // namespace sg::kernels

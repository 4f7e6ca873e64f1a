// Heap: large blocks of any size out of few ranges of the system's memory.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace sg::kernels {

/// Gives the smallest free block that is large enough, cut to size, and joins what comes back with its free neighbours
/// (Knuth, The Art of Computer Programming, volume 1, section 2.5: best fit). Tensors of many sizes then take turns on
/// the same memory. Not thread-safe.
class Heap {
 public:
  /// Sizes are multiples of 64 bytes, and so are addresses. Null when the system has no more.
  char* take(std::size_t bytes);
  void give_back(char* block, std::size_t bytes);
  /// Returns the pages of free blocks to the system.
  void trim();

  /// Whether the last block taken was in use before, all of it: then the system had nothing to do.
  bool took_used_memory() const { return took_used_memory_; }
  /// Free bytes that have been in use since the last trim.
  std::size_t used_free_bytes() const { return used_free_bytes_; }

 private:
  struct Free {
    std::size_t bytes;
    std::size_t used;  // of these, counted from the block's begin, may have pages
  };

  bool grow(std::size_t bytes);
  void add(char* block, Free free);
  Free remove(char* block);

  std::map<char*, Free> free_;
  std::set<std::pair<std::size_t, char*>> by_size_;
  std::size_t system_bytes_ = 0, used_free_bytes_ = 0;
  bool took_used_memory_ = false;
};

}  // namespace sg::kernels

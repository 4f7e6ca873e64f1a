// Memory of a block: where a region's tensors lie while one block of rows passes through its steps.
#include "engine/stream_memory.h"

#include <algorithm>

namespace sg {
namespace {

using Step = BlockMemory::Step;
using Write = BlockMemory::Write;

/// For each storage the last step that reads it, or else the one that writes it.
std::map<std::int64_t, std::size_t> last_uses(const std::vector<Step>& steps) {
  std::map<std::int64_t, std::size_t> last;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (const Write& write : steps[s].writes) last[write.storage] = s;
    for (std::int64_t storage : steps[s].reads) last[storage] = s;
  }
  return last;
}

/// Calls `open(write, owner)` where memory is needed or taken over, `close(storage)` after the last use. What is taken
/// over is not closed.
template <class Open, class Take, class Close>
void follow(const std::vector<Step>& steps, const Open& open, const Take& take, const Close& close) {
  const auto last = last_uses(steps);
  for (std::size_t s = 0; s < steps.size(); ++s) {
    std::vector<std::int64_t> gone;
    for (std::int64_t storage : steps[s].reads) {
      if (last.at(storage) == s && std::find(gone.begin(), gone.end(), storage) == gone.end()) gone.push_back(storage);
    }
    for (const Write& write : steps[s].writes) {
      const auto found = std::find(gone.begin(), gone.end(), write.taken);
      if (write.taken >= 0 && found != gone.end()) {
        take(write);
        gone.erase(found);
      } else {
        open(write);
      }
      if (last.at(write.storage) == s) gone.push_back(write.storage);
    }
    for (std::int64_t storage : gone) close(storage);
  }
}

}  // namespace

std::int64_t BlockMemory::bytes_at_once(const std::vector<Step>& steps) {
  std::map<std::int64_t, std::int64_t> sizes;
  std::int64_t now = 0, most = 0;
  follow(
      steps,
      [&](const Write& write) {
        sizes[write.storage] = write.row_bytes;
        most = std::max(most, now += write.row_bytes);
      },
      [&](const Write& write) { sizes[write.storage] = write.row_bytes; },
      [&](std::int64_t storage) { now -= sizes[storage]; });
  return most;
}

BlockMemory::BlockMemory(const std::vector<Step>& steps, std::int64_t rows) {
  struct Extent {
    std::int64_t offset, bytes;
  };
  std::map<std::int64_t, Extent> live;
  follow(
      steps,
      [&](const Write& write) {
        // Odd lines between them keep tensors of a power of two from sharing their cache sets.
        const std::int64_t bytes = (write.row_bytes * rows + write.bytes + 63) / 64 * 64 + 192;
        std::vector<Extent> taken;
        for (const auto& [storage, extent] : live) taken.push_back(extent);
        std::sort(taken.begin(), taken.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
        std::int64_t offset = 0;
        for (const Extent& extent : taken) {
          if (offset + bytes <= extent.offset) break;
          offset = std::max(offset, extent.offset + extent.bytes);
        }
        live[write.storage] = {offset, bytes};
        offsets_[write.storage] = offset;
        bytes_ = std::max(bytes_, offset + bytes);
      },
      [&](const Write& write) {
        live[write.storage] = live.at(write.taken);
        live.erase(write.taken);
        offsets_[write.storage] = live.at(write.storage).offset;
      },
      [&](std::int64_t storage) { live.erase(storage); });
}

}  // namespace sg

// Streams: which stream of a seed's random numbers each use takes, so that no two uses share one.
#pragma once

#include <cstdint>

#include "engine/random.h"

namespace sg::data {

enum class Use : std::uint64_t { shuffle = 1, noise = 2, crop = 3, flip = 4, split = 5, direction = 6, time = 7 };

inline std::uint64_t stream_of(Use use, std::int64_t epoch, std::int64_t index = 0) {
  return sg::stream_of(
      {static_cast<std::uint64_t>(use), static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(index)});
}

}  // namespace sg::data

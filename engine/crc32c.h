// Crc32c: the checksum of checkpoints and of data (Castagnoli's polynomial, RFC 3720, B.4).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sg {

/// The checksum of what `so_far` is the checksum of (0 for nothing) and these bytes behind it.
std::uint32_t crc32c(std::uint32_t so_far, const void* data, std::size_t bytes);

}  // namespace sg

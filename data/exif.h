// Exif: the turn that a camera notes in a JPEG file.
#pragma once

#include <cstddef>
#include <span>

namespace sg::data {

/// The Exif orientation, 1 (as stored) to 8; 1 where there is none, or what is there makes no sense.
int exif_orientation(std::span<const std::byte> jpeg);

}  // namespace sg::data

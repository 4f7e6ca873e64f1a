// Exif: the turn that a camera notes in a picture's file.
#pragma once

#include <cstddef>
#include <span>

namespace sg::data {

/// The orientation, 1 (as stored) to 8, in the first directory of a TIFF block, which a PNG file's chunk eXIf is; 1
/// where there is none, or what is there makes no sense.
int tiff_orientation(std::span<const std::byte> tiff);

/// The same of a JPEG file's segment APP1, which begins with `Exif`.
int app1_orientation(std::span<const std::byte> segment);

}  // namespace sg::data

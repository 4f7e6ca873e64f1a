// Exif: finding the orientation (tag 0x0112) in the first directory of the APP1 segment.
#include "data/exif.h"

#include <cstdint>
#include <cstring>

namespace sg::data {
namespace {

std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t offset, int size, bool little_endian) {
  std::uint32_t value = 0;
  for (int i = 0; i < size; ++i) {
    value = value << 8 | static_cast<std::uint32_t>(bytes[offset + (little_endian ? size - 1 - i : i)]);
  }
  return value;
}

int orientation_of_tiff(std::span<const std::byte> tiff) {
  if (tiff.size() < 8) return 1;
  const bool little_endian = tiff[0] == std::byte{'I'};
  const std::size_t directory = number_at(tiff, 4, 4, little_endian);
  if (directory > tiff.size() || tiff.size() - directory < 2) return 1;
  const std::size_t count = number_at(tiff, directory, 2, little_endian);
  constexpr std::size_t entry_size = 12;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = directory + 2 + i * entry_size;
    if (tiff.size() - directory < 2 + (i + 1) * entry_size) return 1;
    if (number_at(tiff, entry, 2, little_endian) != 0x0112) continue;
    const std::uint32_t value = number_at(tiff, entry + 8, 2, little_endian);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace

int exif_orientation(std::span<const std::byte> jpeg) {
  std::size_t offset = 2;  // behind the start marker
  while (offset + 4 <= jpeg.size() && jpeg[offset] == std::byte{0xff}) {
    const auto marker = static_cast<unsigned>(jpeg[offset + 1]);
    const std::size_t length = number_at(jpeg, offset + 2, 2, false);
    if (marker == 0xda || length < 2 || jpeg.size() - offset - 2 < length) return 1;
    const auto segment = jpeg.subspan(offset + 4, length - 2);
    if (marker == 0xe1 && segment.size() > 6 && std::memcmp(segment.data(), "Exif\0\0", 6) == 0) {
      return orientation_of_tiff(segment.subspan(6));
    }
    offset += 2 + length;
  }
  return 1;
}

}  // namespace sg::data

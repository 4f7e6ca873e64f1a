// Exif: finding the orientation (tag 0x0112) in the first directory.
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

}  // namespace

int tiff_orientation(std::span<const std::byte> tiff) {
  if (tiff.size() < 8) {
    return 1;
  }
  const bool little_endian = std::memcmp(tiff.data(), "II", 2) == 0;
  if (!little_endian && std::memcmp(tiff.data(), "MM", 2) != 0) {
    return 1;
  }
  const std::size_t directory = number_at(tiff, 4, 4, little_endian);
  if (directory > tiff.size() || tiff.size() - directory < 2) {
    return 1;
  }
  const std::size_t count = number_at(tiff, directory, 2, little_endian);
  constexpr std::size_t entry_size = 12;
  constexpr std::uint32_t long_type = 4;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = directory + 2 + i * entry_size;
    if (tiff.size() - directory < 2 + (i + 1) * entry_size) {
      return 1;
    }
    if (number_at(tiff, entry, 2, little_endian) != 0x0112) {
      continue;
    }
    const bool is_long = number_at(tiff, entry + 2, 2, little_endian) == long_type;
    const std::uint32_t value = number_at(tiff, entry + 8, is_long ? 4 : 2, little_endian);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int app1_orientation(std::span<const std::byte> segment) {
  if (segment.size() <= 6 || std::memcmp(segment.data(), "Exif\0\0", 6) != 0) {
    return 1;
  }
  return tiff_orientation(segment.subspan(6));
}

}  // namespace sg::data

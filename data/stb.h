// Stb: the library that unpacks JPEG files and writes PNG files, with a limit on the memory that it may take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sg::data::stb {

struct Header {
  int width = 0;
  int height = 0;
  int channels = 0;
};

/// All pixels of a JPEG file with its channels (1 grey, 3 RGB). False, with `reason` set, when the file is damaged or
/// asks for more than `memory_limit` bytes.
bool decode_jpeg(std::span<const std::byte> file, std::size_t memory_limit, Header& header,
                 std::vector<std::uint8_t>& pixels, std::string& reason);

/// A PNG file of 8-bit pixels with 1 to 4 channels.
std::string encode_png(const std::uint8_t* pixels, int width, int height, int channels);

}  // namespace sg::data::stb

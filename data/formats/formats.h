// Formats: the picture formats that are read, a file each: what its header says, and its pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "data/byte_reader.h"
#include "data/image_io.h"

namespace sg::data::formats {

/// A file's bytes, in memory or fetched as they are asked for.
class Source {
 public:
  explicit Source(std::span<const std::byte> bytes) : window_(bytes), size_(bytes.size()) {}
  /// Of an open file, which must outlive the source.
  Source(int descriptor, std::size_t size);

  std::size_t size() const { return size_; }
  /// Up to `count` bytes, at most `largest_read`, valid until the next call; fewer at the end of the file.
  std::span<const std::byte> at(std::size_t offset, std::size_t count);

  static constexpr std::size_t largest_read = std::size_t{1} << 16;

 private:
  std::span<const std::byte> window_;
  std::size_t window_begin_ = 0;
  std::size_t size_;
  int descriptor_ = -1;
  std::vector<std::byte> buffer_;
};

/// What is known before a picture is unpacked. Sizes are those of the file, before the turn.
struct Header {
  std::int64_t width = 0;
  std::int64_t height = 0;
  int orientation = 1;  // Exif's, 1 to 8
};

inline constexpr std::string_view header_error = "not a readable picture";
inline constexpr std::string_view pixels_error = "a damaged picture";

/// What the format can say of a file of its kind. Each throws `name: not a readable picture: why`.
Header jpeg_header(Source& source, std::string_view name);
Header png_header(Source& source, std::string_view name);
Header bmp_header(std::span<const std::byte> start, std::string_view name);
Header gif_header(std::span<const std::byte> start, std::string_view name);
Header tga_header(std::span<const std::byte> start, std::string_view name);
Header pnm_header(std::span<const std::byte> start, std::string_view name);

/// All pixels of a file whose header has been found good and within the limits, with the channels of the file: 1 grey,
/// 2 grey and alpha, 3 RGB, 4 RGB and alpha. Each throws `name: a damaged picture: why` unless every pixel is there.
Image decode_jpeg(std::span<const std::byte> file, std::string_view name);
Image decode_png(std::span<const std::byte> file, std::string_view name);
Image decode_bmp(std::span<const std::byte> file, std::string_view name);
Image decode_gif(std::span<const std::byte> file, std::string_view name);
Image decode_tga(std::span<const std::byte> file, std::string_view name);
Image decode_pnm(std::span<const std::byte> file, std::string_view name);

/// A value of 0 .. largest as one of 0 .. 255, rounded.
inline std::uint8_t to_eight_bits(std::uint64_t value, std::uint64_t largest) {
  return static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
}

/// A picture of zeros.
inline Image blank(std::int64_t width, std::int64_t height, std::int64_t channels) {
  return {width, height, channels, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * channels))};
}

}  // namespace sg::data::formats

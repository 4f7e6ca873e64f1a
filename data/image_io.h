// Image I/O: pictures from JPEG, PNG, BMP, GIF, TGA and PNM files, and to PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace sg::data {

/// What a picture may have: these are checked from its header, before anything is unpacked. Unpacking then takes at
/// most 20 bytes a pixel (sides rounded up to multiples of 32), 4 times the file's size, and 1 MB.
inline constexpr std::int64_t image_side_limit = 16384;
inline constexpr std::int64_t image_pixel_limit = std::int64_t{64} << 20;
inline constexpr std::size_t image_file_limit = std::size_t{256} << 20;

/// 8-bit values, row after row, the channels of a pixel together.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;  // 1: grey, 3: RGB
  std::vector<std::uint8_t> pixels;

  std::uint8_t* at(std::int64_t row, std::int64_t column) { return pixels.data() + (row * width + column) * channels; }
  const std::uint8_t* at(std::int64_t row, std::int64_t column) const {
    return pixels.data() + (row * width + column) * channels;
  }
};

struct ImageSize {
  std::int64_t width;
  std::int64_t height;
};

/// Reads the header alone. Throws, beginning with `name`, for what is no picture and for one beyond the limits.
ImageSize image_size(std::span<const std::byte> file, std::string_view name);
ImageSize read_image_size(const std::filesystem::path& path);

/// Unpacks a picture into `channels` channels (1: grey, 3: RGB), values of any depth scaled to 0 .. 255; transparent
/// parts stand on white, and the turn that a camera noted by Exif in a JPEG or PNG file is made. Throws, beginning with
/// `name`, for anything but a whole picture within the limits.
Image decode_image(std::span<const std::byte> file, std::string_view name, int channels);
Image read_image(const std::filesystem::path& path, int channels);

/// Whether the name's ending is that of a picture, read here or not.
bool has_image_name(const std::filesystem::path& path);

/// Another size: linear between pixels, over the area of the new pixel where it shrinks; pixels are squares whose
/// corners agree.
Image resize(const Image& image, std::int64_t width, std::int64_t height);
/// The picture in 1 channel (grey) or 3 (RGB).
Image with_channels(Image image, int channels);
/// The part that begins at (top, left).
Image crop(const Image& image, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width);

/// A PNG file.
std::string encode_png(const Image& image);

/// One picture [C, H, W] of values in [0, 1] (others are clamped, a NaN is black), C 1 or 3.
Image to_image(const Tensor& picture);
/// [1, C, H, W] of values in [0, 1].
Tensor image_to_tensor(const Image& image, Dtype dtype = f32);
/// The pictures [N, C, H, W] side by side in rows of `columns`, with white lines of `gap` pixels between; `enlarge`
/// repeats each pixel.
Image picture_grid(const Tensor& pictures, std::int64_t columns, std::int64_t gap = 2, std::int64_t enlarge = 1);

}  // namespace sg::data

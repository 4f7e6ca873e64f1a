// Image I/O: limits, colours, turning, cutting and joining.
#include "data/image_io.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>

#include "data/exif.h"
#include "data/files.h"
#include "data/stb.h"
#include "engine/error.h"
#include "engine/ops.h"

namespace sg::data {
namespace {

enum class Format { jpeg, png, bmp, gif, pnm, tga, unknown };

std::string ending_of(std::string_view name) {
  const std::size_t dot = name.find_last_of("./");
  if (dot == std::string_view::npos || name[dot] != '.') return "";
  std::string ending(name.substr(dot + 1));
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return ending;
}

/// By the first bytes; a TGA file has no mark of its own, so its name has to say so.
Format format_of(std::span<const std::byte> file, std::string_view name) {
  const auto begins = [&](std::string_view mark) {
    return file.size() >= mark.size() && std::memcmp(file.data(), mark.data(), mark.size()) == 0;
  };
  if (begins("\xff\xd8\xff")) return Format::jpeg;
  if (begins("\x89PNG\r\n\x1a\n")) return Format::png;
  if (begins("BM")) return Format::bmp;
  if (begins("GIF87a") || begins("GIF89a")) return Format::gif;
  if (begins("P5") || begins("P6")) return Format::pnm;
  if (ending_of(name) == "tga") return Format::tga;
  return Format::unknown;
}

/// Each scan of a progressive JPEG goes over the whole picture; a file of thousands of them would take hours.
void check_scans(std::span<const std::byte> jpeg, std::string_view name) {
  constexpr int scan_limit = 100;
  int scans = 0;
  for (std::size_t i = 0; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == std::byte{0xff} && jpeg[i + 1] == std::byte{0xda} && ++scans > scan_limit) {
      fail("{}: a JPEG file of more than {} scans", name, scan_limit);
    }
  }
}

std::int64_t little_endian(std::span<const std::byte> file, std::size_t offset, std::size_t size) {
  std::int64_t value = 0;
  for (std::size_t i = size; i-- > 0;) {
    value = value << 8 | static_cast<std::int64_t>(offset + i < file.size() ? file[offset + i] : std::byte{0});
  }
  return value;
}

/// Formats without packing have a length that follows from the header; the decoder takes what is there without a word.
void check_length(std::span<const std::byte> file, Format format, const stb::Header& header, std::string_view name) {
  std::int64_t bits = 0;
  if (format == Format::pnm) bits = header.channels * 8;
  if (format == Format::tga && little_endian(file, 2, 1) <= 3) bits = little_endian(file, 16, 1);
  if (format == Format::bmp && little_endian(file, 14, 4) >= 40 && little_endian(file, 30, 4) == 0) {
    bits = little_endian(file, 28, 2);
  }
  const std::int64_t needed = (header.width * bits + 7) / 8 * header.height;
  if (needed > static_cast<std::int64_t>(file.size())) {
    fail("{}: a damaged picture: {} bytes, less than the {} of its pixels", name, file.size(), needed);
  }
}

void check_known(std::span<const std::byte> file, std::string_view name) {
  if (file.empty()) fail("{}: the file is empty", name);
  if (format_of(file, name) == Format::unknown) fail("{}: not a JPEG, PNG, BMP, GIF, TGA, PGM or PPM picture", name);
}

bool swaps_sides(int orientation) { return orientation >= 5; }

/// The picture as the camera was held (Exif 2.3, tag Orientation).
Image turn(const Image& image, int orientation) {
  if (orientation == 1) return image;
  Image turned{image.width, image.height, image.channels, std::vector<std::uint8_t>(image.pixels.size())};
  if (swaps_sides(orientation)) std::swap(turned.width, turned.height);
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (std::int64_t row = 0; row < turned.height; ++row) {
    for (std::int64_t column = 0; column < turned.width; ++column) {
      std::int64_t y = swaps_sides(orientation) ? column : row;
      std::int64_t x = swaps_sides(orientation) ? row : column;
      if (from_right) x = image.width - 1 - x;
      if (from_bottom) y = image.height - 1 - y;
      std::copy_n(image.at(y, x), image.channels, turned.at(row, column));
    }
  }
  return turned;
}

std::uint8_t luma(const std::uint8_t* rgb) {  // ITU-R BT.601
  return static_cast<std::uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
}

Image convert(const Image& image, int channels) {
  Image converted{image.width, image.height, channels, {}};
  converted.pixels.resize(static_cast<std::size_t>(image.width * image.height * channels));
  const bool has_alpha = image.channels == 2 || image.channels == 4;
  const bool is_grey = image.channels <= 2;
  const std::uint8_t* from = image.pixels.data();
  for (std::uint8_t* to = converted.pixels.data(); to != converted.pixels.data() + converted.pixels.size();
       to += channels, from += image.channels) {
    std::array<std::uint8_t, 3> rgb{from[0], from[is_grey ? 0 : 1], from[is_grey ? 0 : 2]};
    if (has_alpha) {
      const int alpha = from[image.channels - 1];
      for (std::uint8_t& value : rgb) {
        value = static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
      }
    }
    if (channels == 3) {
      std::copy_n(rgb.data(), 3, to);
    } else {
      *to = is_grey ? rgb[0] : luma(rgb.data());
    }
  }
  return converted;
}

/// Which old pixels make a new one, and how much of each: a triangle as wide as the larger of the two pixels.
struct Weights {
  std::int64_t first;
  std::vector<float> values;
};

std::vector<Weights> resize_weights(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(1.0, scale);
  std::vector<Weights> all;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - reach)));
    const auto last = std::min<std::int64_t>(from, static_cast<std::int64_t>(std::ceil(centre + reach)));
    std::vector<double> values;
    double total = 0;
    for (std::int64_t j = first; j < last; ++j) {
      values.push_back(std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - centre) / reach));
      total += values.back();
    }
    Weights weights{first, {}};
    for (const double value : values) weights.values.push_back(static_cast<float>(value / total));
    all.push_back(std::move(weights));
  }
  return all;
}

std::uint8_t to_byte(float value) {
  if (!(value > 0)) return 0;
  return static_cast<std::uint8_t>(std::min(255.0f, std::floor(value + 0.5f)));
}

}  // namespace

ImageSize image_size(std::span<const std::byte> file, std::string_view name) {
  check_known(file, name);
  stb::Header header;
  std::string reason;
  if (!stb::read_header(file, header, reason)) fail("{}: not a readable picture: {}", name, reason);
  const std::int64_t width = header.width, height = header.height;
  if (width < 1 || height < 1) fail("{}: a picture of {} x {}", name, width, height);
  if (width > image_side_limit || height > image_side_limit || width * height > image_pixel_limit) {
    fail("{}: {} x {} pixels: at most {} a side and {} in all are read", name, width, height, image_side_limit,
         image_pixel_limit);
  }
  if (format_of(file, name) == Format::jpeg && swaps_sides(exif_orientation(file))) return {height, width};
  return {width, height};
}

ImageSize read_image_size(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) fail("{}: not a regular file", path.string());
  std::string start(std::size_t{1} << 16, '\0');
  std::ifstream stream(path, std::ios::binary);
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
  const std::span<const std::byte> bytes = bytes_of(start);
  if (start.size() == std::size_t{1} << 16) {
    stb::Header header;
    std::string reason;
    check_known(bytes, path.string());
    if (!stb::read_header(bytes, header, reason)) {  // the header may lie further back, behind a thumbnail
      const std::string whole = read_file(path, image_file_limit);
      return image_size(bytes_of(whole), path.string());
    }
  }
  return image_size(bytes, path.string());
}

Image decode_image(std::span<const std::byte> file, std::string_view name, int channels) {
  if (channels != 1 && channels != 3) fail("decode_image: {} channels: 1 (grey) or 3 (RGB) are made", channels);
  const ImageSize size = image_size(file, name);
  const bool is_jpeg = format_of(file, name) == Format::jpeg;
  if (is_jpeg) check_scans(file, name);
  const std::size_t memory_limit =
      static_cast<std::size_t>(size.width * size.height) * 32 + file.size() * 4 + (std::size_t{1} << 20);
  stb::Header header;
  std::string reason;
  Image image;
  if (!stb::decode(file, memory_limit, header, image.pixels, reason)) fail("{}: a damaged picture: {}", name, reason);
  check_length(file, format_of(file, name), header, name);
  image.width = header.width;
  image.height = header.height;
  image.channels = header.channels;
  if (image.channels != channels) image = convert(image, channels);
  return turn(image, is_jpeg ? exif_orientation(file) : 1);
}

Image read_image(const std::filesystem::path& path, int channels) {
  const std::string file = read_file(path, image_file_limit);
  return decode_image(bytes_of(file), path.string(), channels);
}

bool has_image_name(const std::filesystem::path& path) {
  static constexpr std::array endings{"jpg", "jpeg", "jpe", "jfif", "png",  "bmp",  "gif", "tga", "pgm", "ppm",
                                      "pnm", "webp", "tif", "tiff", "heic", "avif", "psd", "hdr", "jp2"};
  const std::string ending = ending_of(path.filename().string());
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

Image resize(const Image& image, std::int64_t width, std::int64_t height) {
  if (width < 1 || height < 1 || width > image_side_limit || height > image_side_limit) {
    fail("resize: to {} x {}", width, height);
  }
  if (width == image.width && height == image.height) return image;
  const std::int64_t channels = image.channels;
  const auto columns = resize_weights(image.width, width);
  const auto rows = resize_weights(image.height, height);
  std::vector<float> narrow(static_cast<std::size_t>(image.height * width * channels));
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < columns[x].values.size(); ++k) {
          sum += columns[x].values[k] * image.at(y, columns[x].first + static_cast<std::int64_t>(k))[c];
        }
        narrow[(y * width + x) * channels + c] = sum;
      }
    }
  }
  Image resized{width, height, channels,
                std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * channels))};
  std::vector<float> line(static_cast<std::size_t>(width * channels));
  for (std::int64_t y = 0; y < height; ++y) {
    std::fill(line.begin(), line.end(), 0.0f);
    for (std::size_t k = 0; k < rows[y].values.size(); ++k) {
      const float* from = narrow.data() + (rows[y].first + static_cast<std::int64_t>(k)) * width * channels;
      for (std::size_t i = 0; i < line.size(); ++i) line[i] += rows[y].values[k] * from[i];
    }
    std::transform(line.begin(), line.end(), resized.at(y, 0), to_byte);
  }
  return resized;
}

Image crop(const Image& image, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width) {
  if (top < 0 || left < 0 || height < 1 || width < 1 || top > image.height - height || left > image.width - width) {
    fail("crop: {} x {} at ({}, {}) of a picture of {} x {}", height, width, top, left, image.height, image.width);
  }
  Image part{width, height, image.channels, {}};
  part.pixels.reserve(static_cast<std::size_t>(width * height * image.channels));
  for (std::int64_t row = 0; row < height; ++row) {
    part.pixels.insert(part.pixels.end(), image.at(top + row, left),
                       image.at(top + row, left) + width * image.channels);
  }
  return part;
}

std::string encode_png(const Image& image) {
  if (image.width < 1 || image.height < 1 || image.width * image.height > image_pixel_limit * 2 || image.channels < 1 ||
      image.channels > 4) {
    fail("encode_png: a picture of {} x {} with {} channels", image.width, image.height, image.channels);
  }
  return stb::encode_png(image.pixels.data(), static_cast<int>(image.width), static_cast<int>(image.height),
                         static_cast<int>(image.channels));
}

Image to_image(const Tensor& picture) {
  Shape shape = picture.shape();
  if (shape.size() != 3) fail("to_image: a picture is [C, H, W], not {}", shape);
  shape.insert(shape.begin(), 1);
  return picture_grid(reshape(picture, shape), 1, 0);
}

Tensor image_to_tensor(const Image& image, Dtype dtype) {
  std::vector<double> values(image.pixels.size());
  const std::int64_t plane = image.width * image.height;
  for (std::int64_t i = 0; i < plane; ++i) {
    for (std::int64_t c = 0; c < image.channels; ++c) {
      values[c * plane + i] = image.pixels[i * image.channels + c] / 255.0;
    }
  }
  return tensor(std::span<const double>(values), {1, image.channels, image.height, image.width}, dtype);
}

Image picture_grid(const Tensor& pictures, std::int64_t columns, std::int64_t gap, std::int64_t enlarge) {
  const Shape& shape = pictures.shape();
  if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3) || element_count(shape) == 0) {
    fail("picture_grid: pictures are [N, 1, H, W] or [N, 3, H, W], not {}", shape);
  }
  if (columns < 1 || gap < 0 || enlarge < 1) {
    fail("picture_grid: {} columns, gaps of {}, enlarged {} times", columns, gap, enlarge);
  }
  const std::int64_t count = shape[0], channels = shape[1], height = shape[2], width = shape[3];
  columns = std::min(columns, count);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::vector<float> values = pictures.to_vector<float>();
  Image grid{columns * (width * enlarge + gap) - gap, rows * (height * enlarge + gap) - gap, channels, {}};
  grid.pixels.assign(static_cast<std::size_t>(grid.width * grid.height * channels), 255);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t top = n / columns * (height * enlarge + gap), left = n % columns * (width * enlarge + gap);
    for (std::int64_t y = 0; y < height * enlarge; ++y) {
      for (std::int64_t x = 0; x < width * enlarge; ++x) {
        for (std::int64_t c = 0; c < channels; ++c) {
          grid.at(top + y, left + x)[c] =
              to_byte(values[((n * channels + c) * height + y / enlarge) * width + x / enlarge] * 255);
        }
      }
    }
  }
  return grid;
}

}  // namespace sg::data

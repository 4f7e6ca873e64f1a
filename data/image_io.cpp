// Image I/O: formats and limits, colours, turning, cutting and joining.
#include "data/image_io.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "data/files.h"
#include "data/formats/formats.h"
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
  if (file.size() > 2 && begins("P") && file[1] >= std::byte{'1'} && file[1] <= std::byte{'6'} &&
      (std::strchr(" \t\n\v\f\r#", static_cast<char>(file[2])) != nullptr && file[2] != std::byte{0})) {
    return Format::pnm;
  }
  if (ending_of(name) == "tga") return Format::tga;
  return Format::unknown;
}

/// What a file of no known format is, where that can be told.
std::string unknown_format(std::span<const std::byte> start) {
  struct Mark {
    std::size_t at;
    std::string_view bytes;
    const char* format;
  };
  static constexpr Mark marks[] = {{8, "WEBP", "WebP"},        {0, "II*\0", "TIFF"},
                                   {0, {"MM\0*", 4}, "TIFF"},  {4, "ftypavif", "AVIF"},
                                   {4, "ftyphei", "HEIC"},     {4, "ftypmif", "HEIC"},
                                   {0, "8BPS", "PSD"},         {0, "#?RADIANCE", "HDR"},
                                   {0, "P7\n", "PAM"},         {0, "PF\n", "PFM"},
                                   {0, "Pf\n", "PFM"},         {4, "jP  ", "JPEG 2000"},
                                   {0, "\xff\x0a", "JPEG XL"}, {4, "JXL ", "JPEG XL"},
                                   {0, "<svg", "SVG"},         {0, "\x76\x2f\x31\x01", "OpenEXR"}};
  const std::string known = "JPEG, PNG, BMP, GIF, TGA, PBM, PGM or PPM picture";
  for (const Mark& mark : marks) {
    if (start.size() >= mark.at + mark.bytes.size() &&
        std::memcmp(start.data() + mark.at, mark.bytes.data(), mark.bytes.size()) == 0) {
      return fmt::format("a {} file, not a {}", mark.format, known);
    }
  }
  return "not a " + known;
}

formats::Header header_of(formats::Source& source, std::string_view name) {
  const std::span<const std::byte> start = source.at(0, formats::Source::largest_read);
  if (start.empty()) {
    fail("{}: the file is empty", name);
  }
  switch (format_of(start, name)) {
    case Format::jpeg: return formats::jpeg_header(source, name);
    case Format::png: return formats::png_header(source, name);
    case Format::bmp: return formats::bmp_header(start, name);
    case Format::gif: return formats::gif_header(start, name);
    case Format::pnm: return formats::pnm_header(start, name);
    case Format::tga: return formats::tga_header(start, name);
    default: fail("{}: {}", name, unknown_format(start));
  }
}

/// The header of a picture that may be unpacked.
formats::Header checked_header(formats::Source& source, std::string_view name) {
  const formats::Header header = header_of(source, name);
  if (header.width < 1 || header.height < 1) {
    fail("{}: {}: a picture of {} x {}", name, formats::header_error, header.width, header.height);
  }
  if (header.width > image_side_limit || header.height > image_side_limit ||
      header.width * header.height > image_pixel_limit) {
    fail("{}: a picture of {} x {} pixels: at most {} a side and {} in all are read", name, header.width, header.height,
         image_side_limit, image_pixel_limit);
  }
  return header;
}

Image decode_stored(std::span<const std::byte> file, std::string_view name) {
  switch (format_of(file, name)) {
    case Format::jpeg: return formats::decode_jpeg(file, name);
    case Format::png: return formats::decode_png(file, name);
    case Format::bmp: return formats::decode_bmp(file, name);
    case Format::gif: return formats::decode_gif(file, name);
    case Format::pnm: return formats::decode_pnm(file, name);
    default: return formats::decode_tga(file, name);
  }
}

bool swaps_sides(int orientation) { return orientation >= 5; }

ImageSize turned_size(const formats::Header& header) {
  if (swaps_sides(header.orientation)) {
    return {header.height, header.width};
  }
  return {header.width, header.height};
}

/// The picture as the camera was held (Exif 2.3, tag Orientation).
Image turn(Image image, int orientation) {
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
  formats::Source source(file);
  return turned_size(checked_header(source, name));
}

ImageSize read_image_size(const std::filesystem::path& path) {
  const OpenFile file(path, image_file_limit);
  formats::Source source(file.descriptor(), file.size());
  return turned_size(checked_header(source, path.string()));
}

Image decode_image(std::span<const std::byte> file, std::string_view name, int channels) {
  if (channels != 1 && channels != 3) {
    fail("decode_image: {} channels: 1 (grey) or 3 (RGB) are made", channels);
  }
  formats::Source source(file);
  const formats::Header header = checked_header(source, name);
  return turn(with_channels(decode_stored(file, name), channels), header.orientation);
}

Image with_channels(Image image, int channels) {
  if (image.channels != channels) image = convert(image, channels);
  return image;
}

Image read_image(const std::filesystem::path& path, int channels) {
  const std::string file = read_file(path, image_file_limit);
  return decode_image(bytes_of(file), path.string(), channels);
}

bool has_image_name(const std::filesystem::path& path) {
  static constexpr std::array endings{"jpg", "jpeg", "jpe", "jfif", "png", "bmp",  "gif",  "tga",  "pbm", "pgm", "ppm",
                                      "pnm", "pam",  "pfm", "webp", "tif", "tiff", "heic", "avif", "psd", "hdr", "jp2"};
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

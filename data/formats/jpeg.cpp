// JPEG: the header of a file (ITU-T T.81), and its pixels, which stb unpacks.
#include "data/formats/jpeg.h"

#include "data/exif.h"
#include "data/stb.h"

namespace sg::data::formats {
namespace {

using namespace jpeg;

unsigned byte_at(Source& source, std::size_t place) {
  const auto bytes = source.at(place, 1);
  return bytes.empty() ? 0 : static_cast<unsigned>(bytes[0]);
}

std::size_t big16(Source& source, std::size_t place) {
  return byte_at(source, place) << 8 | byte_at(source, place + 1);
}

[[noreturn]] void refuse(std::string_view name, std::string_view what, std::string_view reason) {
  fail("{}: {}: {}", name, what, reason);
}

}  // namespace

Header jpeg_header(Source& source, std::string_view name) {
  Header header;
  std::size_t place = 2;  // behind the start
  while (true) {
    const Marker marker = next_marker(source, place);
    if (marker.code == 0 || marker.code == end_of_image) {
      refuse(name, header_error, "a JPEG file without a frame");
    }
    place = marker.at;
    if (is_alone(marker.code)) {
      continue;
    }
    const std::size_t length = big16(source, place);
    if (length < 2 || length > source.size() - place) {
      refuse(name, header_error, fmt::format("a JPEG segment at byte {} that goes beyond the file", place - 2));
    }
    if (marker.code == start_of_scan) {
      break;
    }
    if (is_frame(marker.code) && header.width == 0) {
      if (marker.code > frame_progressive || length < 8) {
        refuse(name, header_error,
               fmt::format("a JPEG frame of kind {:#x}: baseline and progressive ones are read", marker.code));
      }
      header.height = static_cast<std::int64_t>(big16(source, place + 3));
      header.width = static_cast<std::int64_t>(big16(source, place + 5));
      const unsigned bits = byte_at(source, place + 2);
      if (bits != 8) {
        refuse(name, header_error, fmt::format("a JPEG picture of {} bits a sample: 8 are read", bits));
      }
      if (header.width == 0 || header.height == 0) {
        refuse(name, header_error, fmt::format("a picture of {} x {}", header.width, header.height));
      }
    }
    if (marker.code == app1 && header.orientation == 1) {
      header.orientation = app1_orientation(source.at(place + 2, length - 2));
    }
    place += length;
  }
  if (header.width == 0) {
    refuse(name, header_error, "a JPEG file without a frame");
  }
  return header;
}

Image decode_jpeg(std::span<const std::byte> file, std::string_view name) {
  Source source(file);
  const Header header = jpeg_header(source, name);
  // Even a block of one value takes a bit, and a block has 64 pixels.
  if (header.width * header.height / 512 > static_cast<std::int64_t>(file.size())) {
    refuse(name, pixels_error,
           fmt::format("{} bytes, which cannot be {} x {} pixels", file.size(), header.width, header.height));
  }
  const std::vector<std::byte> whole = checked(file, name);
  const auto padded = [](std::int64_t side) { return static_cast<std::size_t>((side + 31) / 32 * 32); };
  const std::size_t memory = padded(header.width) * padded(header.height) * 20 + file.size() * 3 + (1 << 20);
  stb::Header found;
  std::string reason;
  Image image;
  if (!stb::decode_jpeg(whole, memory, found, image.pixels, reason)) {
    refuse(name, pixels_error, reason);
  }
  image.width = found.width;
  image.height = found.height;
  image.channels = found.channels;
  return image;
}

}  // namespace sg::data::formats

// JPEG: the segments of the file (ITU-T T.81) are checked here; stb unpacks the pixels.
#include "data/exif.h"
#include "data/formats/formats.h"
#include "data/stb.h"

namespace sg::data::formats {
namespace {

constexpr unsigned start_of_scan = 0xda, end_of_image = 0xd9, app1 = 0xe1, frame_progressive = 0xc2,
                   huffman_tables = 0xc4, quantisation_tables = 0xdb;

bool is_frame(unsigned marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}
/// Markers that no length follows.
bool is_alone(unsigned marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

/// A marker and where its segment's length stands; 0 at the end of the file.
struct Marker {
  unsigned code = 0;
  std::size_t at = 0;
};

/// The next marker from `place` on. Any number of 0xff may stand before its code (B.1.1.2), and within a scan 0xff 0x00
/// is a value; other bytes between segments are stepped over.
Marker next_marker(Source& source, std::size_t place) {
  while (place < source.size()) {
    const auto bytes = source.at(place, 512);
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      const auto code = static_cast<unsigned>(bytes[i + 1]);
      if (bytes[i] == std::byte{0xff} && code != 0 && code != 0xff) {
        return {code, place + i + 2};
      }
    }
    if (bytes.size() < 2) {
      return {};
    }
    place += bytes.size() - 1;
  }
  return {};
}

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

/// Huffman tables (B.2.4.2). What stb would write beyond its own tables has to be known before it sees them.
void check_huffman_tables(ByteReader tables) {
  while (tables.left() > 0) {
    const unsigned kind = tables.byte();
    if (kind >> 4 > 1 || (kind & 15) > 3) {
      tables.refuse(fmt::format("a Huffman table of class {} and number {}", kind >> 4, kind & 15));
    }
    std::uint32_t count = 0, used = 0;  // codes, and the values of 16 bits that begin with one of them
    for (int length = 1; length <= 16; ++length) {
      const std::uint32_t of_this_length = tables.byte();
      count += of_this_length;
      used += of_this_length << (16 - length);
    }
    if (count > 256 || used > 1 << 16) {
      tables.refuse(fmt::format("a Huffman table of {} codes, more than its lengths have room for", count));
    }
    tables.skip(count);
  }
}

/// Tables of quantisation (B.2.4.1).
void check_quantisation_tables(ByteReader tables) {
  while (tables.left() > 0) {
    const unsigned kind = tables.byte();
    if (kind >> 4 > 1 || (kind & 15) > 3) {
      tables.refuse(fmt::format("a quantisation table of precision {} and number {}", kind >> 4, kind & 15));
    }
    tables.skip(kind >> 4 == 0 ? 64 : 128);
  }
}

/// Each scan of a progressive file goes over the whole picture; a file of thousands of them would take hours. And a
/// file that was cut would be grey where it ends.
void check_scans(std::span<const std::byte> file, std::string_view name) {
  Source source(file);
  constexpr int most_scans = 100;
  int scans = 0;
  std::size_t place = 2;
  while (true) {
    const Marker marker = next_marker(source, place);
    if (marker.code == 0) {
      refuse(name, pixels_error, "it ends before its end marker");
    }
    if (marker.code == end_of_image && scans > 0) {
      return;
    }
    if (marker.code == start_of_scan && ++scans > most_scans) {
      fail("{}: a JPEG file of more than {} scans", name, most_scans);
    }
    place = marker.at;
    if (is_alone(marker.code) || marker.code == end_of_image) {
      continue;
    }
    const std::size_t length = big16(source, place);
    if (length < 2 || length > file.size() - place) {
      refuse(name, pixels_error, fmt::format("a JPEG segment at byte {} that goes beyond the file", place - 2));
    }
    const ByteReader content(file.subspan(place + 2, length - 2), name, pixels_error);
    if (marker.code == huffman_tables) {
      check_huffman_tables(content);
    } else if (marker.code == quantisation_tables) {
      check_quantisation_tables(content);
    }
    place += length;
  }
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
  check_scans(file, name);
  // Even a block of one value takes a bit, and a block has 64 pixels.
  if (header.width * header.height / 512 > static_cast<std::int64_t>(file.size())) {
    refuse(name, pixels_error,
           fmt::format("{} bytes, which cannot be {} x {} pixels", file.size(), header.width, header.height));
  }
  const auto padded = [](std::int64_t side) { return static_cast<std::size_t>((side + 31) / 32 * 32); };
  const std::size_t memory = padded(header.width) * padded(header.height) * 20 + file.size() * 4 + (1 << 20);
  stb::Header found;
  std::string reason;
  Image image;
  if (!stb::decode_jpeg(file, memory, found, image.pixels, reason)) {
    refuse(name, pixels_error, reason);
  }
  image.width = found.width;
  image.height = found.height;
  image.channels = found.channels;
  if (image.width != header.width || image.height != header.height) {
    refuse(name, pixels_error, "two frames of different sizes");
  }
  return image;
}

}  // namespace sg::data::formats

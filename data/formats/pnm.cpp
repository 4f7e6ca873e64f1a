// PNM: bitmaps, grey and colour pictures of the Netpbm family, plain (P1, P2, P3) and raw (P4, P5, P6).
#include "data/formats/formats.h"

namespace sg::data::formats {
namespace {

bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The parts of the text before the pixels.
struct Layout {
  int kind = 0;  // the digit behind the P
  std::int64_t width = 0, height = 0;
  std::uint32_t largest = 1;  // the value of white
  bool is_plain() const { return kind <= 3; }
  bool is_bitmap() const { return kind == 1 || kind == 4; }
  std::int64_t channels() const { return kind == 3 || kind == 6 ? 3 : 1; }
};

/// The next character, a comment taken for the end of its line.
std::uint8_t character(ByteReader& reader) {
  std::uint8_t c = reader.byte();
  if (c == '#') {
    while (c != '\n' && c != '\r') {
      c = reader.byte();
    }
  }
  return c;
}

/// The next whole number; takes the character behind it, unless the file ends there.
std::uint32_t number(ByteReader& reader) {
  std::uint8_t c = character(reader);
  while (is_space(c)) {
    c = character(reader);
  }
  std::uint64_t value = 0;
  while (!is_space(c)) {
    if (c < '0' || c > '9') {
      reader.refuse(fmt::format("byte {:#04x} where a number has to stand", c));
    }
    value = value * 10 + (c - '0');
    if (value > UINT32_MAX) {
      reader.refuse("a number without end");
    }
    if (reader.left() == 0) {
      break;
    }
    c = character(reader);
  }
  return static_cast<std::uint32_t>(value);
}

Layout read_layout(ByteReader& reader) {
  Layout layout;
  reader.skip(1);
  layout.kind = reader.byte() - '0';
  layout.width = number(reader);
  layout.height = number(reader);
  if (!layout.is_bitmap()) {
    layout.largest = number(reader);
    if (layout.largest < 1 || layout.largest > 65535) {
      reader.refuse(fmt::format("a maxval of {}: 1 to 65535 can be", layout.largest));
    }
  }
  return layout;
}

std::uint8_t scaled(ByteReader& reader, const Layout& layout, std::uint32_t value) {
  if (value > layout.largest) {
    reader.refuse(fmt::format("a value of {}, more than its maxval of {}", value, layout.largest));
  }
  return to_eight_bits(value, layout.largest);
}

std::uint8_t plain_bit(ByteReader& reader) {
  std::uint8_t c = character(reader);
  while (is_space(c)) {
    c = character(reader);
  }
  if (c != '0' && c != '1') {
    reader.refuse(fmt::format("byte {:#04x} where 0 or 1 has to stand", c));
  }
  return c == '1' ? 0 : 255;  // 1 is black
}

}  // namespace

Header pnm_header(std::span<const std::byte> start, std::string_view name) {
  ByteReader reader(start, name, header_error);
  const Layout layout = read_layout(reader);
  return {layout.width, layout.height};
}

Image decode_pnm(std::span<const std::byte> file, std::string_view name) {
  ByteReader reader(file, name, pixels_error);
  const Layout layout = read_layout(reader);
  const std::int64_t samples = layout.width * layout.height * layout.channels();
  const std::int64_t row_bytes = (layout.width + 7) / 8;  // of a raw bitmap
  const std::int64_t needed = layout.kind == 1       ? samples
                              : layout.is_plain()    ? 2 * samples - 1
                              : layout.kind == 4     ? row_bytes * layout.height
                              : layout.largest > 255 ? 2 * samples
                                                     : samples;
  // One character stands behind the header; a program that ends lines with two leaves a file that is one byte longer.
  const bool ends_in_two = reader.position() < file.size() && file[reader.position() - 1] == std::byte{'\r'} &&
                           file[reader.position()] == std::byte{'\n'};
  if (!layout.is_plain() && ends_in_two && static_cast<std::int64_t>(reader.left()) == needed + 1) {
    reader.skip(1);
  }
  if (needed > static_cast<std::int64_t>(reader.left())) {
    reader.refuse(fmt::format("{} bytes, less than the {} of its pixels", reader.left(), needed));
  }
  Image image = blank(layout.width, layout.height, layout.channels());
  if (layout.kind == 4) {
    for (std::int64_t y = 0; y < image.height; ++y) {
      const auto row = reader.take(static_cast<std::size_t>(row_bytes));
      for (std::int64_t x = 0; x < image.width; ++x) {
        const auto bits = static_cast<unsigned>(row[static_cast<std::size_t>(x / 8)]);
        *image.at(y, x) = bits >> (7 - x % 8) & 1 ? 0 : 255;  // 1 is black
      }
    }
    return image;
  }
  for (std::uint8_t& pixel : image.pixels) {
    if (layout.kind == 1) {
      pixel = plain_bit(reader);
    } else if (layout.is_plain()) {
      pixel = scaled(reader, layout, number(reader));
    } else {
      pixel = scaled(reader, layout, layout.largest > 255 ? reader.big16() : reader.byte());
    }
  }
  return image;
}

}  // namespace sg::data::formats

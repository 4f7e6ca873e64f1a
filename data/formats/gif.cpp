// GIF: the first picture of a file (GIF89a specification, CompuServe 1990). What it does not cover is transparent.
#include <array>

#include "data/formats/formats.h"

namespace sg::data::formats {
namespace {

constexpr int most_bits = 12;
constexpr std::size_t most_codes = std::size_t{1} << most_bits;

using Palette = std::vector<std::array<std::uint8_t, 3>>;

struct Screen {
  std::int64_t width = 0, height = 0;
  std::uint8_t flags = 0;
};

Screen read_screen(ByteReader& reader) {
  reader.skip(6);  // GIF87a or GIF89a
  Screen screen;
  screen.width = reader.little16();
  screen.height = reader.little16();
  screen.flags = reader.byte();
  reader.skip(2);  // the background's colour, which nobody shows, and the pixels' proportion
  return screen;
}

/// Flags: 0x80 says that there is one, the low three bits how long it is.
Palette read_palette(ByteReader& reader, std::uint8_t flags) {
  Palette palette;
  if (flags & 0x80) {
    for (int left = 2 << (flags & 7); left > 0; --left) {
      const auto colour = reader.take(3);
      palette.push_back({static_cast<std::uint8_t>(colour[0]), static_cast<std::uint8_t>(colour[1]),
                         static_cast<std::uint8_t>(colour[2])});
    }
  }
  return palette;
}

/// The bytes of sub-blocks up to the empty one.
std::vector<std::uint8_t> read_blocks(ByteReader& reader) {
  std::vector<std::uint8_t> bytes;
  while (const std::size_t count = reader.byte()) {
    for (const std::byte byte : reader.take(count)) {
      bytes.push_back(static_cast<std::uint8_t>(byte));
    }
  }
  return bytes;
}

/// Lempel, Ziv and Welch's code, as far as `wanted` indices.
std::vector<std::uint8_t> unpack(const ByteReader& reader, const std::vector<std::uint8_t>& bytes, int first_bits,
                                 std::size_t wanted) {
  struct Code {
    std::uint16_t prefix;
    std::uint8_t first, last;
    std::uint16_t length;
  };
  std::array<Code, most_codes> codes{};
  const std::uint32_t clear = 1u << first_bits, end = clear + 1;
  for (std::uint32_t i = 0; i < clear; ++i) {
    codes[i] = {0, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i), 1};
  }
  std::vector<std::uint8_t> indices;
  std::uint32_t next = end + 1, buffer = 0;
  int bits = first_bits + 1, have = 0;
  bool has_previous = false;
  std::uint32_t previous = 0;
  for (const std::uint8_t byte : bytes) {
    if (indices.size() >= wanted) {
      break;
    }
    buffer |= static_cast<std::uint32_t>(byte) << have;
    have += 8;
    while (have >= bits && indices.size() < wanted) {
      const std::uint32_t code = buffer & ((1u << bits) - 1);
      buffer >>= bits;
      have -= bits;
      if (code == clear) {
        next = end + 1;
        bits = first_bits + 1;
        has_previous = false;
        continue;
      }
      if (code == end) {
        return indices;
      }
      if (code > next || (code == next && (!has_previous || next == most_codes))) {
        reader.refuse("its packed pixels make no sense");
      }
      if (has_previous && next < most_codes) {
        const std::uint8_t last = code == next ? codes[previous].first : codes[code].first;
        codes[next] = {static_cast<std::uint16_t>(previous), codes[previous].first, last,
                       static_cast<std::uint16_t>(codes[previous].length + 1)};
        ++next;
        if (next == 1u << bits && bits < most_bits) {
          ++bits;
        }
      }
      const std::size_t begin = indices.size(), length = codes[code].length;
      indices.resize(begin + length);
      std::uint32_t part = code;
      for (std::size_t i = length; i-- > 0;) {
        indices[begin + i] = codes[part].last;
        part = codes[part].prefix;
      }
      previous = code;
      has_previous = true;
    }
  }
  return indices;
}

/// The row of the picture in which the file's i-th row stands.
std::vector<std::int64_t> row_order(std::int64_t height, bool interlaced) {
  std::vector<std::int64_t> rows;
  if (!interlaced) {
    for (std::int64_t y = 0; y < height; ++y) {
      rows.push_back(y);
    }
    return rows;
  }
  for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}}) {
    for (std::int64_t y = first; y < height; y += step) {
      rows.push_back(y);
    }
  }
  return rows;
}

Image decode_frame(ByteReader& reader, const Screen& screen, Palette palette, int transparent) {
  const std::int64_t left = reader.little16(), top = reader.little16();
  const std::int64_t width = reader.little16(), height = reader.little16();
  const std::uint8_t flags = reader.byte();
  if (left + width > screen.width || top + height > screen.height) {
    reader.refuse("its first picture goes beyond the screen");
  }
  if (flags & 0x80) {
    palette = read_palette(reader, flags);
  }
  if (palette.empty()) {
    reader.refuse("it has no palette");
  }
  const int first_bits = reader.byte();
  if (first_bits < 1 || first_bits > 8) {
    reader.refuse(fmt::format("pixels of {} bits", first_bits));
  }
  const auto pixels = static_cast<std::size_t>(width * height);
  const std::vector<std::uint8_t> indices = unpack(reader, read_blocks(reader), first_bits, pixels);
  if (indices.size() < pixels) {
    reader.refuse(fmt::format("{} of {} pixels are there", indices.size(), pixels));
  }
  Image image = blank(screen.width, screen.height, 4);
  const std::uint8_t* index = indices.data();
  for (const std::int64_t row : row_order(height, flags & 0x40)) {
    std::uint8_t* out = image.at(top + row, left);
    for (std::int64_t x = 0; x < width; ++x, ++index, out += 4) {
      if (*index == transparent) {
        continue;
      }
      if (*index >= palette.size()) {
        reader.refuse(fmt::format("colour {} of a palette of {}", *index, palette.size()));
      }
      std::copy_n(palette[*index].begin(), 3, out);
      out[3] = 255;
    }
  }
  return image;
}

}  // namespace

Header gif_header(std::span<const std::byte> start, std::string_view name) {
  ByteReader reader(start, name, header_error);
  const Screen screen = read_screen(reader);
  return {screen.width, screen.height};
}

Image decode_gif(std::span<const std::byte> file, std::string_view name) {
  ByteReader reader(file, name, pixels_error);
  const Screen screen = read_screen(reader);
  const Palette palette = read_palette(reader, screen.flags);
  int transparent = -1;
  while (true) {
    const std::uint8_t kind = reader.byte();
    if (kind == ',') {
      return decode_frame(reader, screen, palette, transparent);
    }
    if (kind == ';') {
      reader.refuse("it holds no picture");
    }
    if (kind != '!') {
      reader.refuse(fmt::format("byte {:#04x} where a block has to begin", kind));
    }
    const std::uint8_t label = reader.byte();
    const std::vector<std::uint8_t> block = read_blocks(reader);
    if (label == 0xf9 && block.size() >= 4) {
      transparent = block[0] & 1 ? block[3] : -1;
    }
  }
}

}  // namespace sg::data::formats

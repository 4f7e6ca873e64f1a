// BMP: Windows bitmaps (MSDN, BITMAPINFOHEADER and its successors) and those of OS/2: with a palette, packed or not,
// 16, 24 and 32 bits a pixel, from the bottom or from the top.
#include <bit>

#include "data/formats/formats.h"

namespace sg::data::formats {
namespace {

constexpr std::uint32_t plain = 0, packed_8 = 1, packed_4 = 2, by_masks = 3, by_masks_with_alpha = 6;

struct Layout {
  std::uint32_t pixels_at = 0, header_size = 0;
  std::int64_t width = 0, height = 0;
  bool from_top = false;
  int bits = 0;
  std::uint32_t packing = plain, palette_length = 0;
  std::uint32_t masks[4] = {};  // red, green, blue, alpha; 0: none
};

Layout read_layout(ByteReader& reader) {
  Layout l;
  reader.skip(10);  // the mark, the file's size, two reserved numbers
  l.pixels_at = reader.little32();
  l.header_size = reader.little32();
  const bool is_old = l.header_size == 12;
  if (!is_old && l.header_size != 40 && l.header_size != 52 && l.header_size != 56 && l.header_size != 64 &&
      l.header_size != 108 && l.header_size != 124) {
    reader.refuse(fmt::format("a BMP header of {} bytes", l.header_size));
  }
  if (is_old) {
    l.width = reader.little16();
    l.height = reader.little16();
  } else {
    l.width = static_cast<std::int32_t>(reader.little32());
    l.height = static_cast<std::int32_t>(reader.little32());
    l.from_top = l.height < 0;
    l.height = l.from_top ? -l.height : l.height;
  }
  reader.skip(2);  // planes, always 1
  l.bits = static_cast<int>(reader.little16());
  if (!is_old) {
    l.packing = reader.little32();
    reader.skip(12);  // the size of the pixels, and how many there are in a metre
    l.palette_length = reader.little32();
    reader.skip(4);
  }
  if (l.bits != 1 && l.bits != 2 && l.bits != 4 && l.bits != 8 && l.bits != 16 && l.bits != 24 && l.bits != 32) {
    reader.refuse(fmt::format("a BMP picture of {} bits a pixel", l.bits));
  }
  const bool has_masks = l.packing == by_masks || l.packing == by_masks_with_alpha;
  if (l.packing != plain && !(l.packing == packed_8 && l.bits == 8) && !(l.packing == packed_4 && l.bits == 4) &&
      !(has_masks && (l.bits == 16 || l.bits == 32) && l.header_size != 64)) {
    reader.refuse(fmt::format("a BMP picture of {} bits a pixel packed by method {}", l.bits, l.packing));
  }
  if ((l.packing == packed_8 || l.packing == packed_4) && l.from_top) {
    reader.refuse("a packed BMP picture that begins at the top");
  }
  if (l.bits <= 8) {
    const std::uint32_t most = 1u << l.bits;
    if (l.palette_length > 256) {
      reader.refuse(fmt::format("a palette of {} colours", l.palette_length));
    }
    l.palette_length = l.palette_length == 0 ? most : l.palette_length;
  }
  if (has_masks) {
    const int count = l.packing == by_masks_with_alpha || l.header_size >= 56 ? 4 : 3;
    for (int i = 0; i < count; ++i) {
      l.masks[i] = reader.little32();
    }
  } else if (l.bits == 16) {
    l.masks[0] = 31u << 10, l.masks[1] = 31u << 5, l.masks[2] = 31u;
  } else if (l.bits == 32) {
    l.masks[0] = 255u << 16, l.masks[1] = 255u << 8, l.masks[2] = 255u;
  }
  for (const std::uint32_t mask : l.masks) {
    const std::uint32_t shifted = mask ? mask >> std::countr_zero(mask) : 0;
    if ((shifted & (shifted + 1)) != 0) {
      reader.refuse(fmt::format("a BMP picture with the mask {:#x}, whose bits are not together", mask));
    }
  }
  return l;
}

class Decoder {
 public:
  explicit Decoder(ByteReader& reader) : reader_(reader), layout_(read_layout(reader)) {}

  Image run() {
    if (layout_.bits <= 8) {
      read_palette();
    }
    reader_.seek(layout_.pixels_at);
    const bool is_packed = layout_.packing == packed_8 || layout_.packing == packed_4;
    const std::int64_t row_bytes = (layout_.width * layout_.bits + 31) / 32 * 4;
    // The last row's filling may be missing.
    const std::int64_t needed =
        is_packed ? 2 : row_bytes * (layout_.height - 1) + (layout_.width * layout_.bits + 7) / 8;
    if (needed > static_cast<std::int64_t>(reader_.left())) {
      reader_.refuse(fmt::format("{} bytes, less than the {} of its pixels", reader_.left(), needed));
    }
    Image image = blank(layout_.width, layout_.height, layout_.masks[3] ? 4 : 3);
    if (is_packed) {
      unpack(image);
      return image;
    }
    for (std::int64_t i = 0; i < image.height; ++i) {
      const std::int64_t y = layout_.from_top ? i : image.height - 1 - i;
      read_row(image, y);
      const std::int64_t rest = row_bytes - (layout_.width * layout_.bits + 7) / 8;
      reader_.skip(std::min(static_cast<std::size_t>(rest), reader_.left()));
    }
    make_opaque_if_unused(image);
    return image;
  }

 private:
  void read_palette() {
    const bool is_old = layout_.header_size == 12;
    const std::size_t entry = is_old ? 3 : 4, begin = 14 + layout_.header_size;
    // Old files say nothing of the palette's length: it reaches as far as the pixels allow.
    if (is_old && layout_.pixels_at > begin) {
      layout_.palette_length =
          std::min<std::uint32_t>(layout_.palette_length, static_cast<std::uint32_t>((layout_.pixels_at - begin) / 3));
    }
    reader_.seek(begin);
    palette_.resize(layout_.palette_length * 3);
    for (std::uint32_t i = 0; i < layout_.palette_length; ++i) {
      const auto colour = reader_.take(entry);
      for (int c = 0; c < 3; ++c) {
        palette_[3 * i + c] = static_cast<std::uint8_t>(colour[2 - c]);
      }
    }
  }

  void put_index(std::uint32_t index, std::uint8_t* out) const {
    if (index >= layout_.palette_length) {
      reader_.refuse(fmt::format("colour {} of a palette of {}", index, layout_.palette_length));
    }
    std::copy_n(palette_.data() + 3 * index, 3, out);
  }

  void read_row(Image& image, std::int64_t y) {
    if (layout_.bits <= 8) {
      const auto row = reader_.take(static_cast<std::size_t>(layout_.width * layout_.bits + 7) / 8);
      for (std::int64_t x = 0; x < image.width; ++x) {
        const std::int64_t bit = x * layout_.bits;
        const auto value = static_cast<std::uint32_t>(row[static_cast<std::size_t>(bit / 8)]);
        put_index(value >> (8 - layout_.bits - bit % 8) & ((1u << layout_.bits) - 1), image.at(y, x));
      }
      return;
    }
    for (std::int64_t x = 0; x < image.width; ++x) {
      std::uint8_t* out = image.at(y, x);
      if (layout_.bits == 24) {
        const auto bytes = reader_.take(3);
        for (int c = 0; c < 3; ++c) {
          out[c] = static_cast<std::uint8_t>(bytes[2 - c]);
        }
        continue;
      }
      const std::uint32_t value = layout_.bits == 16 ? reader_.little16() : reader_.little32();
      for (int c = 0; c < image.channels; ++c) {
        const std::uint32_t mask = layout_.masks[c];
        const int shift = mask ? std::countr_zero(mask) : 0;
        out[c] = mask ? to_eight_bits((value & mask) >> shift, mask >> shift) : 0;
      }
    }
  }

  /// Runs and copies of the packed methods. What they leave out has the first colour.
  void unpack(Image& image) {
    for (std::int64_t y = 0; y < image.height; ++y) {
      for (std::int64_t x = 0; x < image.width; ++x) {
        put_index(0, image.at(y, x));
      }
    }
    std::int64_t x = 0, y = 0;
    const auto put = [&](std::uint32_t index) {
      if (x >= image.width || y >= image.height) {
        reader_.refuse("its packed pixels go beyond the picture");
      }
      put_index(index, image.at(image.height - 1 - y, x++));
    };
    const bool halves = layout_.packing == packed_4;
    while (true) {
      const std::uint32_t count = reader_.byte(), value = reader_.byte();
      if (count > 0) {
        for (std::uint32_t i = 0; i < count; ++i) {
          put(halves ? (i % 2 ? value & 15 : value >> 4) : value);
        }
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        return;
      } else if (value == 2) {
        x += reader_.byte();
        y += reader_.byte();
      } else {
        const std::size_t bytes = halves ? (value + 1) / 2 : value;
        const auto copied = reader_.take(bytes);
        for (std::uint32_t i = 0; i < value; ++i) {
          const auto byte = static_cast<std::uint32_t>(copied[halves ? i / 2 : i]);
          put(halves ? (i % 2 ? byte & 15 : byte >> 4) : byte);
        }
        reader_.skip(bytes % 2);
      }
    }
  }

  /// Many writers announce an alpha and leave it 0.
  static void make_opaque_if_unused(Image& image) {
    if (image.channels != 4) {
      return;
    }
    for (std::size_t i = 3; i < image.pixels.size(); i += 4) {
      if (image.pixels[i] != 0) {
        return;
      }
    }
    for (std::size_t i = 3; i < image.pixels.size(); i += 4) {
      image.pixels[i] = 255;
    }
  }

  ByteReader& reader_;
  Layout layout_;
  std::vector<std::uint8_t> palette_;  // three values a colour
};

}  // namespace

Header bmp_header(std::span<const std::byte> start, std::string_view name) {
  ByteReader reader(start, name, header_error);
  const Layout layout = read_layout(reader);
  return {layout.width, layout.height};
}

Image decode_bmp(std::span<const std::byte> file, std::string_view name) {
  ByteReader reader(file, name, pixels_error);
  return Decoder(reader).run();
}

}  // namespace sg::data::formats

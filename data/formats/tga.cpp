// TGA: Truevision's pictures (TGA file format specification, version 2.0): with a palette, in colour or grey, packed or
// not.
#include "data/formats/formats.h"

namespace sg::data::formats {
namespace {

struct Layout {
  std::uint8_t id_length = 0, map_type = 0, type = 0;
  std::uint32_t map_first = 0, map_length = 0;
  int map_bits = 0;
  std::int64_t width = 0, height = 0;
  int bits = 0;
  std::uint8_t descriptor = 0;

  bool is_packed() const { return type > 8; }
  int plain_type() const { return type & 7; }
  bool has_palette() const { return plain_type() == 1; }
  bool is_grey() const { return plain_type() == 3; }
  int colour_bits() const { return has_palette() ? map_bits : bits; }
  std::int64_t channels() const {
    if (is_grey()) {
      return bits == 8 ? 1 : 2;
    }
    return colour_bits() == 32 ? 4 : 3;
  }
  std::size_t bytes_a_pixel() const { return static_cast<std::size_t>(bits + 7) / 8; }
};

Layout read_layout(ByteReader& reader) {
  Layout l;
  l.id_length = reader.byte();
  l.map_type = reader.byte();
  l.type = reader.byte();
  l.map_first = reader.little16();
  l.map_length = reader.little16();
  l.map_bits = reader.byte();
  reader.skip(4);  // the place on the screen
  l.width = reader.little16();
  l.height = reader.little16();
  l.bits = reader.byte();
  l.descriptor = reader.byte();
  if (l.type != 1 && l.type != 2 && l.type != 3 && l.type != 9 && l.type != 10 && l.type != 11) {
    reader.refuse(fmt::format("a TGA picture of type {}: 1, 2, 3, 9, 10 and 11 are read", l.type));
  }
  if (l.map_type > 1 || (l.has_palette() && (l.map_type != 1 || l.map_length == 0))) {
    reader.refuse("a TGA picture without its palette");
  }
  const auto is_colour = [](int bits) { return bits == 15 || bits == 16 || bits == 24 || bits == 32; };
  const bool known = l.is_grey()       ? l.bits == 8 || l.bits == 16
                     : l.has_palette() ? (l.bits == 8 || l.bits == 16) && is_colour(l.map_bits)
                                       : is_colour(l.bits);
  if (!known) {
    reader.refuse(fmt::format("a TGA picture of type {} with {} bits a pixel", l.type, l.bits));
  }
  if (l.descriptor & 0xc0) {
    reader.refuse("a TGA picture with interleaved rows");
  }
  return l;
}

/// Writes one colour of 15, 16, 24 or 32 bits as RGB or RGBA.
void put_colour(ByteReader& reader, int bits, std::uint8_t* out) {
  if (bits <= 16) {
    const std::uint32_t value = reader.little16();
    for (int c = 0; c < 3; ++c) {
      out[c] = to_eight_bits(value >> (10 - 5 * c) & 31, 31);
    }
    return;
  }
  out[2] = reader.byte();
  out[1] = reader.byte();
  out[0] = reader.byte();
  if (bits == 32) {
    out[3] = reader.byte();
  }
}

class Decoder {
 public:
  explicit Decoder(ByteReader& reader) : reader_(reader), layout_(read_layout(reader)) {}

  Image run() {
    reader_.skip(layout_.id_length);
    const std::size_t entry_bytes = static_cast<std::size_t>(layout_.map_bits + 7) / 8;
    if (layout_.has_palette()) {
      palette_.resize(layout_.map_length * 4);
      for (std::uint32_t i = 0; i < layout_.map_length; ++i) {
        put_colour(reader_, layout_.map_bits, palette_.data() + 4 * i);
      }
    } else if (layout_.map_type == 1) {
      reader_.skip(entry_bytes * layout_.map_length);
    }
    check_length();
    Image image = blank(layout_.width, layout_.height, layout_.channels());
    const bool from_top = layout_.descriptor & 0x20, from_right = layout_.descriptor & 0x10;
    for (std::int64_t row = 0; row < image.height; ++row) {
      for (std::int64_t column = 0; column < image.width; ++column) {
        put_pixel(image.at(from_top ? row : image.height - 1 - row, from_right ? image.width - 1 - column : column));
      }
    }
    make_opaque_if_unused(image);
    return image;
  }

 private:
  void check_length() const {
    constexpr std::int64_t longest_packet = 128;
    const std::int64_t pixels = layout_.width * layout_.height;
    const auto each = static_cast<std::int64_t>(layout_.bytes_a_pixel());
    const std::int64_t needed =
        layout_.is_packed() ? (pixels + longest_packet - 1) / longest_packet * (each + 1) : pixels * each;
    if (needed > static_cast<std::int64_t>(reader_.left())) {
      reader_.refuse(fmt::format("{} bytes, less than the {} of its pixels", reader_.left(), needed));
    }
  }

  void put_pixel(std::uint8_t* out) {
    if (!layout_.is_packed()) {
      return read_pixel(out);
    }
    if (packet_left_ == 0) {
      const std::uint8_t head = reader_.byte();
      packet_left_ = (head & 127) + 1;
      repeats_ = head & 128;
      packet_begins_ = true;
    }
    if (packet_begins_ || !repeats_) {
      read_pixel(repeated_);
    }
    packet_begins_ = false;
    --packet_left_;
    std::copy_n(repeated_, layout_.channels(), out);
  }

  void read_pixel(std::uint8_t* out) {
    if (layout_.is_grey()) {
      out[0] = reader_.byte();
      if (layout_.bits == 16) {
        out[1] = reader_.byte();
      }
      return;
    }
    if (!layout_.has_palette()) {
      return put_colour(reader_, layout_.bits, out);
    }
    const std::uint32_t index = layout_.bits == 8 ? reader_.byte() : reader_.little16();
    if (index < layout_.map_first || index - layout_.map_first >= layout_.map_length) {
      reader_.refuse(fmt::format("colour {} is not in its palette", index));
    }
    std::copy_n(palette_.data() + 4 * (index - layout_.map_first), layout_.channels(), out);
  }

  /// Many writers leave a fourth byte of zeros that is no alpha.
  void make_opaque_if_unused(Image& image) const {
    if (image.channels != 4 || (layout_.descriptor & 15) != 0) {
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
  std::vector<std::uint8_t> palette_;  // four values a colour
  int packet_left_ = 0;
  bool repeats_ = false, packet_begins_ = false;
  std::uint8_t repeated_[4] = {};
};

}  // namespace

Header tga_header(std::span<const std::byte> start, std::string_view name) {
  ByteReader reader(start, name, header_error);
  const Layout layout = read_layout(reader);
  return {layout.width, layout.height};
}

Image decode_tga(std::span<const std::byte> file, std::string_view name) {
  ByteReader reader(file, name, pixels_error);
  return Decoder(reader).run();
}

}  // namespace sg::data::formats

// PNG: every colour type and depth, interlaced or not (W3C Portable Network Graphics specification, third edition).
#include <zlib.h>

#include <array>
#include <cstring>
#include <new>

#include "data/exif.h"
#include "data/formats/formats.h"

namespace sg::data::formats {
namespace {

constexpr std::size_t mark_bytes = 8;
constexpr std::uint32_t longest_chunk = 0x7fffffff;
constexpr int grey = 0, colour = 2, by_palette = 3, grey_alpha = 4, colour_alpha = 6;

struct Layout {
  std::int64_t width = 0, height = 0;
  int depth = 0, type = 0;
  bool interlaced = false;

  int samples() const { return type == colour ? 3 : type == grey_alpha ? 2 : type == colour_alpha ? 4 : 1; }
  std::size_t row_bytes(std::int64_t columns) const {
    return static_cast<std::size_t>((columns * samples() * depth + 7) / 8);
  }
};

Layout read_layout(ByteReader& reader) {
  reader.skip(mark_bytes);
  if (reader.big32() != 13 || reader.big32() != 0x49484452) {
    reader.refuse("a PNG file that does not begin with IHDR");
  }
  Layout l;
  l.width = reader.big32();
  l.height = reader.big32();
  l.depth = reader.byte();
  l.type = reader.byte();
  const bool any_depth = l.depth == 1 || l.depth == 2 || l.depth == 4 || l.depth == 8 || l.depth == 16;
  const bool known =
      (l.type == grey && any_depth) || (l.type == by_palette && any_depth && l.depth <= 8) ||
      ((l.type == colour || l.type == grey_alpha || l.type == colour_alpha) && (l.depth == 8 || l.depth == 16));
  if (!known) {
    reader.refuse(fmt::format("a PNG picture of colour type {} with {} bits", l.type, l.depth));
  }
  const int compression = reader.byte(), filters = reader.byte(), interlace = reader.byte();
  if (compression != 0 || filters != 0 || interlace > 1) {
    reader.refuse(
        fmt::format("a PNG picture of compression {}, filters {}, interlacing {}", compression, filters, interlace));
  }
  l.interlaced = interlace == 1;
  return l;
}

struct Chunk {
  std::string_view type;
  std::span<const std::byte> data;
};

Chunk next_chunk(ByteReader& reader) {
  const std::uint32_t length = reader.big32();
  if (length > longest_chunk) {
    reader.refuse(fmt::format("a chunk of {} bytes", length));
  }
  const auto type_and_data = reader.take(std::size_t{4} + length);
  const auto* text = reinterpret_cast<const char*>(type_and_data.data());
  const std::uint32_t checksum = reader.big32();
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  const auto* bytes = reinterpret_cast<const Bytef*>(type_and_data.data());
  if (crc32(0, bytes, static_cast<uInt>(type_and_data.size())) != checksum) {
    reader.refuse(fmt::format("the checksum of its chunk at byte {} is wrong", reader.position() - 12 - length));
  }
#else
  static_cast<void>(checksum);  // a fuzzer would never get past it
#endif
  return {{text, 4}, type_and_data.subspan(4)};
}

/// Adam7: where each pass begins and how far its pixels are apart.
struct Pass {
  int x, y, step_x, step_y;
};
constexpr Pass passes[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                           {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
constexpr Pass whole = {0, 0, 1, 1};

int paeth(int a, int b, int c) {
  const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

class Decoder {
 public:
  explicit Decoder(ByteReader& reader) : reader_(reader), layout_(read_layout(reader)) {
    if (inflateInit(&stream_) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Decoder() { inflateEnd(&stream_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  Image run() {
    reader_.seek(mark_bytes);
    std::vector<std::span<const std::byte>> data;
    bool data_ended = false;
    for (bool first = true;; first = false) {
      const Chunk chunk = next_chunk(reader_);
      if (chunk.type == "IEND") {
        break;
      }
      if (chunk.type == "IDAT") {
        if (data_ended) {
          reader_.refuse("its pixels stand in two places");
        }
        data.push_back(chunk.data);
        continue;
      }
      data_ended = !data.empty();
      if (chunk.type == "PLTE") {
        if (chunk.data.empty() || chunk.data.size() % 3 != 0 || chunk.data.size() > 768) {
          reader_.refuse(fmt::format("a palette of {} bytes", chunk.data.size()));
        }
        palette_ = chunk.data;
      } else if (chunk.type == "tRNS") {
        transparency_ = chunk.data;
      } else if ((chunk.type[0] & 0x20) == 0 && !first) {
        reader_.refuse(fmt::format("a chunk {} that is not known and cannot be left out", printable(chunk.type)));
      }
    }
    check_transparency();
    input_ = std::move(data);
    check_length();
    const bool has_key = !transparency_.empty();
    const int channels = layout_.type == by_palette ? (has_key ? 4 : 3) : layout_.samples() + (has_key ? 1 : 0);
    Image image = blank(layout_.width, layout_.height, channels);
    if (layout_.interlaced) {
      for (const Pass& pass : passes) {
        read_pass(image, pass);
      }
    } else {
      read_pass(image, whole);
    }
    finish();
    return image;
  }

 private:
  static std::string printable(std::string_view text) {
    std::string shown(text);
    for (char& c : shown) {
      c = c >= ' ' && c <= '~' ? c : '?';
    }
    return shown;
  }

  void check_transparency() {
    if (layout_.type == by_palette && palette_.empty()) {
      reader_.refuse("it has no palette");
    }
    const std::size_t entries = layout_.type == grey ? 2 : layout_.type == colour ? 6 : 0;
    if (transparency_.empty() || layout_.type == grey_alpha || layout_.type == colour_alpha) {
      transparency_ = {};
    } else if (layout_.type == by_palette ? transparency_.size() > palette_.size() / 3
                                          : transparency_.size() != entries) {
      reader_.refuse(fmt::format("a transparency of {} bytes", transparency_.size()));
    }
  }

  /// Deflate packs at most 1032 bytes into one.
  void check_length() const {
    constexpr std::size_t most_packed = 1032;
    std::size_t packed = 0;
    for (const auto& part : input_) {
      packed += part.size();
    }
    const std::size_t needed = layout_.row_bytes(layout_.width) * static_cast<std::size_t>(layout_.height);
    if (needed / most_packed > packed) {
      reader_.refuse(fmt::format("{} bytes of packed pixels, which cannot be the {} that it needs", packed, needed));
    }
  }

  /// The next bytes of the unpacked pixels.
  void inflate_into(std::vector<std::uint8_t>& out) {
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0) {
      if (!refill()) {
        reader_.refuse("its packed pixels end too early");
      }
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END && stream_.avail_out > 0) {
        reader_.refuse("its packed pixels end too early");
      }
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        reader_.refuse(fmt::format("its packed pixels: {}", stream_.msg ? stream_.msg : "no zlib stream"));
      }
    }
  }

  bool refill() {
    while (stream_.avail_in == 0) {
      if (next_part_ == input_.size()) {
        return false;
      }
      const auto part = input_[next_part_++];
      stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(part.data()));
      stream_.avail_in = static_cast<uInt>(part.size());
    }
    return true;
  }

  /// The stream's own checksum stands behind the last pixel. Whatever else follows is of no use and left alone.
  void finish() {
    Bytef extra = 0;
    stream_.next_out = &extra;
    stream_.avail_out = 1;
    int status = Z_OK;
    while (status == Z_OK && stream_.avail_out > 0 && refill()) {
      status = inflate(&stream_, Z_NO_FLUSH);
    }
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (status == Z_DATA_ERROR) {
      reader_.refuse(fmt::format("its packed pixels: {}", stream_.msg ? stream_.msg : "damaged"));
    }
#endif
  }

  void read_pass(Image& image, const Pass& pass) {
    const std::int64_t columns = (layout_.width - pass.x + pass.step_x - 1) / pass.step_x;
    const std::int64_t rows = (layout_.height - pass.y + pass.step_y - 1) / pass.step_y;
    if (columns < 1 || rows < 1) {
      return;
    }
    const std::size_t bytes = layout_.row_bytes(columns);
    const auto step = static_cast<std::size_t>(std::max(1, layout_.samples() * layout_.depth / 8));
    std::vector<std::uint8_t> above(bytes + 1), row(bytes + 1);
    for (std::int64_t i = 0; i < rows; ++i) {
      inflate_into(row);
      undo_filter(row, above, step);
      std::uint8_t* out = image.at(pass.y + i * pass.step_y, pass.x);
      put_row(row.data() + 1, columns, out, pass.step_x * image.channels);
      std::swap(row, above);
    }
  }

  /// Byte 0 of each row is its filter's number.
  void undo_filter(std::vector<std::uint8_t>& row, const std::vector<std::uint8_t>& above, std::size_t step) const {
    const int filter = row[0];
    if (filter > 4) {
      reader_.refuse(fmt::format("a row with the filter {}", filter));
    }
    for (std::size_t i = 1; i < row.size() && filter > 0; ++i) {
      const int left = i > step ? row[i - step] : 0, up = above[i], corner = i > step ? above[i - step] : 0;
      const int added = filter == 1 ? left : filter == 2 ? up : filter == 3 ? (left + up) / 2 : paeth(left, up, corner);
      row[i] = static_cast<std::uint8_t>(row[i] + added);
    }
  }

  std::uint32_t sample(const std::uint8_t* row, std::int64_t index) const {
    if (layout_.depth == 8) {
      return row[index];
    }
    if (layout_.depth == 16) {
      return static_cast<std::uint32_t>(row[2 * index]) << 8 | row[2 * index + 1];
    }
    const std::int64_t bit = index * layout_.depth;
    return row[bit / 8] >> (8 - layout_.depth - bit % 8) & ((1u << layout_.depth) - 1);
  }

  void put_row(const std::uint8_t* row, std::int64_t columns, std::uint8_t* out, std::int64_t step) const {
    const int samples = layout_.samples();
    const std::uint32_t largest = (1u << layout_.depth) - 1;
    for (std::int64_t x = 0; x < columns; ++x, out += step) {
      if (layout_.type == by_palette) {
        put_palette_colour(sample(row, x), out);
        continue;
      }
      bool is_key = !transparency_.empty();
      for (int c = 0; c < samples; ++c) {
        const std::uint32_t value = sample(row, x * samples + c);
        out[c] = layout_.depth == 8 ? static_cast<std::uint8_t>(value) : to_eight_bits(value, largest);
        is_key = is_key && value == key(c);
      }
      if (!transparency_.empty()) {
        out[samples] = is_key ? 0 : 255;
      }
    }
  }

  void put_palette_colour(std::uint32_t index, std::uint8_t* out) const {
    if (index >= palette_.size() / 3) {
      reader_.refuse(fmt::format("colour {} of a palette of {}", index, palette_.size() / 3));
    }
    for (int c = 0; c < 3; ++c) {
      out[c] = static_cast<std::uint8_t>(palette_[3 * index + static_cast<std::size_t>(c)]);
    }
    if (!transparency_.empty()) {
      out[3] = index < transparency_.size() ? static_cast<std::uint8_t>(transparency_[index]) : 255;
    }
  }

  /// The value that stands for transparency, in as many bits as the pixels have.
  std::uint32_t key(int c) const {
    const auto at = static_cast<std::size_t>(2 * c);
    const std::uint32_t value =
        static_cast<std::uint32_t>(transparency_[at]) << 8 | static_cast<std::uint32_t>(transparency_[at + 1]);
    return value & ((1u << layout_.depth) - 1);
  }

  ByteReader& reader_;
  Layout layout_;
  std::span<const std::byte> palette_, transparency_;
  std::vector<std::span<const std::byte>> input_;  // the IDAT chunks
  std::size_t next_part_ = 0;
  z_stream stream_{};
};

/// The turn that the chunk eXIf asks for, wherever it stands.
int orientation_of(Source& source) {
  for (std::size_t place = mark_bytes; place + 12 <= source.size();) {
    ByteReader head(source.at(place, 8), "", "");
    const std::size_t length = head.big32();
    const std::uint32_t type = head.big32();
    if (type == 0x65584966) {
      return tiff_orientation(source.at(place + 8, std::min(length, Source::largest_read)));
    }
    place += 12 + length;
  }
  return 1;
}

}  // namespace

Header png_header(Source& source, std::string_view name) {
  ByteReader reader(source.at(0, 64), name, header_error);
  const Layout layout = read_layout(reader);
  return {layout.width, layout.height, orientation_of(source)};
}

Image decode_png(std::span<const std::byte> file, std::string_view name) {
  ByteReader reader(file, name, pixels_error);
  return Decoder(reader).run();
}

}  // namespace sg::data::formats

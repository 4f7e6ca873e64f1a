// Every depth of every picture format, from files that are put together here bit by bit.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "data/embedded.h"
#include "data/files.h"
#include "data/image_io.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::data;
using tests::error_of;

namespace {

constexpr int width = 13, height = 9;

Image decode(const std::string& file, int channels, const std::string& name = "file") {
  return decode_image(bytes_of(file), name, channels);
}

/// A sample of `bits` bits that tells where it stands.
unsigned sample(int x, int y, int c, int bits) {
  const unsigned mixed = static_cast<unsigned>((x * 31 + y * 57 + c * 101 + x * y * 7) * 2654435761u >> 7);
  return mixed & ((1u << bits) - 1);
}

/// Rounded to 8 bits.
std::uint8_t shown(unsigned value, unsigned largest) {
  return static_cast<std::uint8_t>((value * 510ull + largest) / (2ull * largest));
}

std::string big(unsigned value, int bytes) {
  std::string text;
  for (int i = bytes; i-- > 0;) {
    text += static_cast<char>(value >> 8 * i);
  }
  return text;
}

std::string little(unsigned value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += static_cast<char>(value >> 8 * i);
  }
  return text;
}

/// Bits one after the other, the first in the highest place.
class BitWriter {
 public:
  void put(unsigned value, int bits) {
    for (int i = bits; i-- > 0;) {
      if (used_ == 0) {
        text_ += '\0';
      }
      text_.back() = static_cast<char>(text_.back() | (value >> i & 1) << (7 - used_));
      used_ = (used_ + 1) % 8;
    }
  }
  void end_row() { used_ = 0; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int used_ = 0;
};

unsigned crc32(const std::string& bytes) {
  unsigned crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
  }
  return ~crc;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big(static_cast<unsigned>(data.size()), 4) + type + data + big(crc32(type + data), 4);
}

/// A zlib stream that packs nothing (RFC 1950 and 1951).
std::string stored(const std::string& data) {
  unsigned a = 1, b = 0;
  for (const char byte : data) {
    a = (a + static_cast<unsigned char>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = static_cast<unsigned>(data.size());
  return "\x78\x01\x01" + little(size, 2) + little(~size, 2) + data + big(b << 16 | a, 4);
}

const std::string png_mark = "\x89PNG\r\n\x1a\n";

std::string png(int type, int depth, bool interlaced, const std::string& between = "", const std::string& behind = "") {
  const int channels = type == 2 ? 3 : type == 4 ? 2 : type == 6 ? 4 : 1;
  struct Pass {
    int x, y, step_x, step_y;
  };
  std::vector<Pass> passes{{0, 0, 1, 1}};
  if (interlaced) {
    passes = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  }
  BitWriter bits;
  for (const Pass& pass : passes) {
    for (int y = pass.y; y < height; y += pass.step_y) {
      bits.put(0, 8);
      for (int x = pass.x; x < width; x += pass.step_x) {
        for (int c = 0; c < channels; ++c) {
          bits.put(sample(x, y, c, depth), depth);
        }
      }
      bits.end_row();
    }
  }
  return png_mark +
         chunk("IHDR", big(width, 4) + big(height, 4) + big(static_cast<unsigned>(depth), 1) +
                           big(static_cast<unsigned>(type), 1) + std::string(2, '\0') + (interlaced ? '\1' : '\0')) +
         between + chunk("IDAT", stored(bits.text())) + behind + chunk("IEND", "");
}

/// What a pixel is, by its channels as a function of the channel.
void check_pixels(const Image& image, const std::function<unsigned(int x, int y, int c)>& expected) {
  REQUIRE(image.width == width);
  REQUIRE(image.height == height);
  int wrong = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < image.channels; ++c) {
        wrong += image.at(y, x)[c] != expected(x, y, c);
      }
    }
  }
  CHECK(wrong == 0);
}

unsigned on_white(unsigned value, unsigned alpha) { return (value * alpha + 255 * (255 - alpha) + 127) / 255; }

std::string palette_of(int count) {
  std::string palette;
  for (int i = 0; i < count; ++i) {
    palette += std::string{static_cast<char>(i * 3), static_cast<char>(255 - i), static_cast<char>(i * 7)};
  }
  return palette;
}

std::string pnm(int kind, unsigned largest) {
  std::string file = fmt::format("P{}\n# a comment\n{} {}\n", kind, width, height);
  const bool is_bitmap = kind == 1 || kind == 4;
  if (!is_bitmap) {
    file += fmt::format("{}\n", largest);
  }
  BitWriter bits;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < (kind % 3 == 0 ? 3 : 1); ++c) {
        const unsigned value = is_bitmap ? sample(x, y, c, 1) : sample(x, y, c, 16) % (largest + 1);
        if (kind == 1) {
          file += static_cast<char>('0' + value);
        } else if (kind <= 3) {
          file += fmt::format("{}\n", value);
        } else {
          bits.put(value, is_bitmap ? 1 : largest > 255 ? 16 : 8);
        }
      }
    }
    bits.end_row();
  }
  return file + bits.text();
}

/// A bitmap of 1, 4, 8, 16, 24 or 32 bits; samples are those of the channels, palette indices those of channel 0.
std::string bmp(int bits, bool from_top) {
  const std::string palette = bits <= 8 ? [&] {
    std::string entries;
    const std::string rgb = palette_of(1 << bits);
    for (std::size_t i = 0; i < rgb.size(); i += 3) {
      entries += std::string{rgb[i + 2], rgb[i + 1], rgb[i], '\0'};
    }
    return entries;
  }()
                                        : std::string();
  std::string pixels;
  for (int i = 0; i < height; ++i) {
    const int y = from_top ? i : height - 1 - i;
    BitWriter row;
    for (int x = 0; x < width; ++x) {
      if (bits <= 8) {
        row.put(sample(x, y, 0, bits), bits);
      } else if (bits == 16) {
        const unsigned value = sample(x, y, 0, 5) << 10 | sample(x, y, 1, 5) << 5 | sample(x, y, 2, 5);
        row.put(value & 255, 8);
        row.put(value >> 8, 8);
      } else {
        for (const int c : {2, 1, 0}) {
          row.put(sample(x, y, c, 8), 8);
        }
        row.put(0x5a, bits - 24);  // no alpha: nobody says what it is
      }
    }
    pixels += row.text() + std::string((4 - row.text().size() % 4) % 4, '\0');
  }
  const unsigned begin = 54 + static_cast<unsigned>(palette.size());
  return "BM" + little(begin + static_cast<unsigned>(pixels.size()), 4) + little(0, 4) + little(begin, 4) +
         little(40, 4) + little(width, 4) + little(from_top ? ~static_cast<unsigned>(height) + 1 : height, 4) +
         little(1, 2) + little(static_cast<unsigned>(bits), 2) + std::string(24, '\0') + palette + pixels;
}

std::string tga(int type, int bits, int descriptor) {
  const bool mapped = type % 8 == 1;
  std::string file = std::string("\0", 1) + (mapped ? '\1' : '\0') + static_cast<char>(type) + little(0, 2) +
                     little(mapped ? 256 : 0, 2) + little(mapped ? 24 : 0, 1) + little(0, 4) + little(width, 2) +
                     little(height, 2) + little(static_cast<unsigned>(bits), 1) +
                     little(static_cast<unsigned>(descriptor), 1);
  if (mapped) {
    const std::string rgb = palette_of(256);
    for (std::size_t i = 0; i < rgb.size(); i += 3) {
      file += std::string{rgb[i + 2], rgb[i + 1], rgb[i]};
    }
  }
  int written = 0;
  for (int i = 0; i < height; ++i) {
    for (int j = 0; j < width; ++j, ++written) {
      const int y = descriptor & 0x20 ? i : height - 1 - i, x = descriptor & 0x10 ? width - 1 - j : j;
      if (type > 8 && written % 5 == 0) {
        file += static_cast<char>(std::min(5, width * height - written) - 1);  // a packet of five pixels as they are
      }
      if (mapped || type % 8 == 3) {
        file += static_cast<char>(sample(x, y, 0, 8));
      } else if (bits == 16) {
        file += little(sample(x, y, 0, 5) << 10 | sample(x, y, 1, 5) << 5 | sample(x, y, 2, 5), 2);
      } else {
        for (const int c : {2, 1, 0}) {
          file += static_cast<char>(sample(x, y, c, 8));
        }
        if (bits == 32) {
          file += static_cast<char>(sample(x, y, 3, 8));
        }
      }
    }
  }
  return file;
}

/// A GIF whose codes are never longer than at first: a clear code after every few pixels.
std::string gif(bool interlaced, int transparent = -1) {
  std::string file = "GIF89a" + little(width, 2) + little(height, 2) + "\xf4" + std::string(2, '\0') + palette_of(32);
  if (transparent >= 0) {
    file += std::string("!\xf9\4\1\0\0", 6) + static_cast<char>(transparent) + std::string(1, '\0');
  }
  file +=
      "," + little(0, 4) + little(width, 2) + little(height, 2) + (interlaced ? "\x40" : std::string(1, '\0')) + "\5";
  unsigned buffer = 0;
  int have = 0, count = 0;
  std::string bytes;
  const auto put = [&](unsigned code) {
    buffer |= code << have;
    for (have += 6; have >= 8; have -= 8, buffer >>= 8) {
      bytes += static_cast<char>(buffer);
    }
  };
  std::vector<int> rows;
  for (const auto& [first, step] : interlaced ? std::vector<std::pair<int, int>>{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
                                              : std::vector<std::pair<int, int>>{{0, 1}}) {
    for (int y = first; y < height; y += step) {
      rows.push_back(y);
    }
  }
  for (const int y : rows) {
    for (int x = 0; x < width; ++x) {
      if (count++ % 20 == 0) {
        put(32);
      }
      put(sample(x, y, 0, 5));
    }
  }
  put(33);
  bytes += static_cast<char>(buffer);
  return file + static_cast<char>(bytes.size()) + bytes + std::string(1, '\0') + ";";
}

}  // namespace

TEST_CASE("PNG pictures of every colour type and depth, interlaced or not, have the right values", "[image][formats]") {
  for (const bool interlaced : {false, true}) {
    for (const int depth : {1, 2, 4, 8, 16}) {
      INFO("depth " << depth << ", interlaced " << interlaced);
      const unsigned largest = (1u << depth) - 1;
      const auto value = [&](int x, int y, int c) { return unsigned{shown(sample(x, y, c, depth), largest)}; };
      check_pixels(decode(png(0, depth, interlaced), 1), value);
      if (depth <= 8) {
        const std::string palette = palette_of(1 << depth);
        check_pixels(decode(png(3, depth, interlaced, chunk("PLTE", palette)), 3), [&](int x, int y, int c) {
          return unsigned{static_cast<unsigned char>(palette[3 * sample(x, y, 0, depth) + static_cast<unsigned>(c)])};
        });
      }
      if (depth < 8) {
        continue;
      }
      check_pixels(decode(png(2, depth, interlaced), 3), value);
      check_pixels(decode(png(4, depth, interlaced), 1),
                   [&](int x, int y, int) { return on_white(value(x, y, 0), value(x, y, 1)); });
      check_pixels(decode(png(6, depth, interlaced), 3),
                   [&](int x, int y, int c) { return on_white(value(x, y, c), value(x, y, 3)); });
    }
  }
  const unsigned key = sample(3, 4, 0, 16);
  check_pixels(decode(png(0, 16, false, chunk("tRNS", big(key, 2))), 1), [&](int x, int y, int) {
    return sample(x, y, 0, 16) == key ? 255u : unsigned{shown(sample(x, y, 0, 16), 65535)};
  });
}

TEST_CASE("PNM pictures of every kind and maxval have the right values", "[image][formats]") {
  for (const int kind : {2, 3, 5, 6}) {
    for (const unsigned largest : {1u, 3u, 15u, 100u, 254u, 255u, 256u, 1000u, 4095u, 65535u}) {
      INFO("P" << kind << " with the maxval " << largest);
      check_pixels(decode(pnm(kind, largest), kind % 3 == 0 ? 3 : 1),
                   [&](int x, int y, int c) { return unsigned{shown(sample(x, y, c, 16) % (largest + 1), largest)}; });
    }
  }
  for (const int kind : {1, 4}) {
    INFO("P" << kind);
    check_pixels(decode(pnm(kind, 1), 1), [&](int x, int y, int c) { return sample(x, y, c, 1) ? 0u : 255u; });
  }
  CHECK(error_of([&] { decode("P2 1 1 15 16", 1); }).find("more than its maxval of 15") != std::string::npos);
  CHECK(error_of([&] { decode("P5 1 1 0 \1", 1); }).find("a maxval of 0") != std::string::npos);
  CHECK(error_of([&] { decode("P5 1 1 70000 \1\1", 1); }).find("a maxval of 70000") != std::string::npos);
  CHECK(error_of([&] { decode("P7\nWIDTH 1\n", 1); }).find("a PAM file") != std::string::npos);
}

TEST_CASE("raw PNM pictures may end the lines of their header with two characters", "[image][formats]") {
  const auto first = [](const std::string& file) { return int{decode(file, 1).pixels[0]}; };
  for (const char kind : {'5', '6'}) {
    const std::string start = std::string("P") + kind, pixels = kind == '5' ? "\7\7\7\7" : "\7\7\7\7\7\7\7\7\7\7\7\7";
    CHECK(first(start + "\r\n2 2\r\n255\r\n" + pixels) == 7);
    CHECK(first(start + "\r\n# a comment\r\n2\r\n2\r\n255\r\n" + pixels) == 7);
    CHECK(first(start + "\r2 2\r255\r" + pixels) == 7);
  }
  CHECK(first("P4\r\n8 1\r\n\x80") == 0);
  CHECK(first("P5 1 1 65535\r\n" + std::string("\x80\0", 2)) == 128);
  // Where there is not exactly one byte more, all behind the first character is pixels.
  CHECK(first("P5 2 2 255\r\n\7\7\7") == '\n');
  CHECK(first("P5 2 2 255\r\n\7\7\7\7and more") == '\n');
  CHECK(first("P5 2 2 255\n\n\7\7\7\7") == '\n');
}

TEST_CASE("BMP pictures of every depth have the right values, from the bottom and from the top", "[image][formats]") {
  for (const int bits : {1, 4, 8, 16, 24, 32}) {
    for (const bool from_top : {false, true}) {
      INFO(bits << " bits, from the top " << from_top);
      const std::string palette = palette_of(256);
      check_pixels(decode(bmp(bits, from_top), 3), [&](int x, int y, int c) {
        if (bits <= 8) {
          return unsigned{static_cast<unsigned char>(palette[3 * sample(x, y, 0, bits) + static_cast<unsigned>(c)])};
        }
        return bits == 16 ? unsigned{shown(sample(x, y, c, 5), 31)} : sample(x, y, c, 8);
      });
      CHECK(image_size(bytes_of(bmp(bits, from_top)), "file").height == height);
    }
  }
}

TEST_CASE("TGA pictures of every kind have the right values, from every corner", "[image][formats]") {
  const std::string palette = palette_of(256);
  for (const int descriptor : {0, 0x10, 0x20, 0x30}) {
    for (const int packed : {0, 8}) {
      INFO("descriptor " << descriptor << ", packed " << packed);
      check_pixels(decode(tga(1 + packed, 8, descriptor), 3, "a.tga"), [&](int x, int y, int c) {
        return unsigned{static_cast<unsigned char>(palette[3 * sample(x, y, 0, 8) + static_cast<unsigned>(c)])};
      });
      check_pixels(decode(tga(3 + packed, 8, descriptor), 1, "a.tga"),
                   [&](int x, int y, int) { return sample(x, y, 0, 8); });
      check_pixels(decode(tga(2 + packed, 16, descriptor), 3, "a.tga"),
                   [&](int x, int y, int c) { return unsigned{shown(sample(x, y, c, 5), 31)}; });
      check_pixels(decode(tga(2 + packed, 24, descriptor), 3, "a.tga"),
                   [&](int x, int y, int c) { return sample(x, y, c, 8); });
      check_pixels(decode(tga(2 + packed, 32, descriptor | 8), 3, "a.tga"),
                   [&](int x, int y, int c) { return on_white(sample(x, y, c, 8), sample(x, y, 3, 8)); });
    }
  }
}

TEST_CASE("GIF pictures have the right values, interlaced or not, with transparency or without", "[image][formats]") {
  const std::string palette = palette_of(32);
  for (const bool interlaced : {false, true}) {
    for (const int transparent : {-1, 7}) {
      check_pixels(decode(gif(interlaced, transparent), 3), [&](int x, int y, int c) {
        const unsigned index = sample(x, y, 0, 5);
        return static_cast<int>(index) == transparent
                   ? 255u
                   : unsigned{static_cast<unsigned char>(palette[3 * index + static_cast<unsigned>(c)])};
      });
    }
  }
}

TEST_CASE("a turn that Exif asks for is made in PNG files and behind fill bytes in JPEG files", "[image][formats]") {
  const std::string exif = std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  const auto turned = [&](const std::string& file) {
    const Image image = decode(file, 1);
    CHECK(image_size(bytes_of(file), "file").width == height);
    REQUIRE(image.width == height);
    REQUIRE(image.height == width);
    int wrong = 0;
    for (int y = 0; y < width; ++y) {
      for (int x = 0; x < height; ++x) {
        wrong += *image.at(y, x) != sample(y, height - 1 - x, 0, 8);
      }
    }
    CHECK(wrong == 0);
  };
  turned(png(0, 8, false, chunk("eXIf", exif)));
  turned(png(0, 8, false, "", chunk("eXIf", exif)));
  turned(png(0, 8, true, chunk("tEXt", std::string(70000, 'x')) + chunk("eXIf", exif)));

  const auto photo = embedded_file("photos/umang.jpg");
  const std::string jpeg(reinterpret_cast<const char*>(photo.data()), photo.size());
  const std::string segment = "Exif" + std::string(2, '\0') + exif;
  const std::string filled = jpeg.substr(0, 2) + std::string(3, '\xff') + "\xff\xe1" +
                             big(static_cast<unsigned>(segment.size()) + 2, 2) + segment + std::string(5, '\xff') +
                             jpeg.substr(2);
  const Image upright = decode(jpeg, 3), lying = decode(filled, 3);
  REQUIRE(lying.width == upright.height);
  CHECK(std::equal(lying.at(0, 0), lying.at(0, 0) + 3, upright.at(upright.height - 1, 0)));
}

TEST_CASE("a file is looked at without being read, with the same result", "[image][formats]") {
  const tests::TemporaryFolder folder;
  const std::string exif = std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0", 26);
  const std::string file = png(0, 8, false, chunk("tEXt", std::string(200000, 'x')),
                               chunk("tEXt", std::string(300000, 'y')) + chunk("eXIf", exif));
  std::ofstream(folder / "late.png", std::ios::binary) << file;
  CHECK(read_image_size(folder / "late.png").width == height);
  CHECK(read_image_size(folder / "late.png").height == width);
}

TEST_CASE("a picture that was cut anywhere in its pixels is refused, in every format", "[image][formats]") {
  const auto photo = embedded_file("photos/umang.jpg");
  struct Row {
    std::string name, file;
  };
  const std::vector<Row> rows{{"a.png", png(6, 16, true)},
                              {"a.bmp", bmp(24, true)},
                              {"a.bmp", bmp(4, false)},
                              {"a.tga", tga(2, 24, 0)},
                              {"a.tga", tga(10, 32, 0)},
                              {"a.gif", gif(true)},
                              {"a.ppm", pnm(6, 65535)},
                              {"a.ppm", pnm(6, 255)},
                              {"a.pgm", pnm(2, 255)},
                              {"a.pbm", pnm(4, 1)},
                              {"a.jpg", {reinterpret_cast<const char*>(photo.data()), photo.size()}}};
  for (const Row& row : rows) {
    decode(row.file, 3, row.name);
    const std::size_t step = row.file.size() > 5000 ? row.file.size() / 37 : 1;
    for (std::size_t length = 0; length + 4 < row.file.size(); length += step) {
      const std::string message = error_of([&] { decode(row.file.substr(0, length), 3, row.name); });
      INFO(row.name << " cut to " << length << " of " << row.file.size() << " bytes: " << message);
      CHECK(message.starts_with(row.name + ": "));
      CHECK(message.size() > row.name.size() + 5);
    }
  }
}

TEST_CASE("a header that promises more than its file can hold costs no time and no memory", "[image][formats]") {
  const std::string large = big(16384, 4) + big(4096, 4);
  std::string file = png(2, 8, false);
  file.replace(16, 8, large);
  file.replace(29, 4, big(crc32(file.substr(12, 17)), 4));
  CHECK(error_of([&] { decode(file, 3); }).find("which cannot be") != std::string::npos);
  std::string jpeg(reinterpret_cast<const char*>(embedded_file("photos/umang.jpg").data()), 5000);
  const std::size_t frame = std::min(jpeg.find("\xff\xc0"), jpeg.find("\xff\xc2"));
  jpeg.replace(frame + 5, 4, big(16384, 2) + big(4096, 2));
  CHECK(error_of([&] { decode(jpeg + "\xff\xd9", 3); }).find("which cannot be") != std::string::npos);
  CHECK(error_of([&] { decode("GIF89a" + little(16384, 2) + little(4096, 2) + std::string(25, '\1'), 3); }) != "");
}

TEST_CASE("what a picture lacks is said", "[image][formats]") {
  std::string wide = png(0, 8, false);
  wide.replace(16, 4, big(16385, 4));
  std::string none = png(0, 8, false);
  none.replace(16, 4, big(0, 4));
  std::string odd = png(0, 8, false);
  odd.replace(24, 2, "\x03\x02");
  std::string flipped = png(0, 8, false);
  flipped[50] = static_cast<char>(flipped[50] ^ 1);
  for (const auto& refused : std::vector<std::pair<std::string, std::string>>{
           {wide, "16385 x 9 pixels: at most 16384 a side"},
           {none, "a picture of 0 x 9"},
           {odd, "a PNG picture of colour type 2 with 3 bits"},
           {flipped, "checksum"},
           {png(3, 8, false), "it has no palette"},
           {png(3, 8, false, chunk("PLTE", palette_of(3))), "of a palette of 3"},
           {png(0, 8, false, chunk("ABCD", "")), "ABCD"},
           {std::string("RIFF\0\0\0\0WEBPVP8 ", 16), "a WebP file"},
           {"P6\n0 3 255\n", "a picture of 0 x 3"}}) {
    const std::string message = error_of([&] { decode(refused.first, 3); });
    INFO(message);
    CHECK(message.find(refused.second) != std::string::npos);
  }
}

TEST_CASE("JPEG tables that hold more than they have room for are refused", "[image][formats]") {
  const auto photo = embedded_file("photos/umang.jpg");
  const std::string jpeg(reinterpret_cast<const char*>(photo.data()), photo.size());
  const std::size_t scan = jpeg.find("\xff\xda");
  REQUIRE(scan < jpeg.size());
  const auto segment = [](char marker, const std::string& content) {
    return std::string{'\xff', marker} + big(static_cast<unsigned>(content.size()) + 2, 2) + content;
  };
  const auto huffman = [](char kind, std::vector<int> counts, int values) {
    std::string table(1, kind);
    counts.resize(16);
    for (const int count : counts) {
      table += static_cast<char>(count);
    }
    for (int i = 0; i < values; ++i) {
      table += static_cast<char>(i % 10);
    }
    return table;
  };
  const std::vector<int> none(8, 0);
  const auto from_nine = [&](std::vector<int> counts) {
    counts.insert(counts.begin(), none.begin(), none.end());
    return counts;
  };
  const std::vector<std::pair<std::string, std::string>> rows{
      {segment('\xc4', huffman('\x10', from_nine({100, 200, 250, 150}), 700)), "a Huffman table of 700 codes"},
      {segment('\xc4', huffman('\x03', from_nine({0, 0, 0, 0, 0, 0, 2, 255}), 257)), "a Huffman table of 257 codes"},
      {segment('\xc4', huffman('\x11', {3}, 3)), "a Huffman table of 3 codes"},
      {segment('\xc4', huffman('\x20', {1}, 1)), "a Huffman table of class 2 and number 0"},
      {segment('\xc4', huffman('\x04', {1}, 1)), "a Huffman table of class 0 and number 4"},
      {segment('\xc4', huffman('\x13', {1, 1}, 1)), "it ends too early"},
      {segment('\xc4', huffman('\x13', {1, 1}, 3)), "it ends too early"},
      {segment('\xdb', "\x20" + std::string(64, '\1')), "a quantisation table of precision 2 and number 0"},
      {segment('\xdb', "\x04" + std::string(64, '\1')), "a quantisation table of precision 0 and number 4"},
      {segment('\xdb', "\x03" + std::string(63, '\1')), "it ends too early"},
  };
  for (const auto& [tables, reason] : rows) {
    for (const std::size_t place : {scan, jpeg.size() - 2}) {
      const std::string changed = std::string(jpeg).insert(place, tables);
      const std::string message = error_of([&] { decode(changed, 3); });
      INFO(message);
      CHECK(message.starts_with("file: "));
      CHECK(message.find(reason) != std::string::npos);
    }
  }
  const std::string good = segment('\xc4', huffman('\x13', {1, 1}, 2) + huffman('\x03', from_nine({0, 256 - 1}), 255)) +
                           segment('\xdb', "\x13" + std::string(128, '\1') + "\x03" + std::string(64, '\1'));
  CHECK(decode(std::string(jpeg).insert(scan, good), 3).pixels == decode(jpeg, 3).pixels);
}

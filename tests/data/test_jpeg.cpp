// JPEG files that are whole, and such as are not, put together here code by code.
#include <array>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "data/files.h"
#include "data/image_io.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::data;
using tests::error_of;

namespace {

constexpr int width = 43, height = 33;

Image decode(const std::string& file) { return decode_image(bytes_of(file), "file", 3); }

std::string big16(int value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

std::string segment(char marker, const std::string& content) {
  return std::string{'\xff', marker} + big16(static_cast<int>(content.size()) + 2) + content;
}

/// The codes of a scan. Those of DC are of 4 bits, those of AC of 8.
class Codes {
 public:
  void put(unsigned value, int count) {
    for (int i = count; i-- > 0;) {
      bits_ += (value >> i & 1) != 0 ? '1' : '0';
    }
  }
  void put(const std::string& bits) { bits_ += bits; }
  void put_ac(int run, int size) { put(static_cast<unsigned>(run * 10 + size), 8); }
  /// A value without the bits above those that say it (F.1.2.1).
  void put_value(int value, int size) { put(static_cast<unsigned>(value < 0 ? value + (1 << size) - 1 : value), size); }
  /// The bytes, the last one filled with a bit, and 0 behind each 0xff.
  std::string bytes(char filling) const {
    std::string bytes;
    for (std::size_t i = 0; i < bits_.size(); i += 8) {
      std::string byte = bits_.substr(i, 8);
      byte.resize(8, filling);
      bytes += static_cast<char>(std::stoi(byte, nullptr, 2));
      if (bytes.back() == '\xff') {
        bytes += '\0';
      }
    }
    return bytes;
  }

 private:
  std::string bits_;
};

int size_of_value(int value) { return std::bit_width(static_cast<unsigned>(std::abs(value))); }

/// A component's blocks, with those that only fill the last units.
struct Component {
  int across, down;
  int columns, rows;  // without the filling
  int stride;
  std::vector<std::array<int, 64>> blocks;  // coefficients, in the order of the codes
};

struct Scan {
  std::vector<int> components;
  int first = 0, last = 63, high = 0, low = 0;
};

const std::vector<Scan> one_scan{{{0, 1, 2}}}, three_scans{{{1}}, {{0}}, {{2}}},
    progressive_scans{{{0, 1, 2}, 0, 0, 0, 1}, {{0}, 1, 5, 0, 2},  {{2}, 1, 63, 0, 1},      {{1}, 1, 63, 0, 1},
                      {{0}, 6, 63, 0, 2},      {{0}, 1, 63, 2, 1}, {{0, 1, 2}, 0, 0, 1, 0}, {{2}, 1, 63, 1, 0},
                      {{1}, 1, 63, 1, 0},      {{0}, 1, 63, 1, 0}};

/// A file in parts, so that some may be left out.
struct Jpeg {
  bool is_progressive = false;
  int restart_interval = 0;
  char filling = '1';
  int unit_columns = 3, unit_rows = 3;
  std::vector<Component> components{};
  std::vector<std::string> before{};  // the segments before the first scan
  std::vector<std::string> scans{};

  std::string file() const {
    std::string file = "\xff\xd8";
    for (const auto& parts : {before, scans}) {
      for (const std::string& part : parts) {
        file += part;
      }
    }
    return file + "\xff\xd9";
  }
  std::string without_scan(std::size_t i) const {
    Jpeg less = *this;
    less.scans.erase(less.scans.begin() + static_cast<std::ptrdiff_t>(i));
    return less.file();
  }

  /// Adds a scan (F.1.2 and G.1.2).
  void add(const Scan& scan) {
    std::string text(1, static_cast<char>(scan.components.size()));
    for (const int c : scan.components) {
      text += std::string{static_cast<char>(c + 1), '\0'};
    }
    text += std::string{static_cast<char>(scan.first), static_cast<char>(scan.last),
                        static_cast<char>(scan.high << 4 | scan.low)};
    text = segment('\xda', text);
    const Component& alone = components[static_cast<std::size_t>(scan.components[0])];
    const bool is_alone = scan.components.size() == 1;
    const int columns = is_alone ? alone.columns : unit_columns, rows = is_alone ? alone.rows : unit_rows;
    Writer writer{scan};
    for (int unit = 0; unit < rows * columns; ++unit) {
      if (restart_interval != 0 && unit != 0 && unit % restart_interval == 0) {
        writer.end_run();
        text += writer.codes.bytes(filling) + '\xff' + static_cast<char>(0xd0 + (unit / restart_interval - 1) % 8);
        writer = Writer{scan};
      }
      for (const int c : scan.components) {
        const Component& component = components[static_cast<std::size_t>(c)];
        const int across = is_alone ? 1 : component.across, down = is_alone ? 1 : component.down;
        for (int i = 0; i < across * down; ++i) {
          const int row = unit / columns * down + i / across, column = unit % columns * across + i % across;
          writer.block(component.blocks[static_cast<std::size_t>(row * component.stride + column)], is_progressive,
                       writer.predicted[static_cast<std::size_t>(c)]);
        }
      }
    }
    writer.end_run();
    scans.push_back(text + writer.codes.bytes(filling));
  }

 private:
  struct Writer {
    const Scan scan;
    Codes codes{};
    std::array<int, 4> predicted{};
    int empty = 0;              // blocks with nothing more
    std::string corrections{};  // of those

    Writer& operator=(const Writer& other) {
      codes = other.codes;
      predicted = other.predicted;
      empty = other.empty;
      corrections = other.corrections;
      return *this;
    }
    void end_run() {
      if (empty > 0) {
        const int places = std::bit_width(static_cast<unsigned>(empty)) - 1;
        codes.put_ac(places, 0);
        codes.put(static_cast<unsigned>(empty - (1 << places)), places);
      }
      codes.put(corrections);
      empty = 0;
      corrections.clear();
    }
    void block(const std::array<int, 64>& values, bool by_scans, int& predicted_value) {
      if (scan.first == 0 && scan.high == 0) {
        const int value = values[0] >> scan.low, difference = value - std::exchange(predicted_value, value);
        codes.put(static_cast<unsigned>(size_of_value(difference)), 4);
        codes.put_value(difference, size_of_value(difference));
      } else if (scan.first == 0) {
        codes.put(static_cast<unsigned>(values[0] >> scan.low & 1), 1);
      }
      if (scan.last > 0) {
        ac(values, by_scans);
      }
    }
    void ac(const std::array<int, 64>& values, bool by_scans) {
      const auto shifted = [&](int k) {
        const int value = values[static_cast<std::size_t>(k)];
        return value < 0 ? -(-value >> scan.low) : value >> scan.low;
      };
      const auto is_new = [&](int k) { return scan.high == 0 ? shifted(k) != 0 : std::abs(shifted(k)) == 1; };
      int last_new = 0;
      for (int k = std::max(1, scan.first); k <= scan.last; ++k) {
        last_new = is_new(k) ? k : last_new;
      }
      int run = 0;
      std::string bits;  // of coefficients that were not zero before
      for (int k = std::max(1, scan.first); k <= scan.last; ++k) {
        const int value = shifted(k);
        if (value == 0) {
          ++run;
          continue;
        }
        for (; run > 15 && k <= last_new; run -= 16) {
          end_run();
          codes.put_ac(15, 0);
          codes.put(std::exchange(bits, ""));
        }
        if (!is_new(k)) {
          bits += (value & 1) != 0 ? '1' : '0';
          continue;
        }
        end_run();
        codes.put_ac(run, size_of_value(value));
        codes.put_value(value, size_of_value(value));
        codes.put(std::exchange(bits, ""));
        run = 0;
      }
      if (run > 0 || !bits.empty()) {
        ++empty;
        corrections += bits;
      }
      if (!by_scans) {
        end_run();
      }
    }
  };
};

std::string huffman_tables() {
  std::string dc(17, '\0'), ac(17, '\0');
  dc[4] = 12;
  for (char value = 0; value < 12; ++value) {
    dc += value;
  }
  ac[0] = '\x10';
  ac[8] = static_cast<char>(160);
  for (int run = 0; run < 16; ++run) {
    for (int size = 0; size < 10; ++size) {
      ac += static_cast<char>(run << 4 | size);
    }
  }
  return segment('\xc4', dc) + segment('\xc4', ac);
}

std::string quantisation_table() { return segment('\xdb', std::string(1, '\0') + std::string(64, '\4')); }

std::string frame_segment(bool is_progressive, int rows, int columns, const std::string& components) {
  return segment(is_progressive ? '\xc2' : '\xc0',
                 "\x8" + big16(rows) + big16(columns) + static_cast<char>(components.size() / 3) + components);
}

enum Segment { quantisation, huffman, frame };

/// A picture of three components of which the first is twice as fine.
Jpeg jpeg(const std::vector<Scan>& scans, int restart_interval = 0, char filling = '1') {
  Jpeg jpeg{.is_progressive = scans[0].low != 0, .restart_interval = restart_interval, .filling = filling};
  std::string components;
  for (int c = 0; c < 3; ++c) {
    const int size = c == 0 ? 2 : 1;
    Component component{size, size, c == 0 ? 6 : 3, c == 0 ? 5 : 3, 3 * size, {}};
    for (int i = 0; i < 9 * size * size; ++i) {
      std::array<int, 64> block{};
      block[0] = (i * 37 + c * 11) % 61 - 30;
      for (int k = 1; k < 64; ++k) {
        const int mixed = (i * 31 + k * 57 + c * 101 + i * k * 7) % 199;
        block[static_cast<std::size_t>(k)] = i % 4 == 3 || mixed > 30 ? 0 : mixed > 10 ? mixed % 3 - 1 : mixed - 5;
      }
      component.blocks.push_back(block);
    }
    jpeg.components.push_back(component);
    components += std::string{static_cast<char>(c + 1), static_cast<char>(size << 4 | size), '\0'};
  }
  jpeg.before = {quantisation_table(), huffman_tables(), frame_segment(jpeg.is_progressive, height, width, components),
                 restart_interval == 0 ? "" : segment('\xdd', big16(restart_interval))};
  for (const Scan& scan : scans) {
    jpeg.add(scan);
  }
  return jpeg;
}

/// A picture of 8 x 8 pixels that have four components of these values.
Jpeg four_components(const std::array<int, 4>& values, const std::string& adobe) {
  Jpeg jpeg{.unit_columns = 1, .unit_rows = 1};
  std::string components;
  for (int c = 0; c < 4; ++c) {
    std::array<int, 64> block{};
    block[0] = 2 * (values[static_cast<std::size_t>(c)] - 128);
    jpeg.components.push_back({1, 1, 1, 1, 1, {block}});
    components += std::string{static_cast<char>(c + 1), '\x11', '\0'};
  }
  jpeg.before = {adobe, quantisation_table(), huffman_tables(), frame_segment(false, 8, 8, components)};
  jpeg.add({{0, 1, 2, 3}});
  return jpeg;
}

std::string reason(const std::string& file) {
  const std::string message = error_of([&] { decode(file); });
  const std::string begin = "file: a damaged picture: ";
  return message.starts_with(begin) ? message.substr(begin.size()) : "not refused as damaged: " + message;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a JPEG picture is the same in whatever scans it lies", "[image][formats][jpeg]") {
  const Image image = decode(jpeg(one_scan).file());
  REQUIRE(image.width == width);
  REQUIRE(image.height == height);
  CHECK(decode(jpeg(three_scans).file()).pixels == image.pixels);
  CHECK(decode(jpeg(progressive_scans).file()).pixels == image.pixels);
  for (const int interval : {1, 2, 3, 7, 9, 30, 1000}) {
    for (const auto& scans : {one_scan, three_scans, progressive_scans}) {
      INFO("restart interval " << interval << ", " << scans.size() << " scans");
      CHECK(decode(jpeg(scans, interval).file()).pixels == image.pixels);
      CHECK(decode(jpeg(scans, interval, '0').file()).pixels == image.pixels);
    }
  }
}

TEST_CASE("a JPEG picture may have more than it needs", "[image][formats][jpeg]") {
  const std::string file = jpeg(progressive_scans, 2).file();
  const Image image = decode(file);
  CHECK(decode(file + "anything \xff\xda").pixels == image.pixels);
  for (const Jpeg& whole : {jpeg(one_scan), jpeg(one_scan, 1), jpeg(three_scans, 2), jpeg(progressive_scans)}) {
    const std::vector<std::string> additions{std::string(5, '\xff'), std::string(7, '\0')};
    for (const std::string& addition : additions) {
      Jpeg more = whole;
      for (std::string& scan : more.scans) {
        scan += addition;
      }
      CHECK(decode(more.file()).pixels == image.pixels);
    }
  }
  Jpeg filled = jpeg(three_scans, 2);
  for (std::string& scan : filled.scans) {
    scan.insert(scan.find("\xff\xd3"), 4, '\xff');
  }
  CHECK(decode(filled.file()).pixels == image.pixels);
  Jpeg restarted = jpeg(one_scan, 3);
  restarted.scans[0] += "\xff\xd2";
  CHECK(decode(restarted.file()).pixels == image.pixels);
}

TEST_CASE("a JPEG picture that lacks a scan is refused", "[image][formats][jpeg]") {
  Jpeg none = jpeg(one_scan);
  none.scans.clear();
  CHECK(contains(error_of([&] { decode(none.file()); }), "file: "));
  const Jpeg sequential = jpeg(three_scans);
  CHECK(reason(sequential.without_scan(0)) == "no scan of component 2");
  CHECK(reason(sequential.without_scan(1)) == "no scan of component 1");
  CHECK(reason(sequential.without_scan(2)) == "no scan of component 3");

  const Jpeg progressive = jpeg(progressive_scans);
  const std::vector<std::string> reasons{"scan 6 sends bit 0 of coefficient 0 of component 1, which is not the next",
                                         "scan 5 sends bit 1 of coefficient 1 of component 1, which is not the next",
                                         "scan 7 sends bit 0 of coefficient 1 of component 3, which is not the next",
                                         "scan 8 sends bit 0 of coefficient 1 of component 2, which is not the next",
                                         "scan 5 sends bit 1 of coefficient 6 of component 1, which is not the next",
                                         "scan 9 sends bit 0 of coefficient 1 of component 1, which is not the next",
                                         "no scan of the last 1 bits of coefficient 0 of component 1",
                                         "no scan of the last 1 bits of coefficient 1 of component 3",
                                         "no scan of the last 1 bits of coefficient 1 of component 2",
                                         "no scan of the last 1 bits of coefficient 1 of component 1"};
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    INFO("without scan " << i + 1);
    CHECK(reason(progressive.without_scan(i)) == reasons[i]);
    Jpeg cut = progressive;
    cut.scans.resize(i);
    CHECK(error_of([&] { decode(cut.file()); }) != "");
  }
  std::vector<Scan> flat{{{0, 1, 2}, 0, 0, 0, 1}, {{0, 1, 2}, 0, 0, 1, 0}};
  CHECK(reason(jpeg(flat).file()) == "no scan of coefficient 1 of component 1");

  Jpeg twice = jpeg(three_scans);
  twice.add(three_scans[0]);
  CHECK(reason(twice.file()) == "scan 4 sends bit 0 of coefficient 0 of component 2, which is not the next");
}

TEST_CASE("a JPEG picture in which a scan is cut is refused with the row", "[image][formats][jpeg]") {
  for (const int interval : {0, 2}) {
    for (const auto& scans : {one_scan, three_scans, progressive_scans}) {
      const Jpeg whole = jpeg(scans, interval);
      for (std::size_t i = 0; i < scans.size(); ++i) {
        const std::size_t header = 10 + 2 * scans[i].components.size();
        for (std::size_t length = header; length < whole.scans[i].size(); ++length) {
          Jpeg cut = whole;
          cut.scans[i].resize(length);
          const std::string message = reason(cut.file());
          INFO("interval " << interval << ", scan " << i + 1 << " of " << scans.size() << ", " << length << " of "
                           << whole.scans[i].size() << " bytes: " << message);
          CHECK((message.starts_with(fmt::format("scan {} ends at row ", i + 1)) ||
                 message.starts_with(fmt::format("scan {} lacks restart marker ", i + 1))));
          CHECK(message.ends_with(" of 33"));
        }
      }
    }
  }
  Jpeg half = jpeg(one_scan, 3);
  std::string& scan = half.scans[0];
  scan.resize(scan.find("\xff\xd1") - 1);
  CHECK(reason(half.file()) == "scan 1 ends at row 16 of 33");
  scan += "\xff\xd1";
  CHECK(reason(half.file()) == "scan 1 ends at row 16 of 33");
}

TEST_CASE("a JPEG picture whose middle is missing is refused", "[image][formats][jpeg]") {
  for (const auto& scans : {one_scan, three_scans, progressive_scans}) {
    const Jpeg whole = jpeg(scans, 1);
    for (std::size_t i = 0; i < scans.size(); ++i) {
      const std::string& scan = whole.scans[i];
      const std::size_t one = scan.find("\xff\xd1"), two = scan.find("\xff\xd2");
      REQUIRE(two < scan.size());
      Jpeg less = whole, more = whole, swapped = whole;
      less.scans[i].erase(one, two - one);
      more.scans[i].insert(two, 2, 'x');
      std::swap(swapped.scans[i][one + 1], swapped.scans[i][two + 1]);
      const std::string begin = fmt::format("scan {} lacks restart marker ", i + 1);
      CHECK(reason(less.file()).starts_with(begin + "1 at row "));
      CHECK(reason(more.file()).starts_with(begin + "2 at row "));
      CHECK(reason(swapped.file()).starts_with(begin + "1 at row "));
    }
  }
  Jpeg wrong = jpeg(one_scan);
  wrong.scans[0].replace(20, 3, "\xfd\xfd\xfd");  // codes of AC that there are not
  CHECK(contains(reason(wrong.file()), "scan 1 has a code that cannot be at row 0 of 33"));
}

TEST_CASE("a JPEG picture without a table that it needs is refused", "[image][formats][jpeg]") {
  for (const auto& scans : {one_scan, three_scans, progressive_scans}) {
    const Jpeg whole = jpeg(scans);
    Jpeg film = whole, flat = whole;
    film.before[huffman] = "";
    CHECK(reason(film.file()) == "it has no Huffman tables, as single frames of Motion-JPEG have none");
    flat.before[quantisation] = segment('\xdb', "\1" + std::string(64, '\4'));
    CHECK(contains(reason(flat.file()), "needs quantisation table 0, which is not there"));
  }
  Jpeg half = jpeg(one_scan);
  half.before[huffman] = half.before[huffman].substr(0, 2 + 2 + 17 + 12);
  CHECK(reason(half.file()) == "scan 1 needs a Huffman table that is not there");
}

TEST_CASE("a JPEG picture of hundreds of scans is refused", "[image][formats][jpeg]") {
  std::vector<Scan> scans{{{0, 1, 2}, 0, 0, 0, 1}};
  for (int component = 0; component < 3; ++component) {
    for (int k = 1; k < 64; ++k) {
      scans.push_back({{component}, k, k, 0, 0});
    }
  }
  CHECK(error_of([&] { decode(jpeg(scans).file()); }) == "file: a JPEG file of more than 100 scans");
}

TEST_CASE("a JPEG picture of four components has inks, as Adobe's programs write them", "[image][formats][jpeg]") {
  const auto adobe = [](char transform) {
    return segment('\xee', "Adobe" + std::string("\0\x64\0\0\0\0", 6) + transform);
  };
  const auto has_pixel = [](const Jpeg& jpeg, const std::array<double, 3>& expected) {
    const Image image = decode(jpeg.file());
    for (std::size_t c = 0; c < 3; ++c) {
      INFO("channel " << c << ": " << int{image.pixels[c]} << ", expected " << expected[c]);
      CHECK(std::abs(image.pixels[c] - expected[c]) <= 1.5);
      CHECK(image.pixels[image.pixels.size() - 3 + c] == image.pixels[c]);
    }
  };
  const std::array<int, 4> inks{200, 100, 20, 180};
  const std::array<double, 3> colours{200 * 180 / 255.0, 100 * 180 / 255.0, 20 * 180 / 255.0};
  has_pixel(four_components(inks, ""), colours);
  has_pixel(four_components(inks, adobe('\0')), colours);
  has_pixel(four_components(inks, segment('\xee', "Adobe")), colours);
  has_pixel(four_components(inks, segment('\xee', "Adobf" + std::string(6, '\0') + "\2")), colours);
  has_pixel(four_components(inks, adobe('\2') + adobe('\0')), colours);
  // JFIF: R = Y + 1.402 (Cr - 128), G = Y - 0.34414 (Cb - 128) - 0.71414 (Cr - 128), B = Y + 1.772 (Cb - 128).
  const std::array<int, 4> ycck{100, 140, 170, 200};
  const double r = 100 + 1.402 * 42, g = 100 - 0.34414 * 12 - 0.71414 * 42, b = 100 + 1.772 * 12;
  for (const char transform : {'\1', '\2'}) {
    has_pixel(four_components(ycck, adobe(transform)),
              {(255 - r) * 200 / 255, (255 - g) * 200 / 255, (255 - b) * 200 / 255});
  }
}

// Pictures from files and to files, and what is no picture.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "data/embedded.h"
#include "data/files.h"
#include "data/image_io.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "tests/data/temporary_folder.h"

using namespace sg;
using namespace sg::data;
using tests::error_of;
using tests::TemporaryFolder;

namespace {

Image noise_image(std::int64_t width, std::int64_t height, std::int64_t channels) {
  Image image{width, height, channels, {}};
  Philox random(3);
  for (std::int64_t i = 0; i < width * height * channels; ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(random.bits()));
  }
  return image;
}

Image decode(const std::string& file, int channels, const std::string& name = "file") {
  return decode_image(bytes_of(file), name, channels);
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A JPEG file with an Exif segment of this orientation behind its first marker.
std::string with_orientation(const std::string& jpeg, char orientation, bool little_endian) {
  std::string tiff =
      little_endian
          ? std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + orientation + std::string(7, '\0')
          : std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + orientation + std::string(6, '\0');
  const std::string content = std::string("Exif\0\0", 6) + tiff;
  const auto length = static_cast<char>(content.size() + 2);
  return jpeg.substr(0, 2) + std::string("\xff\xe1\0", 3) + length + content + jpeg.substr(2);
}

std::string ppm(int width, int height, const std::string& pixels) {
  return fmt::format("P6 {} {} 255\n", width, height) + pixels;
}

}  // namespace

TEST_CASE("a PNG file gives back what was written", "[image]") {
  for (const std::int64_t channels : {1, 3}) {
    const Image image = noise_image(37, 21, channels);
    const std::string file = encode_png(image);
    const Image read = decode(file, static_cast<int>(channels));
    CHECK(read.width == 37);
    CHECK(read.height == 21);
    CHECK(read.pixels == image.pixels);
    CHECK(image_size(bytes_of(file), "file").height == 21);
  }
}

TEST_CASE("transparent parts stand on white, and colours become grey by their luminance", "[image]") {
  const Image half{2, 1, 4, {0, 0, 0, 255, 10, 20, 30, 0}};
  CHECK(decode(encode_png(half), 3).pixels == std::vector<std::uint8_t>{0, 0, 0, 255, 255, 255});
  const Image grey_alpha{2, 1, 2, {100, 255, 100, 128}};
  CHECK(decode(encode_png(grey_alpha), 1).pixels == std::vector<std::uint8_t>{100, 177});
  const Image colours{3, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}};
  CHECK(decode(encode_png(colours), 1).pixels == std::vector<std::uint8_t>{76, 150, 29});
  const Image grey{1, 1, 1, {42}};
  CHECK(decode(encode_png(grey), 3).pixels == std::vector<std::uint8_t>{42, 42, 42});
}

TEST_CASE("PNM and BMP and TGA files are read", "[image]") {
  const std::string pixels = "abcdefghijkl";
  CHECK(decode(ppm(2, 2, pixels), 3).pixels == std::vector<std::uint8_t>(pixels.begin(), pixels.end()));
  CHECK(decode("P5 2 2 255\nabcd", 1).pixels == std::vector<std::uint8_t>{'a', 'b', 'c', 'd'});
  const std::string bmp(
      "BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0\0\x01\x02\x03\0",
      58);
  CHECK(decode(bmp, 3).pixels == std::vector<std::uint8_t>{3, 2, 1});
  const std::string tga("\0\0\x02\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x18\x20\x01\x02\x03", 21);
  CHECK(decode(tga, 3, "picture.tga").pixels == std::vector<std::uint8_t>{3, 2, 1});
  CHECK(error_of([&] { decode(tga, 3, "picture.jpg"); }).find("not a JPEG") != std::string::npos);
}

TEST_CASE("the embedded photographs are read", "[image][embedded]") {
  for (const std::string& name : embedded_names("photos/")) {
    const Image image = decode_image(embedded_file(name), name, 3);
    CHECK(std::max(image.width, image.height) == 768);
    CHECK(image.pixels.size() == static_cast<std::size_t>(image.width * image.height * 3));
  }
}

TEST_CASE("a camera's turn is made, whichever way its numbers are written", "[image]") {
  const std::string jpeg = text_of(embedded_file("photos/umang.jpg"));
  const Image upright = decode(jpeg, 1);
  for (const bool little_endian : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const std::string turned_file = with_orientation(jpeg, static_cast<char>(orientation), little_endian);
      const Image turned = decode(turned_file, 1);
      const ImageSize size = image_size(bytes_of(turned_file), "file");
      CHECK(size.width == turned.width);
      CHECK(size.height == turned.height);
      // Where the stored top left corner comes to lie (Exif 2.3: 1 top left, 2 top right, 3 bottom right, 4 bottom
      // left, 5 to 8 the same with rows and columns exchanged).
      const bool at_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
      const bool at_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
      const bool exchanged = orientation >= 5;
      CHECK(turned.width == (exchanged ? upright.height : upright.width));
      const std::int64_t steps_down = 5, steps_right = 9;  // in the stored picture
      const std::int64_t down = exchanged ? steps_right : steps_down, right = exchanged ? steps_down : steps_right;
      const std::uint8_t there =
          *turned.at(at_bottom ? turned.height - 1 - down : down, at_right ? turned.width - 1 - right : right);
      CHECK(there == *upright.at(steps_down, steps_right));
    }
  }
  CHECK(decode(with_orientation(jpeg, 9, true), 1).pixels == upright.pixels);
}

TEST_CASE("what is no whole picture is refused in words that say why", "[image]") {
  const std::string png = encode_png(noise_image(40, 40, 3));
  const std::string jpeg = text_of(embedded_file("photos/umang.jpg"));
  std::string huge = png;
  huge.replace(16, 8, std::string("\0\x01\0\0\0\x01\0\0", 8));  // 65,536 x 65,536
  std::string wide = png;
  wide.replace(16, 8,
               std::string("\0\0\x40\0\0\0\x40\0", 8));  // 16,384 x 16,384: each side would do, the area would not
  struct Row {
    std::string file;
    std::string expected;
  };
  const std::vector<Row> rows{
      {"", "the file is empty"},
      {"hello", "not a JPEG"},
      {std::string(1000, '\0'), "not a JPEG"},
      {png.substr(0, 20), "not a readable picture"},
      {png.substr(0, png.size() / 2), "damaged picture"},
      {jpeg.substr(0, 100), "not a readable picture"},
      {jpeg.substr(0, jpeg.size() / 2), "damaged picture"},
      {huge, "picture"},
      {wide, "16384 x 16384 pixels"},
      {"P6 20000 20000 255\nabc", "pixels"},
      {"P6 10 10 255\nabc", "damaged picture"},
      {"BM", "not a readable picture"},
      {"GIF89a", "picture"},
      {"\x89PNG\r\n\x1a\n", "not a readable picture"},
  };
  for (const Row& row : rows) {
    const std::string message = error_of([&] { decode(row.file, 3); });
    INFO("expected: " << row.expected << "; got: " << message);
    CHECK(message.starts_with("file: "));
    CHECK(message.find(row.expected) != std::string::npos);
  }
}

TEST_CASE("pictures with bytes changed at random are read or refused", "[image]") {
  const Image small = noise_image(12, 9, 3);
  Philox random(23);
  const std::vector<std::string> seeds{
      encode_png(small), encode_png(noise_image(9, 9, 4)), text_of(embedded_file("photos/umang.jpg")),
      ppm(4, 3, std::string(36, 'x')),
      std::string("GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x02\0\x02\0\0\x02\x02\x44\x01\0;", 34)};
  for (const std::string& seed : seeds) {
    for (int trial = 0; trial < (seed.size() > 10000 ? 30 : 1500); ++trial) {
      std::string file = seed;
      for (std::int64_t changes = 1 + random.below(6); changes > 0; --changes) {
        const std::int64_t reach = trial % 2 ? std::min<std::int64_t>(64, static_cast<std::int64_t>(file.size()))
                                             : static_cast<std::int64_t>(file.size());
        file[static_cast<std::size_t>(random.below(reach))] = static_cast<char>(random.bits());
      }
      if (trial % 5 == 0) file.resize(static_cast<std::size_t>(random.below(static_cast<std::int64_t>(file.size()))));
      Image image;
      const std::string message = error_of([&] { image = decode(file, trial % 3 ? 3 : 1); });
      CHECK((!message.empty() ||
             image.pixels.size() == static_cast<std::size_t>(image.width * image.height * image.channels)));
    }
  }
}

TEST_CASE("resizing keeps flat pictures flat, means under shrinking, and ramps", "[image]") {
  const Image flat{7, 5, 3, std::vector<std::uint8_t>(105, 77)};
  for (const auto& [width, height] : {std::pair{3, 2}, {14, 11}, {1, 1}, {7, 50}}) {
    for (const std::uint8_t value : resize(flat, width, height).pixels) CHECK(value == 77);
  }
  const Image image = noise_image(64, 64, 1);
  double mean = 0, small_mean = 0;
  for (const std::uint8_t value : image.pixels) mean += value / 4096.0;
  for (const std::uint8_t value : resize(image, 16, 16).pixels) small_mean += value / 256.0;
  CHECK(std::abs(mean - small_mean) < 2);
  Image ramp{64, 1, 1, {}};
  for (int i = 0; i < 64; ++i) ramp.pixels.push_back(static_cast<std::uint8_t>(2 * i));
  const Image doubled = resize(ramp, 128, 1);
  for (int i = 2; i < 126; ++i) CHECK(std::abs(doubled.pixels[static_cast<std::size_t>(i)] - (i - 0.5)) <= 0.51);
  CHECK(resize(ramp, 64, 1).pixels == ramp.pixels);
}

TEST_CASE("a grid puts each picture in its place", "[image]") {
  const Tensor pictures = tensor({0.0, 1.0, 0.5, 2.0, -1.0, 0.25}, {3, 1, 1, 2});
  const Image grid = picture_grid(pictures, 2, 1);
  CHECK(grid.width == 5);
  CHECK(grid.height == 3);
  CHECK(grid.pixels == std::vector<std::uint8_t>{0, 255, 255, 128, 255, 255, 255, 255, 255, 255, 0, 64, 255, 255, 255});
  CHECK(picture_grid(pictures, 3, 0, 4).width == 24);
  CHECK_THROWS_AS(picture_grid(reshape(pictures, {3, 2, 1, 1}), 2), Error);
  const Image image = noise_image(5, 4, 3);
  CHECK(to_image(reshape(image_to_tensor(image), {3, 4, 5})).pixels == image.pixels);
}

TEST_CASE("a folder, a pipe and a missing file are no pictures", "[image]") {
  const TemporaryFolder folder;
  CHECK(error_of([&] { read_image(folder.path(), 3); }).find("not a regular file") != std::string::npos);
  CHECK(error_of([&] { read_image(folder / "none.png", 3); }).find("No such file") != std::string::npos);
}

// Picture files: folders of images and of IDX files, small enough for a test.
#pragma once

#include <cstdint>
#include <string>

#include "data/image_io.h"
#include "tests/data/temporary_folder.h"

namespace sg::tests {

/// A picture of waves in 1 or 3 channels.
inline data::Image waves(std::int64_t width, std::int64_t height, std::int64_t channels, int mark) {
  data::Image image{width, height, channels, {}};
  for (std::int64_t i = 0; i < height; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      for (std::int64_t c = 0; c < channels; ++c) {
        image.pixels.push_back(static_cast<std::uint8_t>((i * (7 + mark) + j * (3 + c) + 40 * mark) % 256));
      }
    }
  }
  return image;
}

/// `count` pictures of several sizes, grey and coloured, some of them in a folder below.
inline std::string image_folder(const TemporaryFolder& folder, const std::string& name, int count) {
  for (int i = 0; i < count; ++i) {
    folder.write(name + "/" + (i % 3 == 2 ? "below/" : "") + "p" + std::to_string(i) + ".png",
                 data::encode_png(waves(20 + 9 * (i % 4), 28 + 5 * (i % 3), i % 2 == 0 ? 1 : 3, i)));
  }
  return (folder / name).string();
}

/// Files of so many training and test pictures of side x side.
inline std::string idx_folder(const TemporaryFolder& folder, const std::string& name, int train, int test, int side) {
  const auto write = [&](const std::string& file, int count) {
    std::string contents{'\0', '\0', '\x08', '\x03'};
    for (const int extent : {count, side, side}) {
      for (int shift = 24; shift >= 0; shift -= 8) contents += static_cast<char>(extent >> shift & 255);
    }
    for (int i = 0; i < count; ++i) {
      for (const std::uint8_t pixel : waves(side, side, 1, i).pixels) contents += static_cast<char>(pixel);
    }
    folder.write(name + "/" + file, contents);
  };
  write("train-images-idx3-ubyte", train);
  write("t10k-images-idx3-ubyte", test);
  return (folder / name).string();
}

}  // namespace sg::tests

// Image autoencoder run: a folder of small pictures, and trainings that are small enough for a test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "apps/common/files.h"
#include "apps/image_autoencoder/command.h"
#include "data/image_io.h"
#include "tests/apps/run_capture.h"

namespace sg::tests {

/// A folder of the test's own, with pictures below `pictures/`; gone at its end.
struct AutoencoderFolder {
  AutoencoderFolder()
      : path(std::filesystem::temp_directory_path() / ("sobograd-autoencoder-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path / "pictures/more");
    for (int i = 0; i < 6; ++i) {
      write("pictures/" + std::string(i < 3 ? "" : "more/") + "p" + std::to_string(i) + ".png", 10 + i, 9 + 2 * i, i);
    }
  }
  ~AutoencoderFolder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }

  /// A picture of waves.
  data::Image picture(std::int64_t width, std::int64_t height, int mark) const {
    data::Image image{width, height, 3, {}};
    for (std::int64_t i = 0; i < height; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        for (std::int64_t c = 0; c < 3; ++c) {
          image.pixels.push_back(static_cast<std::uint8_t>((i * (7 + mark) + j * (3 + c) + 40 * mark) % 256));
        }
      }
    }
    return image;
  }
  void write(const std::string& name, std::int64_t width, std::int64_t height, int mark) const {
    apps::write_file_atomically(path / name, data::encode_png(picture(width, height, mark)));
  }

  std::filesystem::path path;
};

inline RunResult autoencoder(std::vector<std::string> arguments) {
  return run_captured("image_autoencoder", std::move(arguments), image_autoencoder::run_command);
}

/// Training of a reference network on the folder's pictures in pieces of 8 x 8.
inline RunResult train_autoencoder(const AutoencoderFolder& folder, const std::vector<std::string>& more) {
  std::vector<std::string> arguments{
      "--data", folder / "pictures", "--net", "resnet18-light",  "--size", "8", "--batch-size",
      "3",      "--log-every",       "1",     "--test-fraction", "0.2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return autoencoder(arguments);
}

inline std::string file_bytes(const std::filesystem::path& path) { return apps::read_file(path, 1 << 28); }

}  // namespace sg::tests

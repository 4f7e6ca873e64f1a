// Command: what the binary does with its arguments.
#pragma once

#include <cstdint>

#include "apps/common/run_app.h"

namespace sg::mnist_denoise {

inline constexpr const char* kName = "mnist_denoise";
inline constexpr std::int64_t kSide = 28;

/// Parses the arguments (without the program's name), trains, and writes the run folder; throws what run_app takes.
void train_all(const apps::Arguments& arguments);

/// Parses the arguments that follow `denoise`, and writes a picture for each that they name.
void denoise_pictures(const apps::Arguments& arguments);

/// Either of them, as the first argument says.
inline void run_command(const apps::Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "denoise") {
    denoise_pictures({arguments.begin() + 1, arguments.end()});
  } else {
    train_all(arguments);
  }
}

}  // namespace sg::mnist_denoise

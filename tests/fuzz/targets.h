// Targets: every reader of files as a function of a file's bytes, for the fuzzer and for the corpus's replay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace sg::fuzz {

struct Target {
  const char* name;
  /// Reads the bytes as a file. What is wrong with them throws sg::Error; everything else is a fault of the reader.
  void (*read)(std::span<const std::byte> bytes);
};

/// Those of data/ and nn/, and those of apps/.
std::span<const Target> file_targets();
std::span<const Target> application_targets();

/// Part of the name of every file, so that its place in a message can be seen.
inline constexpr const char* file_mark = "fuzzed-file";
/// Writes a file into a folder of its own, for readers that want a path.
std::filesystem::path write(const std::string& name, std::span<const std::byte> bytes);

/// Calls the reader. Empty when the bytes were read; else what the error says, which has been found to be one printable
/// line of at most 1000 characters that names the file. Aborts for an error that does not.
std::string run(const Target& target, std::span<const std::byte> bytes);

}  // namespace sg::fuzz

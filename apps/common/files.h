// Files: writing them so that a crash leaves the old or the new one whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "data/files.h"

namespace sg::apps {

/// The system refused to write or read (a full disk, lost permissions); the message names the file. Exit status 1.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using data::read_file;

/// Writes beside the file under a temporary name, syncs, renames, and syncs the folder. Throws FileError, with nothing
/// left behind.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> contents);
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace sg::apps

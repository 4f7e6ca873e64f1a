// Files: reading whole ones with a limit, and writing them so that a crash leaves the old or the new one whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sg::apps {

/// The system refused to write or read (a full disk, lost permissions); the message names the file. Exit status 1.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The contents of a regular file; throws sg::Error for anything else, for one over `limit` bytes, and when it cannot be read.
std::string read_file(const std::filesystem::path& path, std::size_t limit);

/// Writes beside the file under a temporary name, syncs, renames, and syncs the folder. Throws FileError, with nothing left behind.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> contents);
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace sg::apps

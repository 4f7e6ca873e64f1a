// Files: reading whole ones, with a limit.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace sg::data {

/// A regular file that is open for reading. Throws, naming the path, for anything else (a folder, a pipe) and for more
/// than `limit` bytes.
class OpenFile {
 public:
  OpenFile(const std::filesystem::path& path, std::size_t limit);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }
  std::size_t size() const { return size_; }

 private:
  int descriptor_;
  std::size_t size_ = 0;
};

/// The contents of a regular file. Throws, naming the path, for anything else (a folder, a pipe), for more than `limit`
/// bytes, and when it cannot be read.
std::string read_file(const std::filesystem::path& path, std::size_t limit);

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace sg::data

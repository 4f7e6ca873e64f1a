// Files: writing by renaming.
#include "apps/common/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace sg::apps {
namespace {

[[noreturn]] void give_up(const std::filesystem::path& path, const char* what, int error) {
  throw FileError(fmt::format("{}: cannot {}: {}", path.string(), what, std::strerror(error)));
}

/// Closes when it goes out of scope.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (descriptor.value >= 0) {
    ::fsync(descriptor.value);  // some file systems refuse it for folders; the file itself is synced
  }
}

}  // namespace

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> contents) {
  const std::filesystem::path temporary = path.string() + ".part";
  int error = 0;
  {
    const Descriptor descriptor{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (descriptor.value < 0) give_up(path, "be written", errno);
    std::size_t written = 0;
    while (written < contents.size() && !error) {
      const ssize_t count = ::write(descriptor.value, contents.data() + written, contents.size() - written);
      if (count >= 0) {
        written += static_cast<std::size_t>(count);
      } else if (errno != EINTR) {
        error = errno;
      }
    }
    if (!error && ::fsync(descriptor.value) != 0 && errno != EINVAL && errno != EROFS) error = errno;
  }
  if (!error && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error) {
    ::unlink(temporary.c_str());
    give_up(path, "be written", error);
  }
  sync_folder(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  write_file_atomically(path, std::as_bytes(std::span(contents)));
}

}  // namespace sg::apps

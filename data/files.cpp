// Files: reading whole ones.
#include "data/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace sg::data {

OpenFile::OpenFile(const std::filesystem::path& path, std::size_t limit)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // opening a pipe must not wait
  struct stat status {};
  const bool is_open = descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0;
  const int error = errno;
  const bool is_regular = is_open && S_ISREG(status.st_mode);
  if (is_regular && static_cast<std::uintmax_t>(status.st_size) <= limit) {
    size_ = static_cast<std::size_t>(status.st_size);
    return;
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  if (!is_open) {
    fail("{}: cannot be read: {}", path.string(), std::strerror(error));
  }
  if (!is_regular) {
    fail("{}: not a regular file", path.string());
  }
  fail("{}: {} bytes, more than the limit of {}", path.string(), status.st_size, limit);
}

OpenFile::~OpenFile() { ::close(descriptor_); }

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const OpenFile file(path, limit);
  std::string contents(file.size(), '\0');
  std::size_t filled = 0;
  while (filled < contents.size()) {
    const ssize_t count = ::read(file.descriptor(), contents.data() + filled, contents.size() - filled);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
    }
    if (count == 0) {
      break;
    }
    filled += static_cast<std::size_t>(count);
  }
  contents.resize(filled);
  return contents;
}

}  // namespace sg::data

// Files: reading whole ones.
#include "data/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace sg::data {

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  struct Descriptor {
    int value;
    ~Descriptor() {
      if (value >= 0) ::close(value);
    }
  };
  const Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // opening a pipe must not wait
  struct stat status {};
  if (descriptor.value < 0 || ::fstat(descriptor.value, &status) != 0) {
    fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) fail("{}: not a regular file", path.string());
  if (static_cast<std::uintmax_t>(status.st_size) > limit) {
    fail("{}: {} bytes, more than the limit of {}", path.string(), status.st_size, limit);
  }
  std::string contents(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < contents.size()) {
    const ssize_t count = ::read(descriptor.value, contents.data() + filled, contents.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  contents.resize(filled);
  return contents;
}

}  // namespace sg::data

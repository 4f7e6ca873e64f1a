// Source: a file's bytes, a window of it at a time.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "data/formats/formats.h"

namespace sg::data::formats {

Source::Source(int descriptor, std::size_t size) : size_(size), descriptor_(descriptor), buffer_(largest_read) {}

std::span<const std::byte> Source::at(std::size_t offset, std::size_t count) {
  if (offset >= size_) {
    return {};
  }
  count = std::min({count, largest_read, size_ - offset});
  const bool is_there = offset >= window_begin_ && offset - window_begin_ + count <= window_.size();
  if (!is_there) {
    // A file that became shorter, or cannot be read any more, ends here.
    std::size_t filled = 0;
    while (filled < buffer_.size()) {
      const ssize_t got =
          ::pread(descriptor_, buffer_.data() + filled, buffer_.size() - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        break;
      }
      filled += static_cast<std::size_t>(got);
    }
    window_ = std::span(buffer_).first(filled);
    window_begin_ = offset;
    count = std::min(count, filled);
  }
  return window_.subspan(offset - window_begin_, count);
}

}  // namespace sg::data::formats

// IDX: headers, lengths, and unpacking.
#include "data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "data/files.h"
#include "engine/error.h"

namespace sg::data {
namespace {

constexpr std::size_t gzip_small = std::size_t{64} << 20, gzip_ratio = 100;

/// Bytes in order, from memory.
class PlainSource {
 public:
  explicit PlainSource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::size_t most() const { return bytes_.size(); }
  void check(std::uint64_t) const {}
  /// Fills `out` as far as there is something; returns how far.
  std::size_t read(std::span<std::uint8_t> out) {
    const std::size_t count = std::min(out.size(), bytes_.size());
    if (count) std::memcpy(out.data(), bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
    return count;
  }

 private:
  std::span<const std::byte> bytes_;
};

/// Bytes in order, unpacked from gzip as they are asked for.
class GzipSource {
 public:
  GzipSource(std::span<const std::byte> bytes, std::string_view name)
      : rest_(bytes), name_(name), size_(bytes.size()), limit_(std::max(gzip_small, size_ * gzip_ratio)) {
    constexpr int gzip_window = 15 + 16;
    if (inflateInit2(&stream_, gzip_window) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::size_t most() const { return limit_; }
  /// Throws for a file that would unpack to so much that it is a trap: pictures do not pack that well.
  void check(std::uint64_t total) const {
    if (total > limit_) {
      fail("{}: {} bytes of elements packed into {}: more than a hundred times as many", name_, total, size_);
    }
  }

  std::size_t read(std::span<std::uint8_t> out) {
    std::size_t filled = 0;
    while (filled < out.size() && !ended_) {
      if (stream_.avail_in == 0) refill();
      const std::size_t room = std::min<std::size_t>(out.size() - filled, 1u << 30);
      stream_.next_out = out.data() + filled;
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      filled += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        next_member();
      } else if (status == Z_BUF_ERROR && stream_.avail_in == 0 && rest_.empty()) {
        fail("{}: the gzip data ends too early", name_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail("{}: damaged gzip data: {}", name_, stream_.msg ? stream_.msg : "no gzip stream");
      }
    }
    return filled;
  }

 private:
  void refill() {
    const std::size_t count = std::min<std::size_t>(rest_.size(), 1u << 30);
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(rest_.data()));
    stream_.avail_in = static_cast<uInt>(count);
    rest_ = rest_.subspan(count);
  }
  /// A gzip file may be several one after the other.
  void next_member() {
    if (stream_.avail_in == 0) refill();
    if (stream_.avail_in == 0) {
      ended_ = true;
      return;
    }
    if (stream_.next_in[0] != 0x1f) fail("{}: other bytes follow the gzip data", name_);
    inflateReset(&stream_);
  }

  std::span<const std::byte> rest_;
  std::string_view name_;
  std::size_t size_, limit_;
  z_stream stream_{};
  bool ended_ = false;
};

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

template <class Source>
IdxArray parse(Source& source, std::string_view name, std::size_t rank) {
  std::array<std::uint8_t, 4> magic{};
  const std::size_t magic_size = source.read(magic);
  if (magic_size < magic.size()) {
    fail("{}: only {} bytes: an IDX file begins with 4 bytes of type and rank", name, magic_size);
  }
  if (magic[0] != 0 || magic[1] != 0) {
    fail("{}: neither an IDX file nor gzip: it begins with the bytes {:02x} {:02x} {:02x} {:02x}", name, magic[0],
         magic[1], magic[2], magic[3]);
  }
  if (magic[2] != 8) fail("{}: elements of type 0x{:02x}: only unsigned bytes (0x08) are read", name, magic[2]);
  if (magic[3] != rank) {
    fail("{}: {} axes instead of {} ({} are needed here)", name, magic[3], rank, rank == 1 ? "labels" : "images");
  }

  IdxArray array;
  std::uint64_t total = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::array<std::uint8_t, 4> bytes{};
    if (source.read(bytes) < bytes.size()) fail("{}: truncated: the header ends before extent {}", name, axis);
    const std::uint32_t extent = big_endian(bytes.data());
    if (extent == 0) fail("{}: extent {} is 0: there is nothing in it", name, axis);
    array.extents.push_back(extent);
    total = total > idx_limit ? total
                              : total * extent;  // extents are below 2^32 and total at most 2^31 before: no overflow
  }
  if (total > idx_limit) fail("{}: the header speaks of more than {} bytes, the limit", name, idx_limit);

  source.check(total);
  array.values.reserve(std::min<std::size_t>(total, source.most()));  // takes no memory before it is written to
  // Memory follows the data that arrives, so a header that lies costs nothing.
  constexpr std::size_t piece = 1 << 22;
  while (array.values.size() < total) {
    const std::size_t old = array.values.size();
    array.values.resize(static_cast<std::size_t>(std::min<std::uint64_t>(total, old + piece)));
    const std::size_t count = source.read(std::span(array.values).subspan(old));
    if (old + count < array.values.size()) {
      fail("{}: truncated: {} bytes of elements instead of {}", name, old + count, total);
    }
  }
  std::uint8_t extra = 0;
  if (source.read({&extra, 1}) != 0) {
    fail("{}: oversized: more than the {} bytes of elements that its header speaks of", name, total);
  }
  return array;
}

}  // namespace

IdxArray parse_idx(std::span<const std::byte> file, std::string_view name, std::size_t rank) {
  if (file.empty()) fail("{}: the file is empty", name);
  if (file.size() >= 2 && file[0] == std::byte{0x1f} && file[1] == std::byte{0x8b}) {
    GzipSource source(file, name);
    return parse(source, name, rank);
  }
  PlainSource source(file);
  return parse(source, name, rank);
}

IdxArray read_idx(const std::filesystem::path& path, std::size_t rank) {
  const std::string contents = read_file(path, idx_limit + 64);
  return parse_idx(bytes_of(contents), path.string(), rank);
}

}  // namespace sg::data

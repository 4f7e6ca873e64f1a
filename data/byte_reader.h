// Byte reader: numbers from a file's bytes in order; what is not there is an error that names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/error.h"

namespace sg::data {

class ByteReader {
 public:
  /// Errors read `name: what: it ends too early, at byte 12`.
  ByteReader(std::span<const std::byte> bytes, std::string_view name, std::string_view what)
      : bytes_(bytes), name_(name), what_(what) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }
  /// Goes on at that offset, which may be the end.
  void seek(std::size_t offset) {
    if (offset > bytes_.size()) {
      end_too_early();
    }
    position_ = offset;
  }
  void skip(std::size_t count) { take(count); }
  std::span<const std::byte> take(std::size_t count) {
    if (count > left()) {
      end_too_early();
    }
    position_ += count;
    return bytes_.subspan(position_ - count, count);
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint32_t little16() { return little(2); }
  std::uint32_t little32() { return little(4); }
  std::uint32_t big16() { return big(2); }
  std::uint32_t big32() { return big(4); }

  /// Throws `name: what: reason`.
  [[noreturn]] void refuse(std::string_view reason) const { fail("{}: {}: {}", name_, what_, reason); }

 private:
  [[noreturn]] void end_too_early() const {
    fail("{}: {}: it ends too early, at byte {}", name_, what_, bytes_.size());
  }
  std::uint32_t little(std::size_t count) {
    const auto bytes = take(count);
    std::uint32_t value = 0;
    for (std::size_t i = count; i-- > 0;) {
      value = value << 8 | static_cast<std::uint32_t>(bytes[i]);
    }
    return value;
  }
  std::uint32_t big(std::size_t count) {
    std::uint32_t value = 0;
    for (const std::byte byte : take(count)) {
      value = value << 8 | static_cast<std::uint32_t>(byte);
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  std::string_view name_, what_;
  std::size_t position_ = 0;
};

}  // namespace sg::data

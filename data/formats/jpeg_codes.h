// JPEG codes: the Huffman codes of a scan (ITU-T T.81, annexes C and F.2.2), read as far as it takes to know what is
// there.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sg::data::formats::jpeg {

/// What a code says.
struct Code {
  std::uint8_t value = 0;
  std::uint8_t length = 0;  // of the code; 0: there is no such code
  std::uint8_t bits = 0;    // with those of the coefficient behind it
  std::uint8_t steps = 0;   // coefficients that an AC code goes on by, or one of these:

  static constexpr std::uint8_t ends_block = 128, is_none = 64;
  bool has_coefficient() const { return (value & 15) != 0; }
};

class CodeTable {
 public:
  CodeTable() = default;
  /// `counts` says how many codes there are of each length from 1, no more than their lengths have room for (C.2).
  CodeTable(bool is_dc, std::span<const std::byte, 16> counts, std::span<const std::byte> values) {
    unsigned next = 0, index = 0;
    for (unsigned length = 1; length <= 16; ++length, next <<= 1) {
      first_code_[length] = next;
      first_index_[length] = index;
      counts_[length] = static_cast<unsigned>(counts[length - 1]);
      for (unsigned i = 0; i < counts_[length]; ++i, ++next, ++index) {
        codes_[index] = code(is_dc, static_cast<std::uint8_t>(values[index]), static_cast<std::uint8_t>(length));
        if (length <= short_bits) {
          std::fill_n(short_codes_.begin() + (next << (short_bits - length)), 1 << (short_bits - length),
                      codes_[index]);
        }
      }
    }
    is_there_ = true;
  }

  bool is_there() const { return is_there_; }
  /// The code with which 64 bits begin.
  Code find(std::uint64_t bits) const {
    const Code found = short_codes_[bits >> (64 - short_bits)];
    return found.length != 0 ? found : find_long(bits);
  }

 private:
  static constexpr unsigned short_bits = 10;

  static Code code(bool is_dc, std::uint8_t value, std::uint8_t length) {
    const auto with_coefficient = static_cast<std::uint8_t>(length + (value & 15));
    if (is_dc) {
      return value > 15 ? Code{value, length, length, Code::is_none} : Code{value, length, with_coefficient, 0};
    }
    if ((value & 15) == 0 && value != 0xf0) {
      return {value, length, length, Code::ends_block};
    }
    return {value, length, with_coefficient, static_cast<std::uint8_t>((value >> 4) + 1)};
  }
  Code find_long(std::uint64_t bits) const {
    for (unsigned length = short_bits + 1; length <= 16; ++length) {
      const unsigned index = static_cast<unsigned>(bits >> (64 - length)) - first_code_[length];
      if (index < counts_[length]) {
        return codes_[first_index_[length] + index];
      }
    }
    return {0, 0, 0, Code::is_none};
  }

  bool is_there_ = false;
  std::array<unsigned, 17> first_code_{}, first_index_{}, counts_{};
  std::array<Code, 256> codes_;
  std::array<Code, 1 << short_bits> short_codes_;
};

/// The bits of a scan, up to the next marker; behind them stand zeros.
class ScanBits {
 public:
  ScanBits(std::span<const std::byte> file, std::size_t place)
      : begin_(file.data()), at_(begin_ + place), end_(begin_ + file.size()) {}

  /// The next bits, the first in the highest place: 32 and more of them.
  std::uint64_t next() {
    if (count_ < 32) {
      fill();
    }
    return bits_;
  }
  /// At most 32, of those that `next` has shown.
  void drop(unsigned count) {
    bits_ <<= count;
    count_ -= static_cast<int>(count);
  }
  void skip(unsigned count) {
    for (; count > 32; count -= 32) {
      next();
      drop(32);
    }
    next();
    drop(count);
  }
  unsigned take(unsigned count) {
    const auto value = static_cast<unsigned>(next() >> 32 >> (32 - count));
    drop(count);
    return value;
  }
  /// More was taken than there was.
  bool is_over() const { return count_ < 0; }
  std::size_t place() const { return static_cast<std::size_t>(at_ - begin_); }

  /// Goes on behind a marker, which has to be this one, with nothing but the rest of a byte before it.
  bool pass_marker(unsigned code) {
    next();
    const std::byte* marker = behind_ff();
    if (count_ >= 8 || marker == at_ || marker == end_ || static_cast<unsigned>(*marker) != code) {
      return false;
    }
    at_ = marker + 1;
    bits_ = 0;
    count_ = 0;
    return true;
  }

 private:
  /// The first byte that is not 0xff.
  const std::byte* behind_ff() const {
    return std::find_if(at_, end_, [](std::byte byte) { return byte != std::byte{0xff}; });
  }
  void fill() {
    if (is_over()) {
      return;
    }
    if (end_ - at_ >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at_, 8);
      if constexpr (std::endian::native == std::endian::little) {
        word = __builtin_bswap64(word);
      }
      constexpr std::uint64_t ones = 0x0101010101010101;
      const bool has_ff = ((~word - ones) & word & ones << 7) != 0;
      if (!has_ff) {
        const int bytes = (63 - count_) / 8;
        bits_ |= word >> count_;
        at_ += bytes;
        count_ += bytes * 8;
        return;
      }
    }
    while (count_ <= 56 && at_ != end_) {
      const std::byte byte = *at_;
      if (byte != std::byte{0xff}) {
        ++at_;
      } else {  // a value where 0 follows it
        const std::byte* follower = behind_ff();
        if (follower == end_ || *follower != std::byte{0}) {
          return;
        }
        at_ = follower + 1;
      }
      bits_ |= static_cast<std::uint64_t>(byte) << (56 - count_);
      count_ += 8;
    }
  }

  const std::byte *begin_, *at_, *end_;
  std::uint64_t bits_ = 0;
  int count_ = 0;
};

}  // namespace sg::data::formats::jpeg

// Number: a number in a call, such as the 0.5 of `greater(x, 0.5)`.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

namespace sg {

/// Made of any arithmetic type; an integer keeps all of its 64 bits.
class Number {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> Number(T value)  // NOLINT: implicit on purpose
      : value_(static_cast<double>(value)) {
    if constexpr (std::is_integral_v<T>) {
      integer_ = static_cast<std::int64_t>(value);
      is_integer_ = sizeof(T) < 8 || std::is_signed_v<T> ||
                    static_cast<std::uint64_t>(value) <= std::numeric_limits<std::int64_t>::max();
    }
  }

  double value() const { return value_; }
  /// The value as an element of an i64 tensor; throws in the name of `operation` unless it is one.
  std::int64_t integer(std::string_view operation) const;
  Number operator-() const;

 private:
  double value_;
  std::int64_t integer_ = 0;
  bool is_integer_ = false;
};

}  // namespace sg

// Values: the texts of options as numbers, switches, paths and lists, and the checks on them.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/error.h"
#include "engine/printable.h"

namespace sg::apps {

/// Throws in the option's name when the value will not do.
template <class T>
using Check = std::function<void(const std::string& name, const T& value)>;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

/// The whole of `text` as a number, with or without a sign; nothing when it is none. What is too small for a double is
/// 0 or the nearest there is, what is too large is infinite.
std::optional<double> number_in(std::string_view text);

/// The parts between commas; empty parts are an error.
std::vector<std::string> split_list(const std::string& name, const std::string& text);

/// The texts with `separator` between them.
std::string join(const std::vector<std::string>& texts, std::string_view separator);
/// The text as one word of a shell's command.
std::string shell_quoted(const std::string& text);
/// "1 picture", "2 pictures".
std::string counted(std::int64_t count, std::string_view noun);

/// The whole of `text` as a value; throws in the option's name.
template <class T>
T parse_value(const std::string& name, const std::string& text) {
  if constexpr (std::is_same_v<T, bool>) {
    if (text != "on" && text != "off") fail("{}: '{}' is neither on nor off", name, printable(text));
    return text == "on";
  } else if constexpr (IsVector<T>::value) {
    T list;
    for (const std::string& part : split_list(name, text)) {
      list.push_back(parse_value<typename T::value_type>(name, part));
    }
    return list;
  } else if constexpr (std::is_arithmetic_v<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      const std::optional<double> value = number_in(text);
      if (!value) fail("{}: '{}' is not a number", name, printable(text));
      if (!std::isfinite(*value)) fail("{}: '{}' is not a finite number", name, printable(text));
      return static_cast<T>(*value);
    } else {
      T value{};
      const char* end = text.data() + text.size();
      const auto result = std::from_chars(text.data(), end, value);
      const char* kind = std::is_signed_v<T> ? "whole number" : "whole number, 0 or more";
      if (result.ec == std::errc::result_out_of_range) {
        fail("{}: '{}' is out of range: {} to {} can be", name, printable(text), std::numeric_limits<T>::min(),
             std::numeric_limits<T>::max());
      }
      if (result.ec != std::errc{} || result.ptr != end) fail("{}: '{}' is not a {}", name, printable(text), kind);
      return value;
    }
  } else {
    return text;
  }
}

/// A value as --help shows it and as one would type it.
template <class T>
std::string show_value(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "on" : "off";
  } else if constexpr (IsVector<T>::value) {
    std::string text;
    for (const auto& part : value) text += (text.empty() ? "" : ",") + show_value(part);
    return text;
  } else {
    return fmt::format("{}", value);
  }
}

template <class T>
std::string type_name_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return "on|off";
  } else if constexpr (IsVector<T>::value) {
    return "LIST";
  } else if constexpr (std::is_floating_point_v<T>) {
    return "X";
  } else if constexpr (std::is_integral_v<T>) {
    return "N";
  } else {
    return "TEXT";
  }
}

/// The value must be at least, or more than, a bound.
template <class T>
Check<T> at_least(std::type_identity_t<T> low) {
  return [low](const std::string& name, const T& value) {
    if (!(value >= low)) fail("{}: {} is too small: at least {} is needed", name, value, low);
  };
}
template <class T>
Check<T> more_than(std::type_identity_t<T> low) {
  return [low](const std::string& name, const T& value) {
    if (!(value > low)) fail("{}: {} is too small: more than {} is needed", name, value, low);
  };
}
template <class T>
Check<T> between(std::type_identity_t<T> low, std::type_identity_t<T> high) {
  return [low, high](const std::string& name, const T& value) {
    if (!(value >= low && value <= high)) fail("{}: {} is not between {} and {}", name, value, low, high);
  };
}

/// The one of the names that a misspelt one may stand for; empty when none is near.
std::string nearest(const std::string& misspelt, const std::vector<std::string>& names);

/// The text must be one of the choices.
Check<std::string> one_of(std::vector<std::string> choices);

/// The path from the root, without `.`, `..` and a slash at its end; empty for an empty one.
std::string absolute_path(const std::string& path);

/// Throws in the option's name unless the file or folder is there.
void check_exists(const std::string& name, const std::string& path);

}  // namespace sg::apps

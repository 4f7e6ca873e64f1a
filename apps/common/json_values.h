// Json values: config.json, and its values as what options hold. A number is not rounded into another one.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>

#include "apps/common/values.h"
#include "engine/error.h"
#include "nn/json.h"

namespace sg::apps {

inline constexpr std::size_t largest_config = std::size_t{16} << 20;

/// A run's config.json, which may have been written by anyone. Throws, naming the file, unless it is a JSON object.
nlohmann::json read_config(const std::filesystem::path& file);

/// The value as a T: a whole number of T's range, a finite number, a text, true or false, or a list of one of these.
/// Nothing for anything else.
template <class T>
std::optional<T> value_of_json(const nlohmann::json& json) {
  if constexpr (std::is_same_v<T, bool>) {
    return json.is_boolean() ? std::optional(json.get<bool>()) : std::nullopt;
  } else if constexpr (IsVector<T>::value) {
    if (!json.is_array()) {
      return {};
    }
    T list;
    for (const nlohmann::json& part : json) {
      const auto value = value_of_json<typename T::value_type>(part);
      if (!value) {
        return {};
      }
      list.push_back(*value);
    }
    return list;
  } else if constexpr (std::is_floating_point_v<T>) {
    return json.is_number() && std::isfinite(json.get<double>()) ? std::optional<T>(json.get<T>()) : std::nullopt;
  } else if constexpr (std::is_unsigned_v<T>) {
    return json.is_number_unsigned() ? std::optional<T>(json.get<T>()) : std::nullopt;
  } else if constexpr (std::is_integral_v<T>) {
    const bool fits = json.is_number_unsigned() ? json.get<std::uint64_t>() <= INT64_MAX : json.is_number_integer();
    return fits ? std::optional<T>(json.get<std::int64_t>()) : std::nullopt;
  } else {
    return json.is_string() ? std::optional<T>(json.get<std::string>()) : std::nullopt;
  }
}

}  // namespace sg::apps

// Json: a small strict reader for the headers of safetensors files, and the quoting for their writer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sg::nn::json {

struct Value;
using Array = std::vector<Value>;
/// In the order of the text; a name comes once.
using Object = std::vector<std::pair<std::string, Value>>;

struct Value {
  /// Whole numbers that fit stand as std::int64_t, all others as double.
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> content;

  template <class T>
  const T* get() const { return std::get_if<T>(&content); }
  /// The member of that name of an object; null when there is none or this is no object.
  const Value* find(std::string_view name) const;
};

/// Reads one value and nothing after it but white space. Throws sg::Error that names `who` and the byte: for anything that RFC 8259
/// does not allow, invalid UTF-8, a repeated name, and nesting deeper than 16.
Value parse(std::string_view text, std::string_view who);

/// The text in quotes, with what has to be escaped escaped.
std::string quote(std::string_view text);

}  // namespace sg::nn::json

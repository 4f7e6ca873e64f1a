// Json: texts in files that may come from anybody.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace sg::nn {

/// Reads one value and nothing after it but white space. Throws sg::Error that names `who` for anything that RFC 8259
/// does not allow, a repeated name, and nesting deeper than 16. Takes time and memory in proportion to the text.
nlohmann::json parse_json(std::string_view text, std::string_view who);

bool is_utf8(std::string_view text);

/// The text in quotes, with what has to be escaped escaped.
std::string quote_json(std::string_view text);

/// The same for a person: printable, and cut where it is long.
std::string show_name(std::string_view text);
/// A value as it stands in its file, printable, and cut where it is long.
std::string show_json(const nlohmann::json& value);

}  // namespace sg::nn

// Values: lists, choices and paths of options.
#include "apps/common/values.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace sg::apps {

std::vector<std::string> split_list(const std::string& name, const std::string& text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t comma = text.find(',', start);
    parts.push_back(text.substr(start, comma - start));
    if (parts.back().empty()) fail("{}: '{}' has an empty part; a list reads one,two,three", name, text);
    if (comma == std::string::npos) return parts;
    start = comma + 1;
  }
}

Check<std::string> one_of(std::vector<std::string> choices) {
  return [choices = std::move(choices)](const std::string& name, const std::string& value) {
    if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
      fail("{}: '{}' is not one of {}", name, value, fmt::join(choices, ", "));
    }
  };
}

void check_exists(const std::string& name, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    fail("{}: {}: {}", name, path, error ? error.message() : "no such file or folder");
  }
}

}  // namespace sg::apps

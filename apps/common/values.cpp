// Values: lists, choices and paths of options.
#include "apps/common/values.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace sg::apps {

std::optional<double> number_in(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) return {};
  }
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ptr != text.data() + text.size()) return {};
  if (result.ec == std::errc::result_out_of_range) return std::strtod(std::string(text).c_str(), nullptr);
  return result.ec == std::errc{} ? std::optional(value) : std::nullopt;
}

namespace {

/// Letters to be put in, left out, changed or exchanged with their neighbour (Damerau 1964).
std::size_t distance_of(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(const std::string& misspelt, const std::vector<std::string>& names) {
  constexpr std::size_t longest = 100;
  if (misspelt.size() > longest) return "";
  std::string best;
  std::size_t least = std::clamp<std::size_t>(misspelt.size() / 3 + 1, 2, 3);
  for (const std::string& name : names) {
    const std::size_t distance = distance_of(misspelt, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

std::string join(const std::vector<std::string>& texts, std::string_view separator) {
  std::string joined;
  for (const std::string& text : texts) {
    if (&text != &texts.front()) joined += separator;
    joined += text;
  }
  return joined;
}

std::string shell_quoted(const std::string& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    std::string quoted = "$'";  // as bash reads it, so that a name with a line's end stays in its line
    for (const char c : text) {
      if (is_control(c)) {
        quoted += fmt::format("\\{:03o}", static_cast<unsigned>(c));
      } else {
        quoted += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
      }
    }
    return quoted + "'";
  }
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string absolute_path(const std::string& path) {
  if (path.empty()) return "";
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).string();
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::vector<std::string> split_list(const std::string& name, const std::string& text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t comma = text.find(',', start);
    parts.push_back(text.substr(start, comma - start));
    if (parts.back().empty()) fail("{}: '{}' has an empty part; a list reads one,two,three", name, printable(text));
    if (comma == std::string::npos) return parts;
    start = comma + 1;
  }
}

Check<std::string> one_of(std::vector<std::string> choices) {
  return [choices = std::move(choices)](const std::string& name, const std::string& value) {
    if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
      const std::string meant = nearest(value, choices);
      fail("{}: '{}' is not one of {}{}", name, printable(value), join(choices, ", "),
           meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
    }
  };
}

void check_exists(const std::string& name, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    fail("{}: {}: {}", name, printable(path), error ? error.message() : "no such file or folder");
  }
}

}  // namespace sg::apps

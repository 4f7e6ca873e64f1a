// CSV: reading and appending.
#include "apps/common/csv.h"

#include <fmt/format.h>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "apps/common/files.h"
#include "apps/common/values.h"
#include "engine/error.h"

namespace sg::apps {
namespace {

constexpr std::size_t longest_line = 1 << 20;

std::string_view trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '"'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

/// Separators within double quotes belong to their cell.
void split(std::string_view line, char separator, std::vector<std::string_view>& cells) {
  cells.clear();
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (line[i] != separator || quoted)) continue;
    cells.push_back(trim(line.substr(begin, i - begin)));
    begin = i + 1;
  }
}

/// A table may come with semicolons or tabs in the place of commas.
char separator_of(std::string_view header) {
  for (const char separator : {',', ';', '\t'}) {
    if (header.find(separator) != std::string_view::npos) return separator;
  }
  return ',';
}

[[noreturn]] void cannot_write(const std::filesystem::path& path) {
  throw FileError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
}

}  // namespace

CsvReader::CsvReader(std::filesystem::path path, bool whole_lines) : path_(std::move(path)), whole_lines_(whole_lines) {
  std::error_code error;
  if (std::filesystem::is_directory(path_, error)) fail("{}: is a folder; needs a CSV file", path_.string());
  // Opening a pipe would wait for ever.
  if (std::filesystem::exists(path_, error) && !std::filesystem::is_regular_file(path_, error)) {
    fail("{}: not a regular file", path_.string());
  }
  file_.open(path_, std::ios::binary);
  if (!file_) fail("{}: cannot be opened", path_.string());
  if (!read_line()) return;
  if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
  separator_ = separator_of(text_);
  split(text_, separator_, cells_);
  names_.assign(cells_.begin(), cells_.end());
}

bool CsvReader::read_line() {
  text_.clear();
  ++line_;
  for (int c; (c = file_.get()) != std::ifstream::traits_type::eof();) {
    if (c == '\n') return true;
    text_.push_back(static_cast<char>(c));
    if (text_.size() > longest_line) {
      fail("{}:{}: the line is longer than {} characters", path_.string(), line_, longest_line);
    }
  }
  if (file_.bad()) fail("{}: cannot be read", path_.string());
  return !whole_lines_ && !text_.empty();
}

bool CsvReader::next() {
  do {
    if (!read_line()) return false;
  } while (trim(text_).empty());
  split(text_, separator_, cells_);
  if (cells_.size() != names_.size()) {
    fail("{}:{}: {} cells for {} columns", path_.string(), line_, cells_.size(), names_.size());
  }
  return true;
}

std::optional<double> CsvReader::number(std::size_t column) const {
  const std::string_view cell = cells_[column];
  if (cell.empty()) return {};
  const std::optional<double> value = number_in(cell);
  if (!value) {
    fail("{}:{}: column `{}`: `{}` is not a number", path_.string(), line_, printable(names_[column], 80),
         printable(cell, 80));
  }
  return value;
}

double CsvReader::finite_number(std::size_t column) const {
  const std::string_view cell = cells_[column];
  std::optional<double> value;
  try {
    value = number(column);
  } catch (const Error&) {}
  if (!value || !std::isfinite(*value)) {
    fail("{}:{}: column `{}`: `{}` is not a finite number", path_.string(), line_, printable(names_[column], 80),
         printable(cell, 80));
  }
  return *value;
}

CsvAppender::CsvAppender(std::filesystem::path path, const std::vector<std::string>& names,
                         std::optional<std::int64_t> keep_steps)
    : path_(std::move(path)) {
  std::string contents = fmt::format("{}\n", join(names, ","));
  if (keep_steps && std::filesystem::exists(path_)) {
    const std::string old = read_file(path_, std::size_t{1} << 32);
    std::string_view rest = old;
    for (std::int64_t number = 1;; ++number) {
      const std::size_t end = rest.find('\n');
      if (end == std::string_view::npos) break;  // half a line at most
      const std::string_view line = rest.substr(0, end + 1);
      rest.remove_prefix(end + 1);
      if (number == 1) {
        if (line != contents) {
          fail("{}: its columns are {}, not {}", path_.string(), printable(line.substr(0, end)),
               printable(contents.substr(0, contents.size() - 1)));
        }
        continue;
      }
      std::int64_t step = 0;
      if (std::from_chars(line.data(), line.data() + line.size(), step).ec != std::errc()) {
        fail("{}:{}: the step is not a number", path_.string(), number);
      }
      if (step <= *keep_steps) contents += line;
    }
  }
  write_file_atomically(path_, contents);
  file_.reset(std::fopen(path_.c_str(), "ae"));
  if (!file_) cannot_write(path_);
}

void CsvAppender::write(std::string row) {
  row += "\n";
  if (std::fwrite(row.data(), 1, row.size(), file_.get()) != row.size() || std::fflush(file_.get()) != 0) {
    cannot_write(path_);
  }
}

}  // namespace sg::apps

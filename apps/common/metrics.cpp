// Metrics: the rows of metrics.csv.
#include "apps/common/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include "apps/common/files.h"
#include "engine/error.h"

namespace sg::apps {
namespace {

std::string header_of(const std::vector<std::string>& test_columns) {
  std::string header = "step,epoch,seconds,train_loss";
  for (const std::string& column : test_columns) header += "," + column;
  return header + "\n";
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

/// Calls `function(line, number)` for each whole line.
template <class Function>
void for_each_line(std::string_view text, Function function) {
  for (std::int64_t number = 1;; ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return;
    function(text.substr(0, end), number);
    text.remove_prefix(end + 1);
  }
}

template <class T>
std::optional<T> number_of(std::string_view cell) {
  T value{};
  const auto result = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (result.ec != std::errc{} || result.ptr != cell.data() + cell.size()) return {};
  return value;
}

[[noreturn]] void cannot_write(const std::filesystem::path& path) {
  throw FileError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
}

}  // namespace

MetricsWriter::MetricsWriter(std::filesystem::path path, const std::vector<std::string>& test_columns, Dtype dtype,
                             std::optional<std::int64_t> keep_steps)
    : path_(std::move(path)), test_count_(test_columns.size()), digits_(dtype == f64 ? 17 : 9) {
  std::string contents = header_of(test_columns);
  if (keep_steps && std::filesystem::exists(path_)) {
    const std::string old = read_file(path_, std::size_t{1} << 32);
    for_each_line(old, [&](std::string_view line, std::int64_t number) {
      if (number == 1) {
        if (std::string(line) + "\n" != contents) {
          fail("{}: its columns are {}, not {}", path_.string(), line, contents.substr(0, contents.size() - 1));
        }
        return;
      }
      const auto step = number_of<std::int64_t>(cells_of(line).front());
      if (!step) fail("{}: line {}: the step is not a number", path_.string(), number);
      if (*step <= *keep_steps) contents.append(line).append("\n");
    });
  }
  write_file_atomically(path_, contents);
  file_.reset(std::fopen(path_.c_str(), "ae"));
  if (!file_) cannot_write(path_);
}

void MetricsWriter::write(const MetricsRow& row) {
  if (row.tests.size() > test_count_) fail("metrics: {} test figures for {} columns", row.tests.size(), test_count_);
  const auto show = [&](const std::optional<double>& value) {
    return value ? fmt::format("{:.{}g}", *value, digits_) : std::string();
  };
  std::string line = fmt::format("{},{},{},{}", row.step, row.epoch, show(row.seconds), show(row.train_loss));
  for (std::size_t i = 0; i < test_count_; ++i) {
    line += "," + (i < row.tests.size() ? show(row.tests[i]) : std::string());
  }
  line += "\n";
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() || std::fflush(file_.get()) != 0) {
    cannot_write(path_);
  }
}

std::size_t Metrics::column(const std::string& name) const {
  const auto found = std::find(test_columns.begin(), test_columns.end(), name);
  if (found == test_columns.end()) fail("metrics: no column {}", name);
  return static_cast<std::size_t>(found - test_columns.begin());
}

Metrics read_metrics(const std::filesystem::path& path) {
  const std::string text = read_file(path, std::size_t{1} << 32);
  Metrics metrics;
  bool has_header = false;
  for_each_line(text, [&](std::string_view line, std::int64_t number) {
    const auto cells = cells_of(line);
    if (number == 1) {
      has_header = true;
      if (cells.size() < 4 || !line.starts_with("step,epoch,seconds,train_loss")) {
        fail("{}: line 1: '{}' does not begin with step,epoch,seconds,train_loss", path.string(), line);
      }
      for (std::size_t i = 4; i < cells.size(); ++i) metrics.test_columns.emplace_back(cells[i]);
      return;
    }
    if (cells.size() != metrics.test_columns.size() + 4) {
      fail("{}: line {}: {} cells instead of {}", path.string(), number, cells.size(), metrics.test_columns.size() + 4);
    }
    const auto value = [&](std::size_t i) -> std::optional<double> {
      if (cells[i].empty()) return {};
      const auto parsed = number_of<double>(cells[i]);
      if (!parsed) fail("{}: line {}: '{}' is not a number", path.string(), number, cells[i]);
      return parsed;
    };
    MetricsRow row;
    row.step = static_cast<std::int64_t>(value(0).value_or(0));
    row.epoch = static_cast<std::int64_t>(value(1).value_or(0));
    row.seconds = value(2).value_or(0);
    row.train_loss = value(3);
    for (std::size_t i = 4; i < cells.size(); ++i) row.tests.push_back(value(i));
    metrics.rows.push_back(std::move(row));
  });
  if (!has_header) fail("{}: no header line", path.string());
  return metrics;
}

}  // namespace sg::apps

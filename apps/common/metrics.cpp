// Metrics: the rows of metrics.csv.
#include "apps/common/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace sg::apps {
namespace {

const std::vector<std::string> own_columns{"step", "epoch", "seconds", "train_loss"};

std::vector<std::string> all_columns(const std::vector<std::string>& test_columns) {
  std::vector<std::string> names = own_columns;
  names.insert(names.end(), test_columns.begin(), test_columns.end());
  return names;
}

}  // namespace

MetricsWriter::MetricsWriter(const std::filesystem::path& path, const std::vector<std::string>& test_columns,
                             Dtype dtype, std::optional<std::int64_t> keep_steps)
    : file_(path, all_columns(test_columns), keep_steps),
      test_count_(test_columns.size()),
      digits_(dtype == f64 ? 17 : 9) {}

void MetricsWriter::write(const MetricsRow& row) {
  if (row.tests.size() > test_count_) fail("metrics: {} test figures for {} columns", row.tests.size(), test_count_);
  const auto show = [&](const std::optional<double>& value) {
    return value ? fmt::format("{:.{}g}", *value, digits_) : std::string();
  };
  std::string line = fmt::format("{},{},{},{}", row.step, row.epoch, show(row.seconds), show(row.train_loss));
  for (std::size_t i = 0; i < test_count_; ++i) {
    line += "," + (i < row.tests.size() ? show(row.tests[i]) : std::string());
  }
  file_.write(line);
}

std::size_t Metrics::column(const std::string& name) const {
  const auto found = std::find(test_columns.begin(), test_columns.end(), name);
  if (found == test_columns.end()) fail("metrics: no column {}", name);
  return static_cast<std::size_t>(found - test_columns.begin());
}

Metrics read_metrics(const std::filesystem::path& path) {
  CsvReader csv(path, true);
  const std::vector<std::string>& names = csv.names();
  if (names.empty()) fail("{}: no header line", path.string());
  if (names.size() < 4 || !std::equal(own_columns.begin(), own_columns.end(), names.begin())) {
    fail("{}:1: the columns do not begin with step,epoch,seconds,train_loss", path.string());
  }
  Metrics metrics{{names.begin() + 4, names.end()}, {}};
  while (csv.next()) {
    const auto count = [&](std::size_t column) {
      const double value = csv.finite_number(column);
      if (!(value >= 0 && value <= 9e15)) fail("{}:{}: {} is no {}", path.string(), csv.line(), value, names[column]);
      return static_cast<std::int64_t>(value);
    };
    MetricsRow row{count(0), count(1), csv.finite_number(2), csv.number(3), {}};
    for (std::size_t i = 4; i < names.size(); ++i) row.tests.push_back(csv.number(i));
    metrics.rows.push_back(std::move(row));
  }
  return metrics;
}

}  // namespace sg::apps

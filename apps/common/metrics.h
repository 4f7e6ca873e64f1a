// Metrics: metrics.csv, written row by row and read back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/common/csv.h"
#include "engine/dtype.h"

namespace sg::apps {

/// One row: the columns step, epoch, seconds, train_loss, then the application's own. What was not measured is empty.
struct MetricsRow {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  double seconds = 0;
  std::optional<double> train_loss;
  std::vector<std::optional<double>> tests;
};

/// Appends rows to a file; each reaches the system when it is written.
class MetricsWriter {
 public:
  /// Begins the file with its header, or, when `keep_steps` is given, goes on after the rows of steps up to it and
  /// drops the others. Numbers get 9 significant digits, 17 in f64. Throws FileError when the file cannot be written.
  MetricsWriter(const std::filesystem::path& path, const std::vector<std::string>& test_columns, Dtype dtype,
                std::optional<std::int64_t> keep_steps = {});

  void write(const MetricsRow& row);

 private:
  CsvAppender file_;
  std::size_t test_count_;
  int digits_;
};

/// A metrics.csv in memory.
struct Metrics {
  std::vector<std::string> test_columns;
  std::vector<MetricsRow> rows;

  /// The position of a test column; throws when there is none of that name.
  std::size_t column(const std::string& name) const;
};

/// Reads the file; throws sg::Error that names the line which is wrong. A last line without its end is ignored.
Metrics read_metrics(const std::filesystem::path& path);

}  // namespace sg::apps

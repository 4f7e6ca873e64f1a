// Section: what an experiment hands over: claims, rows of its CSV file, and its part of the report.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "apps/common/report.h"

namespace sg::theory {

/// A statement with what the mathematics predicts and what was measured.
struct Claim {
  std::string experiment;
  std::string statement;
  double predicted = 0;  // or the bound
  double measured = 0;
  enum class Kind { equal, at_least, at_most } kind = Kind::equal;
  double tolerance = 0;  // equal: of the relative difference (of the difference where the prediction is 0)

  double difference() const;  // relative; of a bound the distance, negative on the wrong side
  bool holds() const;
};

apps::Table claims_table(const std::vector<Claim>& claims, bool name_experiments = true);
/// The same as CSV: experiment,statement,kind,predicted,measured,relative_difference,tolerance,holds.
std::string claims_csv(const std::vector<Claim>& claims);

class Section {
 public:
  Section(std::string name, std::string title, std::vector<std::string> columns)
      : name_(std::move(name)), title_(std::move(title)), columns_(std::move(columns)) {}

  const std::string& name() const { return name_; }

  void equal(const std::string& statement, double predicted, double measured, double tolerance);
  void at_least(const std::string& statement, double bound, double measured);
  void at_most(const std::string& statement, double bound, double measured);
  const std::vector<Claim>& claims() const { return claims_; }

  /// A row of the CSV file: numbers with all their digits; what is no number is an empty cell.
  template <class... Cells>
  void row(const Cells&... cells) {
    row(std::vector<std::string>{cell(cells)...});
  }
  void row(const std::vector<std::string>& cells);
  static std::string cell(double value);
  static std::string cell(std::int64_t value) { return std::to_string(value); }
  static std::string cell(const std::string& value) { return value; }
  static std::string cell(const char* value) { return value; }
  std::string csv() const;

  void paragraph(const std::string& text);
  void formula(const std::string& text);
  void table(const apps::Table& table, const std::string& caption);
  void chart(const apps::Chart& chart, const std::string& caption);
  void charts(const std::vector<apps::Chart>& charts, const std::string& caption);
  void heat_maps(const std::vector<apps::HeatMap>& maps, const std::string& caption);
  /// Adds the heading, all parts in their order, and the claims.
  void write(apps::Report& report) const;

 private:
  std::string name_, title_;
  std::vector<std::string> columns_;
  std::string rows_;
  std::vector<Claim> claims_;
  std::vector<std::function<void(apps::Report&)>> parts_;
};

}  // namespace sg::theory

// Section: claims, CSV and report.
#include "apps/theory/section.h"

#include <cmath>

namespace sg::theory {

namespace {

/// Bounds that are powers of ten, and figures near 0, as people write them: 1e-12.
std::string show(double value) {
  if (value != 0 && std::abs(value) < 1e-3) return fmt::format("{:.2g}", value);
  return apps::show_figure(value);
}

}  // namespace

double Claim::difference() const {
  const double scale = std::abs(predicted) > 0 ? std::abs(predicted) : 1;
  const double signed_part = (measured - predicted) / scale;
  if (kind == Kind::at_most) return -signed_part;
  return kind == Kind::equal ? std::abs(signed_part) : signed_part;
}

bool Claim::holds() const {
  if (kind == Kind::equal) return difference() <= tolerance;
  return difference() >= 0;
}

apps::Table claims_table(const std::vector<Claim>& claims, bool name_experiments) {
  apps::Table table{{"statement", "predicted", "measured", "relative difference", "holds"}, {}};
  for (const Claim& claim : claims) {
    const char* sign = claim.kind == Claim::Kind::at_least  ? "≥\u00a0"
                       : claim.kind == Claim::Kind::at_most ? "≤\u00a0"
                                                            : "";
    const bool equal = claim.kind == Claim::Kind::equal;
    table.rows.push_back({(name_experiments ? claim.experiment + ": " : "") + claim.statement,
                          sign + show(claim.predicted), show(claim.measured),
                          equal ? fmt::format("{:.1e}", claim.difference()) : "", claim.holds() ? "yes" : "NO"});
  }
  return table;
}

std::string claims_csv(const std::vector<Claim>& claims) {
  std::string text = "experiment,statement,kind,predicted,measured,relative_difference,tolerance,holds\n";
  for (const Claim& claim : claims) {
    const char* kind = claim.kind == Claim::Kind::at_least  ? "at_least"
                       : claim.kind == Claim::Kind::at_most ? "at_most"
                                                            : "equal";
    std::string quoted;
    for (const char c : claim.statement) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    text += fmt::format("{},\"{}\",{},{},{},{},{},{}\n", claim.experiment, quoted, kind, Section::cell(claim.predicted),
                        Section::cell(claim.measured), Section::cell(claim.difference()),
                        claim.kind == Claim::Kind::equal ? Section::cell(claim.tolerance) : "",
                        claim.holds() ? "yes" : "no");
  }
  return text;
}

void Section::equal(const std::string& statement, double predicted, double measured, double tolerance) {
  claims_.push_back({name_, statement, predicted, measured, Claim::Kind::equal, tolerance});
}
void Section::at_least(const std::string& statement, double bound, double measured) {
  claims_.push_back({name_, statement, bound, measured, Claim::Kind::at_least, 0});
}
void Section::at_most(const std::string& statement, double bound, double measured) {
  claims_.push_back({name_, statement, bound, measured, Claim::Kind::at_most, 0});
}

std::string Section::cell(double value) {
  return std::isfinite(value) ? fmt::format("{:.17g}", value) : std::isnan(value) ? "" : fmt::format("{}", value);
}

void Section::row(const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) rows_ += (i ? "," : "") + cells[i];
  rows_ += "\n";
}

std::string Section::csv() const {
  std::string text;
  for (const std::string& column : columns_) text += (text.empty() ? "" : ",") + column;
  return text + "\n" + rows_;
}

void Section::paragraph(const std::string& text) {
  parts_.push_back([=](apps::Report& report) { report.paragraph(text); });
}
void Section::formula(const std::string& text) {
  parts_.push_back([=](apps::Report& report) { report.formula(text); });
}
void Section::table(const apps::Table& table, const std::string& caption) {
  parts_.push_back([=](apps::Report& report) { report.table(table, caption); });
}
void Section::chart(const apps::Chart& chart, const std::string& caption) {
  parts_.push_back([=](apps::Report& report) { report.chart(chart, caption); });
}
void Section::charts(const std::vector<apps::Chart>& charts, const std::string& caption) {
  parts_.push_back([=](apps::Report& report) { report.charts(charts, caption); });
}
void Section::heat_maps(const std::vector<apps::HeatMap>& maps, const std::string& caption) {
  parts_.push_back([=](apps::Report& report) { report.heat_maps(maps, caption); });
}

void Section::write(apps::Report& report) const {
  report.heading(title_);
  for (const auto& part : parts_) part(report);
  if (!claims_.empty()) report.table(claims_table(claims_, false), "What is claimed and what came out");
}

}  // namespace sg::theory

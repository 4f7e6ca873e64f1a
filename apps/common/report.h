// Report: report.html, one page with everything in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/common/chart.h"
#include "apps/common/comparison.h"
#include "apps/common/table.h"

namespace sg::apps {

/// A page. Texts are plain and are escaped; only `html` takes markup.
class Report {
 public:
  /// `summary` is what one reads first: what was done and what came out.
  Report(std::string title, std::string summary);

  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void html(const std::string& markup) { body_ += markup + "\n"; }
  void table(const Table& table, const std::string& caption = "");
  void chart(const Chart& chart, const std::string& caption = "");
  /// Charts side by side where the page is wide enough.
  void charts(const std::vector<Chart>& charts, const std::string& caption = "");
  void heat_maps(const std::vector<HeatMap>& maps, const std::string& caption = "");
  /// Drawings in rows, several where the page is wide enough.
  void figures(const std::vector<Figure>& figures, const std::string& caption = "");
  /// A PNG file's bytes.
  void picture(const std::string& png, const std::string& caption);
  void formula(const std::string& text);

  /// The parts that every set of runs shows: the table and its reading, test curves of all losses by steps and
  /// seconds, the acceleration at every level and against the order, training losses. `column_label` says what the
  /// test column is.
  void comparison(const std::vector<Run>& runs, const std::string& column, const std::string& column_label);
  /// What each spectral loss weighs at the frequencies of n pixels a side.
  void weights(std::int64_t n, const std::vector<Loss>& losses, const Options& options);

  std::string page() const;
  /// Writes report.html into the folder.
  void write(const std::filesystem::path& folder) const;

 private:
  std::string title_;
  std::string summary_;
  std::string body_;
};

}  // namespace sg::apps

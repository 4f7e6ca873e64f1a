// Report: report.html, one page with everything in it, and the comparison of losses that it and the terminal show.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/common/chart.h"
#include "apps/common/metrics.h"
#include "apps/common/table.h"

namespace sg::apps {

/// One loss's run, by its metrics.csv.
struct RunCurve {
  std::string name;
  Metrics metrics;
};

/// The curves of a column over the steps, or over the seconds; `train_loss` is a column as well.
Chart curves_chart(const std::vector<RunCurve>& runs, const std::string& column, const std::string& label,
                   bool over_seconds = false);

/// How early a run got to where another one ended. Empty when it never did.
struct Acceleration {
  std::int64_t step;
  double seconds;
  double fewer_steps;  // the other's steps, divided by these
  double fewer_seconds;
};
/// When `run` first had a test figure at or below `reference`'s last one; smaller is better.
std::optional<Acceleration> acceleration(const Metrics& run, const Metrics& reference, const std::string& column);

/// The last measured figures of each loss, and the acceleration by `column` against the run named `l2` when there is
/// one.
Table final_table(const std::vector<RunCurve>& runs, const std::string& column);

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
  /// A PNG file's bytes.
  void picture(const std::string& png, const std::string& caption);
  void formula(const std::string& text);

  /// The parts that every training run shows: test curves of all losses, training loss, the table and its reading,
  /// options.
  void comparison(const std::vector<RunCurve>& runs, const std::string& column, const std::string& column_label);

  std::string page() const;
  /// Writes report.html into the folder.
  void write(const std::filesystem::path& folder) const;

 private:
  std::string title_;
  std::string summary_;
  std::string body_;
};

}  // namespace sg::apps

// Report: the comparison of losses, and the page.
#include "apps/common/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/common/files.h"
#include "apps/common/progress.h"
#include "engine/error.h"

namespace sg::apps {
namespace {

constexpr const char* style = R"(
:root { color-scheme: light dark; --text: #1b2530; --soft: #5a6875; --page: #fbfbfa; --card: #ffffff; --line: #d9dee3; --accent: #0b6cb8; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9ee; --soft: #a3afba; --page: #14181c; --card: #1c2228; --line: #343d46; --accent: #6db8f2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2.2rem 1.2rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .7rem; padding-top: .7rem; border-top: 1px solid var(--line); }
p { max-width: 46rem; margin: .5rem 0; }
.summary { font-size: 1.08rem; white-space: pre-line; border-left: 4px solid var(--accent); padding-left: .9rem; }
figure { margin: 1rem 0; padding: .9rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .5rem; }
.row { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); align-items: start; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
svg.chart { max-width: 760px; margin: 0 auto; } svg.map { max-width: 480px; margin: 0 auto; }
img { display: block; max-width: 100%; height: auto; image-rendering: pixelated; border-radius: 3px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; padding-left: 0; } thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 600; }
.formula { max-width: none; font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .95rem; overflow-x: auto; white-space: pre; }
footer { color: var(--soft); font-size: .88rem; margin-top: 3rem; }
)";

std::optional<double> value_of(const MetricsRow& row, const Metrics& metrics, const std::string& column) {
  if (column == "train_loss") return row.train_loss;
  return row.tests[metrics.column(column)];
}

/// The last row in which the column was measured.
const MetricsRow* last_measured(const Metrics& metrics, const std::string& column) {
  for (auto row = metrics.rows.rbegin(); row != metrics.rows.rend(); ++row) {
    if (value_of(*row, metrics, column)) return &*row;
  }
  return nullptr;
}

std::string show_factor(double factor) { return fmt::format("{:.{}f}×", factor, factor < 10 ? 2 : 1); }

const RunCurve* run_named(const std::vector<RunCurve>& runs, const std::string& name) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const RunCurve& run) { return run.name == name; });
  return found == runs.end() ? nullptr : &*found;
}

std::string figure(const std::string& inside, const std::string& caption) {
  return "<figure>" + inside + (caption.empty() ? "" : "<figcaption>" + escape_html(caption) + "</figcaption>") +
         "</figure>\n";
}

}  // namespace

Chart curves_chart(const std::vector<RunCurve>& runs, const std::string& column, const std::string& label,
                   bool over_seconds) {
  Chart chart;
  chart.x_label = over_seconds ? "seconds" : "step";
  chart.y_label = label;
  chart.log_y = true;
  for (const RunCurve& run : runs) {
    Series series;
    series.name = run.name;
    series.dashed = run.name == "l2";
    for (const MetricsRow& row : run.metrics.rows) {
      if (const auto value = value_of(row, run.metrics, column)) {
        series.x.push_back(over_seconds ? row.seconds : static_cast<double>(row.step));
        series.y.push_back(*value);
      }
    }
    // More points than a screen has columns only make the page heavy; one in each stretch keeps the shape.
    constexpr std::size_t most = 1500;
    if (const std::size_t count = series.x.size(); count > most) {
      for (std::size_t i = 0; i < most; ++i) {
        const std::size_t from = i == most - 1 ? count - 1 : i * count / most;
        series.x[i] = series.x[from], series.y[i] = series.y[from];
      }
      series.x.resize(most), series.y.resize(most);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

std::optional<Acceleration> acceleration(const Metrics& run, const Metrics& reference, const std::string& column) {
  const MetricsRow* end = last_measured(reference, column);
  if (!end) return {};
  const double target = *value_of(*end, reference, column);
  for (const MetricsRow& row : run.rows) {
    const auto value = value_of(row, run, column);
    if (!value || !(*value <= target)) continue;
    const double steps = static_cast<double>(std::max<std::int64_t>(1, row.step));
    return Acceleration{row.step, row.seconds, static_cast<double>(end->step) / steps,
                        end->seconds / std::max(row.seconds, 1e-9)};
  }
  return {};
}

Table final_table(const std::vector<RunCurve>& runs, const std::string& column) {
  Table table;
  table.header = {"loss", "steps", "seconds"};
  if (runs.empty()) return table;
  for (const std::string& name : runs.front().metrics.test_columns) table.header.push_back(name);
  const RunCurve* reference = runs.size() > 1 ? run_named(runs, "l2") : nullptr;
  if (reference) {
    table.header.push_back("fewer steps");
    table.header.push_back("fewer seconds");
  }
  for (const RunCurve& run : runs) {
    const Metrics& metrics = run.metrics;
    std::vector<std::string> row{run.name, "0", "0"};
    if (!metrics.rows.empty()) {
      row = {run.name, fmt::format("{}", metrics.rows.back().step), fmt::format("{:.1f}", metrics.rows.back().seconds)};
    }
    for (const std::string& name : metrics.test_columns) {
      const MetricsRow* last = last_measured(metrics, name);
      row.push_back(last ? show_figure(*value_of(*last, metrics, name)) : "");
    }
    if (reference == &run) {
      row.insert(row.end(), {"1", "1"});
    } else if (reference) {
      const auto gain = acceleration(metrics, reference->metrics, column);
      row.insert(row.end(), {gain ? show_factor(gain->fewer_steps) : "not reached",
                             gain ? show_factor(gain->fewer_seconds) : "not reached"});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Report::Report(std::string title, std::string summary) : title_(std::move(title)), summary_(std::move(summary)) {}

void Report::heading(const std::string& text) { body_ += "<h2>" + escape_html(text) + "</h2>\n"; }
void Report::paragraph(const std::string& text) { body_ += "<p>" + escape_html(text) + "</p>\n"; }
void Report::formula(const std::string& text) { body_ += "<p class=\"formula\">" + escape_html(text) + "</p>\n"; }
void Report::table(const Table& table, const std::string& caption) { body_ += figure(table.to_html(), caption); }
void Report::chart(const Chart& chart, const std::string& caption) { body_ += figure(chart_svg(chart), caption); }

void Report::charts(const std::vector<Chart>& charts, const std::string& caption) {
  std::string inside = "<div class=\"row\">";
  for (Chart chart : charts) {
    if (chart.width > 520) {
      chart.width = 520, chart.height = 360;  // drawn small, so that the numbers stay readable side by side
    }
    inside += chart_svg(chart);
  }
  body_ += figure(inside + "</div>", caption);
}

void Report::heat_maps(const std::vector<HeatMap>& maps, const std::string& caption) {
  std::string inside = "<div class=\"row\">";
  for (const HeatMap& map : maps) inside += heat_map_svg(map);
  body_ += figure(inside + "</div>", caption);
}

void Report::picture(const std::string& png, const std::string& caption) {
  body_ += figure("<img src=\"" + png_uri(png) + "\" alt=\"" + escape_html(caption) + "\">", caption);
}

void Report::comparison(const std::vector<RunCurve>& runs, const std::string& column, const std::string& column_label) {
  heading("Final figures");
  table(final_table(runs, column));
  const RunCurve* reference = run_named(runs, "l2");
  if (reference && runs.size() > 1) {
    for (const RunCurve& run : runs) {
      if (&run == reference) continue;
      if (const auto gain = acceleration(run.metrics, reference->metrics, column)) {
        paragraph(
            fmt::format("{} reaches the L2 run's final {} at step {}, after {}: {} fewer steps, {} fewer seconds.",
                        run.name, column, gain->step, show_duration(gain->seconds), show_factor(gain->fewer_steps),
                        show_factor(gain->fewer_seconds)));
      } else {
        paragraph(fmt::format("{} does not reach the L2 run's final {}.", run.name, column));
      }
    }
  }
  heading("Curves");
  chart(curves_chart(runs, column, column_label), "Test error after each evaluation, logarithmic scale");
  Chart by_time = curves_chart(runs, column, column_label, true);
  Chart training = curves_chart(runs, "train_loss", "training loss");
  charts({by_time, training},
         runs.size() > 1
             ? "The same over seconds of training; and each run's own training loss, which differ in meaning"
             : "The same over seconds of training; and the training loss");
}

std::string Report::page() const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n<p class=\"summary\">{2}</p>\n{3}"
      "<footer>Sobograd {4}</footer>\n</main>\n</body>\n</html>\n",
      escape_html(title_), style, escape_html(summary_), body_, SOBOGRAD_VERSION);
}

void Report::write(const std::filesystem::path& folder) const { write_file_atomically(folder / "report.html", page()); }

}  // namespace sg::apps

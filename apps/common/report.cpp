// Report: the page, and what it shows of every set of runs.
#include "apps/common/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

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

std::string figure(const std::string& inside, const std::string& caption) {
  return "<figure>" + inside + (caption.empty() ? "" : "<figcaption>" + escape_html(caption) + "</figcaption>") +
         "</figure>\n";
}

}  // namespace

Report::Report(std::string title, std::string summary) : title_(std::move(title)), summary_(std::move(summary)) {}

void Report::heading(const std::string& text) { body_ += "<h2>" + escape_html(text) + "</h2>\n"; }
void Report::paragraph(const std::string& text) { body_ += "<p>" + escape_html(text) + "</p>\n"; }
void Report::formula(const std::string& text) { body_ += "<p class=\"formula\">" + escape_html(text) + "</p>\n"; }
void Report::table(const Table& table, const std::string& caption) { body_ += figure(table.to_html(), caption); }
void Report::chart(const Chart& chart, const std::string& caption) { body_ += figure(figure_svg(chart), caption); }

void Report::charts(const std::vector<Chart>& charts, const std::string& caption) {
  figures({charts.begin(), charts.end()}, caption);
}

void Report::heat_maps(const std::vector<HeatMap>& maps, const std::string& caption) {
  figures({maps.begin(), maps.end()}, caption);
}

void Report::figures(const std::vector<Figure>& figures, const std::string& caption) {
  std::string inside = "<div class=\"row\">";
  for (Figure drawing : figures) {
    if (Chart* chart = std::get_if<Chart>(&drawing); chart && chart->width > 520) {
      chart->width = 520, chart->height = 360;  // drawn small, so that the numbers stay readable side by side
    }
    inside += figure_svg(drawing);
  }
  body_ += figure(inside + "</div>", caption);
}

void Report::picture(const std::string& png, const std::string& caption) {
  body_ += figure("<img src=\"" + png_uri(png) + "\" alt=\"" + escape_html(caption) + "\">", caption);
}

void Report::comparison(const std::vector<Run>& runs, const std::string& column, const std::string& column_label) {
  const auto several = [&] { return by_loss(runs).front().size() > 1; };
  heading("Final figures");
  table(final_table(runs, column), several() ? "Medians over the seeds, lower and upper quartiles in brackets; a run "
                                               "that never got to the L2 run's end counts as never"
                                             : "");
  for (const RunsOfLoss& loss : by_loss(runs)) {
    const Run& first = *loss[0];
    const auto gain = first.loss.name == "l2" ? std::nullopt : set_acceleration(runs, loss, column);
    if (!gain) continue;
    const std::string name = (first.group.empty() ? "" : first.group + ": ") + first.loss.name;
    if (gain->runs > 1) {
      paragraph(
          fmt::format("{} reaches the L2 run's final {} in {} of {} runs; {}.", name, column, gain->reached, gain->runs,
                      gain->steps.median > 0 ? fmt::format("the median takes {:.2f}× fewer steps", gain->steps.median)
                                             : "the median never does"));
    } else if (const auto one = acceleration(first.metrics, reference_of(runs, first)->metrics, column)) {
      paragraph(
          fmt::format("{} reaches the L2 run's final {} at step {}, after {}: {:.2f}× fewer steps, {:.2f}× fewer "
                      "seconds.",
                      name, column, one->step, show_duration(one->seconds), one->fewer_steps, one->fewer_seconds));
    } else {
      paragraph(fmt::format("{} does not reach the L2 run's final {}.", name, column));
    }
  }
  std::vector<std::string> groups;
  for (const Run& run : runs) {
    if (std::find(groups.begin(), groups.end(), run.group) == groups.end()) groups.push_back(run.group);
  }
  for (const std::string& group : groups) {
    std::vector<Run> own;
    std::copy_if(runs.begin(), runs.end(), std::back_inserter(own), [&](const Run& run) { return run.group == group; });
    heading(group.empty() ? "Curves" : "Curves: " + group);
    chart(curves_chart(own, column, column_label),
          several()
              ? "Test error, logarithmic scale: medians, bands from the lower to the upper quartile, all runs thin"
              : "Test error after each evaluation, logarithmic scale");
    charts({curves_chart(own, column, column_label, true), curves_chart(own, "train_loss", "training loss")},
           "The same over seconds of training; and each run's own training loss, which differ in meaning");
    if (const Chart by_steps = acceleration_chart(own, column, column_label); !by_steps.series.empty()) {
      heading(group.empty() ? "Acceleration at every level" : "Acceleration at every level: " + group);
      charts({by_steps, acceleration_chart(own, column, column_label, true)},
             "For each error that both runs of a seed reach: how many times the loss's steps, and seconds, L2 takes to "
             "it; above 1 the loss is ahead. Early in training errors are high, so time runs from right to left");
    }
    if (const auto orders = order_chart(own, column)) {
      chart(*orders, "Acceleration against the order of the loss, at the L2 run's end");
    }
  }
}

void Report::weights(std::int64_t n, const std::vector<Loss>& losses, const Options& options) {
  heading("What the losses weigh");
  table(weights_table(n, losses, options),
        fmt::format("The weight (1 + (L xi)^2)^s of the frequency k of {} samples along an axis, mean of k and n - k, "
                    "which a real residual cannot tell apart; {} frequencies, L = {}",
                    n, options.hs_frequencies, options.hs_length));
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

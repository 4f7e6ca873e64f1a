// Summary: the table, the pictures that compare runs, and the report.
#include "apps/regression/summary.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "apps/common/files.h"
#include "apps/common/report.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;

std::string show_seconds(double seconds) { return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 2 : 1); }
std::string show_factor(double factor) { return fmt::format("{:.{}f}x", factor, factor < 10 ? 2 : 1); }
std::string show_error(double value) { return std::isnan(value) ? "-" : apps::show_figure(value); }

const FinishedRun* reference_of(const std::vector<FinishedRun>& runs, const FinishedRun& run) {
  for (const FinishedRun& other : runs) {
    if (other.group == run.group && other.loss == "l2" && run.loss != "l2") return &other;
  }
  return nullptr;
}

apps::Table accelerations(const std::vector<FinishedRun>& runs) {
  const bool groups = !runs.front().group.empty();
  apps::Table table{
      {"loss", "steps", "seconds", "test_l2", "test_h1", "passes l2's end at", "after", "fewer steps", "less time"},
      {}};
  if (groups) table.header.insert(table.header.begin(), "network");
  for (const FinishedRun& run : runs) {
    std::vector<std::string> row;
    if (groups) row.push_back(run.group);
    row.insert(row.end(), {run.loss, std::to_string(run.outcome.step), show_seconds(run.outcome.seconds),
                           show_error(run.outcome.errors.l2), show_error(run.outcome.errors.h1)});
    const FinishedRun* reference = reference_of(runs, run);
    if (!reference) {
      row.insert(row.end(), 4, "");
    } else if (const auto gain = apps::acceleration(run.metrics, reference->metrics, "test_l2")) {
      row.insert(row.end(), {fmt::format("step {}", gain->step), show_seconds(gain->seconds),
                             show_factor(gain->fewer_steps), show_factor(gain->fewer_seconds)});
    } else {
      row.insert(row.end(), {"never", "", "", ""});
    }
    table.rows.push_back(row);
  }
  return table;
}

apps::Table thresholds(const std::vector<FinishedRun>& runs) {
  apps::Table table{{"loss and derivatives", "steps", "seconds", "test_l2", "to 1e-3", "to 1e-4", "to 1e-5"}, {}};
  for (const FinishedRun& run : runs) {
    std::vector<std::string> row{run.loss, std::to_string(run.outcome.step), show_seconds(run.outcome.seconds),
                                 show_error(run.outcome.errors.l2)};
    for (const double level : {1e-3, 1e-4, 1e-5}) {
      const Reached reached = first_below(run.metrics, level);
      row.push_back(reached.reached ? fmt::format("step {}, {}", reached.step, show_seconds(reached.seconds))
                                    : "not reached");
    }
    table.rows.push_back(row);
  }
  return table;
}

/// The error of each frequency by step, from a run's file of figures.
HeatMap spectrum_map(const FinishedRun& run, const std::string& file) {
  std::istringstream lines(apps::read_file(run.folder / file, std::size_t{1} << 30));
  std::string line;
  std::getline(lines, line);
  std::vector<std::vector<double>> evaluations;
  double last_step = 1;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    std::getline(cells, cell, ',');
    last_step = std::strtod(cell.c_str(), nullptr);
    evaluations.emplace_back();
    while (std::getline(cells, cell, ',')) evaluations.back().push_back(std::strtod(cell.c_str(), nullptr));
  }
  HeatMap map;
  map.title = run.loss;
  map.columns = static_cast<int>(evaluations.size());
  map.rows = evaluations.empty() ? 0 : static_cast<int>(evaluations[0].size());
  for (int k = 0; k < map.rows; ++k) {
    for (const auto& row : evaluations) map.values.push_back(row.at(k));
  }
  map.x_first = 0;
  map.x_last = last_step;
  map.y_first = 0.5;
  map.y_last = map.rows + 0.5;
  map.low = 1e-3;
  map.high = 1;
  map.logarithmic = true;
  map.x_label = "step";
  map.y_label = "k";
  return map;
}

}  // namespace

Reached first_below(const apps::Metrics& metrics, double level) {
  const std::size_t column = metrics.column("test_l2");
  for (const apps::MetricsRow& row : metrics.rows) {
    if (row.tests[column] && *row.tests[column] <= level) return {true, row.step, row.seconds};
  }
  return {};
}

void summarise(const Settings& settings, const Task& task, const fs::path& folder,
               const std::vector<FinishedRun>& runs) {
  const apps::Table table = settings.task == "derivatives" ? thresholds(runs) : accelerations(runs);
  apps::Report report("regression: " + settings.task,
                      fmt::format("{}\n{} training points, {} test points, seed {}.", task.description,
                                  task.train_points, task.test_points, settings.common.seed));
  for (const std::string& notice : task.notices) report.paragraph("Note: " + notice + ".");
  report.heading("Final figures");
  report.table(table,
               "Relative errors on the test points: test_l2 of the values, test_h1 of the first derivatives. Seconds "
               "count training alone.");
  for (const FinishedRun& run : runs) {
    if (run.outcome.lbfgs_stop.empty()) continue;
    report.paragraph(
        fmt::format("{}{}: {}.", run.group.empty() ? "" : run.group + ", ", run.loss, run.outcome.lbfgs_stop));
  }
  if (settings.task != "derivatives") {
    for (const FinishedRun& run : runs) {
      if (const FinishedRun* reference = reference_of(runs, run)) {
        const std::string who = run.group.empty() ? run.loss : run.group + ", " + run.loss;
        if (const auto gain = apps::acceleration(run.metrics, reference->metrics, "test_l2")) {
          report.paragraph(fmt::format(
              "{}: reaches the L2 run's final error {} at step {}, with {} fewer steps and in {} less time.", who,
              show_error(reference->outcome.errors.l2), gain->step, show_factor(gain->fewer_steps),
              show_factor(gain->fewer_seconds)));
        } else {
          report.paragraph(fmt::format("{}: does not reach the L2 run's final error {}.", who,
                                       show_error(reference->outcome.errors.l2)));
        }
      }
    }
  }

  std::vector<std::string> groups;
  for (const FinishedRun& run : runs) {
    if (std::find(groups.begin(), groups.end(), run.group) == groups.end()) groups.push_back(run.group);
  }
  const std::int64_t switch_step =
      settings.optimizer == "adam+lbfgs" ? length_of(settings, task.train_points).gradient_steps : 0;
  for (const std::string& group : groups) {
    report.heading(group.empty() ? "Curves" : "Curves: " + group);
    std::vector<apps::RunCurve> curves;
    for (const FinishedRun& run : runs) {
      if (run.group == group) curves.push_back({run.loss, run.metrics});
    }
    apps::Chart by_step = apps::curves_chart(curves, "test_l2", "relative L2 error");
    if (switch_step > 0) {
      // A vertical line where L-BFGS takes over.
      double low = 1, high = 1e-12;
      for (const apps::Series& series : by_step.series) {
        for (const double y : series.y) {
          if (y > 0) low = std::min(low, y), high = std::max(high, y);
        }
      }
      const auto at = static_cast<double>(switch_step);
      by_step.series.push_back({"L-BFGS begins", {at, at}, {low, high}, true, false});
    }
    report.chart(by_step, "Relative error of the values on the test points, by step");
    std::vector<apps::Chart> more{apps::curves_chart(curves, "test_l2", "relative L2 error", true),
                                  apps::curves_chart(curves, "train_loss", "training loss")};
    if (!std::isnan(runs.front().outcome.errors.h1)) {
      more.push_back(apps::curves_chart(curves, "test_h1", "relative error of the gradient"));
    }
    report.charts(more,
                  "The same by seconds of training; each run's own training loss, which differ in meaning; and the "
                  "first derivatives' error, "
                  "where they are known");
    std::vector<Picture> pictures;
    for (const FinishedRun& run : runs) {
      if (run.group == group) pictures.push_back(run.outcome.picture);
    }
    const std::string file = group.empty() ? "comparison.png" : group + "/comparison.png";
    write_png(folder / file, draw_together(pictures));
    report.picture(apps::read_file(folder / file, std::size_t{1} << 28), "What the runs learned, side by side");
  }
  if (!task.figures_file.empty()) {
    std::vector<HeatMap> maps;
    for (const FinishedRun& run : runs) maps.push_back(spectrum_map(run, task.figures_file));
    if (std::all_of(maps.begin(), maps.end(), [](const HeatMap& map) { return !map.values.empty(); })) {
      const Canvas canvas = draw_maps({maps}, 300);
      write_png(folder / "spectrum.png", canvas);
      report.heading("Which frequencies are learned when");
      report.picture(apps::read_file(folder / "spectrum.png", std::size_t{1} << 28),
                     "The residual's Fourier coefficient at each frequency k, in parts of the target's, by step");
    }
  }
  report.write(folder);
  fmt::print("{}\n{}report: {}\n", task.description, table.to_text(), (folder / "report.html").string());
}

}  // namespace sg::regression

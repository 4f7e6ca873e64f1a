// Summary: the table, the pictures that compare runs, and the report.
#include "apps/regression/summary.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "apps/common/files.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;

/// Cells as lines of text, columns padded.
std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += i < 2 ? fmt::format("{:<{}}  ", row[i], widths[i]) : fmt::format("{:>{}}  ", row[i], widths[i]);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    text += line + "\n";
  }
  return text;
}

std::string show_error(double value) { return std::isnan(value) ? "-" : fmt::format("{:.3g}", value); }
std::string show_seconds(double seconds) { return fmt::format("{:.{}f}", seconds, seconds < 10 ? 2 : 1); }

std::vector<std::vector<std::string>> accelerations(const std::vector<FinishedRun>& runs, const std::vector<apps::Metrics>& metrics) {
  std::vector<std::vector<std::string>> rows{
      {"network", "loss", "steps", "seconds", "test_l2", "test_h1", "l2's end at step", "at second", "fewer steps", "less time"}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const FinishedRun& run = runs[i];
    std::vector<std::string> row{run.group.empty() ? "-" : run.group, run.loss, std::to_string(run.outcome.step), show_seconds(run.outcome.seconds),
                                 show_error(run.outcome.errors.l2), show_error(run.outcome.errors.h1)};
    const auto base = std::find_if(runs.begin(), runs.end(), [&](const FinishedRun& r) { return r.group == run.group && r.loss == "l2"; });
    if (base == runs.end() || run.loss == "l2") {
      row.insert(row.end(), 4, "-");
    } else {
      const Reached reached = first_below(metrics[i], base->outcome.errors.l2);
      if (reached.reached) {
        row.push_back(std::to_string(reached.step));
        row.push_back(show_seconds(reached.seconds));
        row.push_back(fmt::format("{:.2f}x", static_cast<double>(base->outcome.step) / static_cast<double>(reached.step)));
        row.push_back(fmt::format("{:.2f}x", base->outcome.seconds / std::max(1e-9, reached.seconds)));
      } else {
        row.push_back("not reached");
        row.insert(row.end(), 3, "-");
      }
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::vector<std::string>> thresholds(const std::vector<FinishedRun>& runs, const std::vector<apps::Metrics>& metrics) {
  std::vector<std::vector<std::string>> rows{{"loss", "derivatives", "steps", "seconds", "test_l2", "to 1e-3", "to 1e-4", "to 1e-5"}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::size_t dash = runs[i].loss.find('-');
    std::vector<std::string> row{runs[i].loss.substr(0, dash), dash == std::string::npos ? "-" : runs[i].loss.substr(dash + 1),
                                 std::to_string(runs[i].outcome.step), show_seconds(runs[i].outcome.seconds), show_error(runs[i].outcome.errors.l2)};
    for (const double level : {1e-3, 1e-4, 1e-5}) {
      const Reached reached = first_below(metrics[i], level);
      row.push_back(reached.reached ? fmt::format("{} ({} s)", reached.step, show_seconds(reached.seconds)) : "not reached");
    }
    rows.push_back(row);
  }
  return rows;
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
  for (int k = 0; k < map.rows; ++k)
    for (const auto& row : evaluations) map.values.push_back(row.at(k));
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
  for (const apps::MetricsRow& row : metrics.rows)
    if (row.tests[column] && *row.tests[column] <= level) return {true, row.step, row.seconds};
  return {};
}

void summarise(const Settings& settings, const Task& task, const fs::path& folder, const std::vector<FinishedRun>& runs) {
  std::vector<apps::Metrics> metrics;
  for (const FinishedRun& run : runs) metrics.push_back(apps::read_metrics(run.folder / "metrics.csv"));
  const auto table = settings.task == "derivatives" ? thresholds(runs, metrics) : accelerations(runs, metrics);

  std::vector<std::string> groups;
  for (const FinishedRun& run : runs)
    if (std::find(groups.begin(), groups.end(), run.group) == groups.end()) groups.push_back(run.group);
  for (const std::string& group : groups) {
    Panel panel{fmt::format("relative L2 error on the test points by step{}{}", group.empty() ? "" : ", ", group), {}, {}, {}, true};
    std::size_t color = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].group != group) continue;
      Curve curve{runs[i].loss, {}, curve_color(color++), 2, {}};
      for (const apps::MetricsRow& row : metrics[i].rows) {
        if (!row.tests[0]) continue;
        curve.x.push_back(static_cast<double>(row.step));
        curve.y.push_back(*row.tests[0]);
      }
      panel.curves.push_back(curve);
    }
    if (settings.optimizer == "adam+lbfgs") panel.marks.push_back(static_cast<double>(length_of(settings, task.train_points).gradient_steps));
    write_png(folder / (group.empty() ? "curves.png" : fmt::format("curves-{}.png", group)), draw_panels({panel}, 1000, 400));
  }
  if (!task.figures_file.empty()) {
    std::vector<HeatMap> maps;
    for (const FinishedRun& run : runs) maps.push_back(spectrum_map(run, task.figures_file));
    if (std::all_of(maps.begin(), maps.end(), [](const HeatMap& map) { return !map.values.empty(); }))
      write_png(folder / "spectrum.png", draw_maps(maps, 300));
  }
  fmt::print("{}\n{}", task.description, text_table(table));
  fmt::print("written to {}\n", folder.string());
}

}  // namespace sg::regression

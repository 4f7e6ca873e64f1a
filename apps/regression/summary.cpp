// Summary: the table, the pictures that compare runs, and the report.
#include "apps/regression/summary.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "apps/common/csv.h"
#include "apps/common/files.h"
#include "apps/common/report.h"
#include "apps/common/values.h"

namespace sg::regression {

namespace {

namespace fs = std::filesystem;

apps::Table thresholds(const std::vector<apps::Run>& runs) {
  apps::Table table{{"loss and derivatives", "steps", "seconds", "test_l2", "to 1e-3", "to 1e-4", "to 1e-5"}, {}};
  for (const apps::RunsOfLoss& loss : apps::by_loss(runs)) {
    std::vector<double> steps, seconds;
    for (const apps::Run* run : loss) {
      steps.push_back(static_cast<double>(run->metrics.rows.back().step));
      seconds.push_back(run->metrics.rows.back().seconds);
    }
    std::vector<std::string> row{loss[0]->loss.name, fmt::format("{:.0f}", apps::median(steps)),
                                 fmt::format("{:.1f}", apps::median(seconds)),
                                 apps::show_quartiles(apps::final_figures(loss, "test_l2"))};
    for (const double level : {1e-3, 1e-4, 1e-5}) {
      std::vector<double> to_steps, to_seconds;
      for (const apps::Run* run : loss) {
        if (const Reached reached = first_below(run->metrics, level); reached.reached) {
          to_steps.push_back(static_cast<double>(reached.step));
          to_seconds.push_back(reached.seconds);
        }
      }
      row.push_back(to_steps.empty()
                        ? "not reached"
                        : fmt::format("step {:.0f}, {:.1f} s{}", apps::median(to_steps), apps::median(to_seconds),
                                      loss.size() > 1 ? fmt::format(" ({} of {})", to_steps.size(), loss.size()) : ""));
    }
    table.rows.push_back(row);
  }
  return table;
}

/// The error of each frequency by step, from a run's file of figures.
apps::HeatMap spectrum_map(const apps::Run& run) {
  apps::CsvReader csv(run.folder / "spectrum.csv", true);
  const auto tones = static_cast<std::int64_t>(csv.names().size()) - 1;
  std::vector<std::vector<double>> evaluations;
  double last_step = 1;
  while (csv.next()) {
    last_step = csv.finite_number(0);
    evaluations.emplace_back();
    for (std::int64_t k = 1; k <= tones; ++k) evaluations.back().push_back(csv.number(k).value_or(NAN));
  }
  apps::HeatMap map{run.loss.name, "step", "k", tones, static_cast<std::int64_t>(evaluations.size()), {}};
  for (std::int64_t k = 0; k < tones; ++k) {
    for (const auto& row : evaluations) map.values.push_back(row[k]);
  }
  map.x_high = last_step;
  map.y_low = 0.5, map.y_high = static_cast<double>(tones) + 0.5;
  map.low = 1e-3, map.high = 1;
  map.log_values = true;
  return map;
}

/// The pictures of several runs on one target: curves in one chart, maps row by row.
Picture together(const std::vector<Picture>& pictures) {
  Picture all = pictures.front();
  for (std::size_t i = 1; i < pictures.size(); ++i) {
    for (std::size_t k = 0; k < pictures[i].size(); ++k) {
      if (auto* chart = std::get_if<apps::Chart>(&all[k])) {
        chart->series.push_back(std::get<apps::Chart>(pictures[i][k]).series.back());
      } else {
        all.push_back(pictures[i][k]);
      }
    }
  }
  return all;
}

}  // namespace

Reached first_below(const apps::Metrics& metrics, double level) {
  const std::size_t column = metrics.column("test_l2");
  for (const apps::MetricsRow& row : metrics.rows) {
    if (row.tests[column] && *row.tests[column] <= level) return {true, row.step, row.seconds};
  }
  return {};
}

void write_png(const fs::path& path, const Picture& picture) {
  const bool maps = std::holds_alternative<apps::HeatMap>(picture.front());
  const std::string png = apps::figures_png(picture, maps ? 3 : 1, maps ? 340 : 1000, 300);
  if (png.empty()) return;
  // With several seeds a group has folders within those of the seeds, and none of its own yet.
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  apps::write_file_atomically(path, png);
}

void summarise(const Settings& settings, const Task& task, const fs::path& folder, const std::vector<apps::Run>& runs,
               const std::map<fs::path, Picture>& pictures) {
  const apps::Table table = settings.task == "derivatives" ? thresholds(runs) : apps::final_table(runs, "test_l2");
  apps::Report report("regression " + settings.task,
                      fmt::format("{}\n{} training points, {} test points, {}, weights {}.", task.description,
                                  task.train_points, task.test_points,
                                  apps::counted(static_cast<std::int64_t>(settings.common.seed_list().size()), "seed"),
                                  settings.weights));
  for (const std::string& notice : task.notices) report.paragraph("Note: " + notice + ".");
  if (settings.task == "derivatives") {
    report.heading("How soon the values are good to a level");
    report.table(table,
                 "The first evaluation at or below each relative L2 error; medians over the seeds that got there");
  }
  if (settings.optimizer == "adam+lbfgs") {
    report.paragraph(
        fmt::format("L-BFGS takes over after step {}.", length_of(settings, task.train_points).gradient_steps));
  }
  report.comparison(runs, "test_l2", "relative L2 error of the values");
  if (!apps::final_figures(apps::by_loss(runs).front(), "test_h1").empty()) {
    report.chart(apps::curves_chart(runs, "test_h1", "relative error of the first derivatives"));
  }
  std::vector<apps::Loss> spectral;
  std::copy_if(settings.losses.begin(), settings.losses.end(), std::back_inserter(spectral),
               [](const apps::Loss& loss) { return loss.kind == "hs"; });
  if (!spectral.empty()) report.weights(task.train_points, spectral, settings.common);
  report.heading("What the runs learned");
  for (const std::string& group : task.groups) {
    std::vector<Picture> own;
    for (const apps::Run& run : runs) {
      const auto found = pictures.find(run.folder);
      if (run.group == group && found != pictures.end()) own.push_back(found->second);
    }
    if (own.empty()) continue;
    const Picture all = together(own);
    write_png(folder / group / "comparison.png", all);
    report.figures(all, group);
  }
  if (settings.task == "spectrum") {
    Picture maps;
    for (const apps::Run& run : runs) {
      if (run.seed == runs.front().seed) maps.push_back(spectrum_map(run));
    }
    write_png(folder / "spectrum.png", maps);
    report.heading("Which frequencies are learned when");
    report.figures(maps, "The residual's Fourier coefficient at each frequency k, in parts of the target's, by step");
  }
  report.write(folder);
  if (!settings.common.quiet) fmt::print("{}\n{}", task.description, table.to_text());
  fmt::print("report: {}\n", (folder / "report.html").string());
}

}  // namespace sg::regression

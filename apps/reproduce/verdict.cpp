// Verdict: reading runs, and the rules.
#include "apps/reproduce/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "apps/common/csv.h"

namespace sg::reproduce {

namespace {

namespace fs = std::filesystem;

apps::Loss loss_named(const std::string& name) {
  apps::Loss loss{name, name, 0};
  if (name == "h1" || name.starts_with("h1-")) loss = {name, "h1", 1};
  if (name == "h2") loss.s = 2;
  if (name.starts_with("hs")) loss = {name, "hs", std::stod(name.substr(2))};
  return loss;
}

void add_row(Findings& findings, std::vector<std::string> cells, bool holds) {
  cells.push_back(holds ? "yes" : "no");
  findings.table.rows.push_back(std::move(cells));
  findings.holds += holds;
  ++findings.statements;
}

std::string name_of(const Step& step, const apps::Run& run) {
  return step.name + (run.group.empty() ? "" : ", " + run.group) + ", " + run.loss.name;
}

void by_acceleration(const Figure& figure, const Step& step, const std::vector<apps::Run>& runs, Findings& findings) {
  findings.table.header = {"run", "final error", "L2's", "reaches it", "fewer steps", "fewer seconds", "holds"};
  for (const apps::RunsOfLoss& loss : apps::by_loss(runs)) {
    const auto gain = apps::set_acceleration(runs, loss, figure.column);
    if (!gain) continue;
    apps::RunsOfLoss references;
    for (const apps::Run* run : loss) references.push_back(apps::reference_of(runs, *run));
    const bool holds = 5 * gain->reached >= 4 * gain->runs && gain->steps.median > 1.1;
    add_row(findings,
            {name_of(step, *loss[0]), apps::show_quartiles(apps::final_figures(loss, figure.column)),
             apps::show_quartiles(apps::final_figures(references, figure.column)),
             fmt::format("{} of {}", gain->reached, gain->runs), apps::show_factors(gain->steps),
             apps::show_factors(gain->seconds)},
            holds);
  }
}

void by_final_error(const Figure& figure, const Step& step, const std::vector<apps::Run>& runs, Findings& findings) {
  findings.table.header = {"run", "final error", "L2's", "holds"};
  for (const apps::RunsOfLoss& loss : apps::by_loss(runs)) {
    if (loss[0]->loss.name == "l2") continue;
    apps::RunsOfLoss references;
    for (const apps::Run* run : loss) {
      if (const apps::Run* reference = apps::reference_of(runs, *run)) references.push_back(reference);
    }
    const std::vector<double> own = apps::final_figures(loss, figure.column),
                              other = apps::final_figures(references, figure.column);
    add_row(findings, {name_of(step, *loss[0]), apps::show_quartiles(own), apps::show_quartiles(other)},
            apps::median(own) < apps::median(other));
  }
}

/// How much later the three highest tones are half learned (their error has fallen to a half) than the three lowest: a
/// quotient of mean steps; infinite when a high one never was.
double spectral_bias(const apps::Run& run) {
  constexpr std::size_t tones = 3;
  apps::CsvReader csv(run.folder / "spectrum.csv", true);
  const std::size_t columns = csv.names().size();  // the step, then the tones by frequency
  std::vector<double> steps(columns, std::numeric_limits<double>::infinity());
  while (csv.next()) {
    for (std::size_t i = 1; i < columns; ++i) {
      if (csv.number(i).value_or(1) <= 0.5) steps[i] = std::min(steps[i], csv.finite_number(0));
    }
  }
  if (columns <= 2 * tones) fail("reproduce: {}: {} tones are too few", run.folder.string(), columns - 1);
  const double low = std::accumulate(steps.begin() + 1, steps.begin() + 1 + tones, 0.0),
               high = std::accumulate(steps.end() - tones, steps.end(), 0.0);
  return std::isinf(high) ? high : high / low;
}

void by_frequencies(const Step& step, const std::vector<apps::Run>& runs, Findings& findings) {
  findings.table.header = {"run", "steps to half of the three highest tones, over those of the three lowest", "holds"};
  std::map<double, std::vector<double>> quotients;
  for (const apps::Run& run : runs) quotients[run.loss.s].push_back(spectral_bias(run));
  double before = std::numeric_limits<double>::infinity();
  for (const auto& [s, values] : quotients) {
    const double middle = apps::median(values);
    const std::vector<std::string> cells{fmt::format("{}, s = {}", step.name, s), apps::show_quartiles(values)};
    if (s == quotients.begin()->first) {
      findings.table.rows.push_back({cells[0], cells[1], ""});
    } else {
      add_row(findings, cells, middle < before);
    }
    before = middle;
  }
}

void by_theorems(const fs::path& folder, Findings& findings) {
  findings.table.header = {"statements of the run", "hold", "holds"};
  std::map<std::string, std::pair<int, int>> counts;  // by experiment: hold, all
  apps::CsvReader csv(folder / "summary.csv", true);
  while (csv.next()) {
    auto& [holds, all] = counts[std::string(csv.cells().front())];
    holds += csv.cells().back() == "yes";
    ++all;
  }
  for (const auto& [name, count] : counts) {
    add_row(findings, {name, fmt::format("{} of {}", count.first, count.second)}, count.first == count.second);
  }
}

}  // namespace

std::vector<apps::Run> read_runs(const fs::path& folder) {
  std::set<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().filename() == "metrics.csv") files.insert(entry.path());
  }
  std::vector<apps::Run> runs;
  for (const fs::path& file : files) {
    apps::Run run;
    std::vector<std::string> parts;
    for (const fs::path& part : fs::relative(file.parent_path(), folder)) parts.push_back(part.string());
    if (!parts.empty() && parts.front().starts_with("seed")) {
      run.seed = std::stoull(parts.front().substr(4));
      parts.erase(parts.begin());
    }
    if (parts.size() > 1) run.group = parts.front();
    run.loss = loss_named(parts.empty() ? "l2" : parts.back());
    run.folder = file.parent_path();
    run.metrics = apps::read_metrics(file);
    runs.push_back(std::move(run));
  }
  return runs;
}

Findings judge(const Figure& figure, const Step& step, const fs::path& folder) {
  Findings findings;
  if (figure.rule == Rule::theorems) {
    by_theorems(folder, findings);
    return findings;
  }
  const std::vector<apps::Run> runs = read_runs(folder);
  if (figure.rule == Rule::acceleration) by_acceleration(figure, step, runs, findings);
  if (figure.rule == Rule::lower_error) by_final_error(figure, step, runs, findings);
  if (figure.rule == Rule::frequencies) by_frequencies(step, runs, findings);
  std::set<std::string> groups;
  for (const apps::Run& run : runs) groups.insert(run.group);
  for (const std::string& group : groups) {
    std::vector<apps::Run> own;
    std::copy_if(runs.begin(), runs.end(), std::back_inserter(own),
                 [&](const apps::Run& run) { return run.group == group; });
    apps::Chart curves = apps::curves_chart(own, figure.column, figure.column);
    curves.title = step.name + (group.empty() ? "" : ", " + group);
    findings.charts.push_back(curves);
    if (figure.rule != Rule::acceleration) continue;
    apps::Chart ahead = apps::acceleration_chart(own, figure.column, figure.column);
    if (!ahead.series.empty()) findings.charts.push_back(ahead);
  }
  return findings;
}

std::string verdict_of(std::size_t holds, std::size_t statements) {
  if (statements > 0 && holds == statements) return "holds";
  return holds > 0 ? "holds in part" : "does not hold here";
}

}  // namespace sg::reproduce

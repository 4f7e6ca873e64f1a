// Comparison: quartiles over seeds, accelerations, and their charts and tables.
#include "apps/common/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "losses/spectral.h"

namespace sg::apps {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

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

std::string name_of(const Run& run) { return run.group.empty() ? run.loss.name : run.group + " " + run.loss.name; }

bool several_seeds(const std::vector<Run>& runs) {
  return std::any_of(runs.begin(), runs.end(), [&](const Run& run) { return run.seed != runs.front().seed; });
}

struct Curve {
  std::vector<double> x, y, steps;
};

Curve curve_of(const Run& run, const std::string& column, bool over_seconds) {
  Curve curve;
  for (const MetricsRow& row : run.metrics.rows) {
    if (const auto value = value_of(row, run.metrics, column)) {
      curve.x.push_back(over_seconds ? row.seconds : static_cast<double>(row.step));
      curve.y.push_back(*value);
      curve.steps.push_back(static_cast<double>(row.step));
    }
  }
  return curve;
}

/// More points than a screen has columns only make the page heavy; one in each stretch keeps the shape.
void thin_out(Series& series, std::size_t most) {
  const std::size_t count = series.x.size();
  if (count <= most || series.filled) return;
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t from = i == most - 1 ? count - 1 : i * count / most;
    series.x[i] = series.x[from], series.y[i] = series.y[from];
  }
  series.x.resize(most), series.y.resize(most);
}

/// A band between two curves over x.
Series band(const std::vector<double>& x, const std::vector<double>& lower, const std::vector<double>& upper,
            int colour) {
  Series series;
  series.filled = true;
  series.colour = colour;
  for (std::size_t i = 0; i < x.size(); ++i) series.x.push_back(x[i]), series.y.push_back(lower[i]);
  for (std::size_t i = x.size(); i-- > 0;) series.x.push_back(x[i]), series.y.push_back(upper[i]);
  return series;
}

/// Of factors, of which 0 is never: what lies between never and a factor is never as well.
Quartiles factor_quartiles(const std::vector<double>& factors) {
  std::vector<double> sorted = factors;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double part) {
    const auto below = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1));
    return sorted[below] == 0 ? 0 : quantile(sorted, part);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

/// The band and the median of several values at each of some places.
void add_quartiles(Chart& chart, const std::string& name, const std::map<double, std::vector<double>>& values,
                   const std::map<double, std::vector<double>>& places, std::size_t least, int colour,
                   Quartiles (*quartiles_of)(const std::vector<double>&) = quartiles) {
  std::vector<double> x, lower, middle, upper;
  for (const auto& [key, here] : values) {
    if (here.size() < least) continue;
    const Quartiles q = quartiles_of(here);
    x.push_back(places.empty() ? key : median(places.at(key)));
    lower.push_back(q.lower), middle.push_back(q.median), upper.push_back(q.upper);
  }
  if (least > 1 || values.empty()) chart.series.push_back(band(x, lower, upper, colour));
  Series line;
  line.name = name;
  line.x = x, line.y = middle;
  line.dashed = name == "l2" || name.ends_with(" l2");
  line.colour = colour;
  thin_out(line, 1500);
  chart.series.push_back(std::move(line));
}

std::string show_factor(double factor) {
  if (factor == 0) return "never";
  return fmt::format("{:.{}f}×", factor, factor < 10 ? 2 : 1);
}

/// When a run first came down to a level, in steps or seconds, on a logarithmic line between evaluations; NaN above
/// the first figure and below the best.
double time_to(const Curve& curve, double level) {
  for (std::size_t i = 0; i < curve.y.size(); ++i) {
    if (!(curve.y[i] <= level)) continue;
    if (i == 0) return nothing;
    const double part = std::log(curve.y[i - 1] / level) / std::log(curve.y[i - 1] / curve.y[i]);
    return curve.x[i - 1] + part * (curve.x[i] - curve.x[i - 1]);
  }
  return nothing;
}

}  // namespace

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

std::vector<RunsOfLoss> by_loss(const std::vector<Run>& runs) {
  std::vector<RunsOfLoss> sorted;
  for (const Run& run : runs) {
    const auto same = [&](const RunsOfLoss& other) { return name_of(*other[0]) == name_of(run); };
    const auto found = std::find_if(sorted.begin(), sorted.end(), same);
    found == sorted.end() ? sorted.push_back({&run}) : found->push_back(&run);
  }
  return sorted;
}

const Run* reference_of(const std::vector<Run>& runs, const Run& run) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const Run& other) {
    return other.loss.name == "l2" && other.seed == run.seed && other.group == run.group;
  });
  return found == runs.end() ? nullptr : &*found;
}

std::optional<SetAcceleration> set_acceleration(const std::vector<Run>& runs, const RunsOfLoss& loss,
                                                const std::string& column) {
  std::vector<double> steps, seconds;
  SetAcceleration result;
  for (const Run* run : loss) {
    const Run* reference = reference_of(runs, *run);
    if (!reference || reference == run || !last_measured(reference->metrics, column)) continue;
    const auto gain = acceleration(run->metrics, reference->metrics, column);
    steps.push_back(gain ? gain->fewer_steps : 0);
    seconds.push_back(gain ? gain->fewer_seconds : 0);
    result.reached += gain.has_value();
  }
  if (steps.empty()) return {};
  result.runs = steps.size();
  result.steps = factor_quartiles(steps);
  result.seconds = factor_quartiles(seconds);
  return result;
}

std::vector<double> final_figures(const RunsOfLoss& loss, const std::string& column) {
  std::vector<double> values;
  for (const Run* run : loss) {
    if (const MetricsRow* last = last_measured(run->metrics, column)) {
      values.push_back(*value_of(*last, run->metrics, column));
    }
  }
  return values;
}

std::string show_factors(const Quartiles& q) {
  if (q.lower == q.upper) return show_factor(q.median);
  return fmt::format("{} ({} to {})", show_factor(q.median), show_factor(q.lower), show_factor(q.upper));
}

std::string show_quartiles(const std::vector<double>& values) {
  if (values.empty()) return "";
  const Quartiles q = quartiles(values);
  if (values.size() == 1) return show_figure(q.median);
  return fmt::format("{} ({} to {})", show_figure(q.median), show_figure(q.lower), show_figure(q.upper));
}

Chart curves_chart(const std::vector<Run>& runs, const std::string& column, const std::string& label,
                   bool over_seconds) {
  Chart chart;
  chart.x_label = over_seconds ? "seconds of training" : "step";
  chart.y_label = label;
  chart.log_y = true;
  const bool thin_runs = several_seeds(runs);
  std::vector<Series> behind;
  int colour = 0;
  for (const RunsOfLoss& loss : by_loss(runs)) {
    std::map<double, std::vector<double>> values, places;
    for (const Run* run : loss) {
      const Curve curve = curve_of(*run, column, over_seconds);
      for (std::size_t i = 0; i < curve.x.size(); ++i) {
        values[curve.steps[i]].push_back(curve.y[i]);
        places[curve.steps[i]].push_back(curve.x[i]);
      }
      Series series;
      series.x = curve.x, series.y = curve.y;
      series.colour = colour;
      series.weight = 0.3;
      thin_out(series, 300);
      if (thin_runs) behind.push_back(std::move(series));
    }
    // Runs may end early: the median stands where more than half of them go on.
    add_quartiles(chart, name_of(*loss[0]), values, places, thin_runs ? loss.size() / 2 + 1 : 1, colour++);
  }
  chart.series.insert(chart.series.begin(), behind.begin(), behind.end());
  return chart;
}

Chart acceleration_chart(const std::vector<Run>& runs, const std::string& column, const std::string& label,
                         bool by_seconds) {
  Chart chart;
  chart.x_label = label;
  chart.y_label = by_seconds ? "L2's seconds over the loss's" : "L2's steps over the loss's";
  chart.log_x = true;
  int colour = 0;
  double highest = 0, lowest = std::numeric_limits<double>::infinity();
  for (const Run& run : runs) {
    for (const double value : curve_of(run, column, false).y) {
      highest = std::max(highest, value);
      if (value > 0) lowest = std::min(lowest, value);
    }
  }
  for (const RunsOfLoss& loss : by_loss(runs)) {
    const int own = colour++;
    std::map<double, std::vector<double>> ratios;
    for (const Run* run : loss) {
      const Run* reference = reference_of(runs, *run);
      if (!reference || reference == run || !(lowest < highest)) continue;
      const Curve mine = curve_of(*run, column, by_seconds), other = curve_of(*reference, column, by_seconds);
      constexpr int levels = 80;
      for (int i = 0; i <= levels; ++i) {
        const double level = highest * std::pow(lowest / highest, static_cast<double>(i) / levels);
        const double ratio = time_to(other, level) / time_to(mine, level);
        if (std::isfinite(ratio)) ratios[level].push_back(ratio);
      }
    }
    if (ratios.empty()) continue;
    add_quartiles(chart, name_of(*loss[0]), ratios, {}, several_seeds(runs) ? loss.size() / 2 + 1 : 1, own);
  }
  if (!chart.series.empty()) {
    Series one;
    one.name = "L2 itself";
    one.x = {lowest, highest}, one.y = {1, 1};
    one.colour = 7;
    one.weight = 0.5;
    chart.series.push_back(one);
  }
  return chart;
}

std::optional<Chart> order_chart(const std::vector<Run>& runs, const std::string& column) {
  std::map<double, std::vector<double>> by_order;
  for (const RunsOfLoss& loss : by_loss(runs)) {
    for (const Run* run : loss) {
      const Run* reference = reference_of(runs, *run);
      if (!reference) continue;
      const auto gain = acceleration(run->metrics, reference->metrics, column);
      by_order[run->loss.s].push_back(gain ? gain->fewer_steps : 0);
    }
  }
  if (by_order.size() < 4) return {};
  Chart chart{"", "order s of the loss", "L2's steps over the loss's; 0: L2's end is not reached", {}};
  add_quartiles(chart, "median", by_order, {}, several_seeds(runs) ? 2 : 1, 0, factor_quartiles);
  Series dots = chart.series.back();
  dots.name.clear();
  dots.points = true;
  dots.weight = 2;
  chart.series.push_back(dots);
  return chart;
}

Table final_table(const std::vector<Run>& runs, const std::string& column) {
  Table table;
  table.header = {"loss", "steps", "seconds"};
  if (runs.empty()) return table;
  const std::vector<RunsOfLoss> losses = by_loss(runs);
  const bool several = several_seeds(runs);
  if (several) table.header.insert(table.header.begin() + 1, "runs");
  for (const std::string& name : runs.front().metrics.test_columns) table.header.push_back(name);
  const bool compares = losses.size() > 1 && std::any_of(runs.begin(), runs.end(), [&](const Run& run) {
                          const Run* const reference = reference_of(runs, run);
                          return run.loss.name != "l2" && reference && last_measured(reference->metrics, column);
                        });
  if (compares && several) table.header.emplace_back("reaches L2's end");
  if (compares) table.header.insert(table.header.end(), {"fewer steps", "fewer seconds"});
  for (const RunsOfLoss& loss : losses) {
    std::vector<double> steps, seconds;
    for (const Run* run : loss) {
      const auto& rows = run->metrics.rows;
      steps.push_back(rows.empty() ? 0 : static_cast<double>(rows.back().step));
      seconds.push_back(rows.empty() ? 0 : rows.back().seconds);
    }
    std::vector<std::string> row{name_of(*loss[0])};
    if (several) row.push_back(fmt::format("{}", loss.size()));
    row.push_back(fmt::format("{:.0f}", median(steps)));
    row.push_back(fmt::format("{:.1f}", median(seconds)));
    for (const std::string& name : runs.front().metrics.test_columns) {
      row.push_back(show_quartiles(final_figures(loss, name)));
    }
    if (loss[0]->loss.name == "l2" && compares) {
      if (several) row.push_back("");
      row.insert(row.end(), {"1", "1"});
    } else if (const auto gain = compares ? set_acceleration(runs, loss, column) : std::nullopt) {
      if (several) {
        row.insert(row.end(), {fmt::format("{} of {}", gain->reached, gain->runs), show_factors(gain->steps),
                               show_factors(gain->seconds)});
      } else if (gain->reached == 0) {
        row.insert(row.end(), {"not reached", "not reached"});
      } else {
        row.insert(row.end(), {show_factor(gain->steps.median), show_factor(gain->seconds.median)});
      }
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table weights_table(std::int64_t n, const std::vector<Loss>& losses, const Options& options) {
  Table table{{"k"}, {}};
  for (const Loss& loss : losses) table.header.push_back(loss.name);
  std::vector<std::int64_t> frequencies;
  for (std::int64_t k = 0; k <= n / 2; k = k < 4 ? k + 1 : std::max(k + 1, k * 3 / 2)) frequencies.push_back(k);
  if (frequencies.back() != n / 2) frequencies.push_back(n / 2);
  for (const std::int64_t k : frequencies) {
    std::vector<std::string> row{std::to_string(k)};
    for (const Loss& loss : losses) {
      const auto weight = [&](std::int64_t i) {
        return losses::spectral_weight(i, n, loss.s, options.frequencies(), options.hs_length);
      };
      row.push_back(show_figure(0.5 * (weight(k) + weight((n - k) % n))));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace sg::apps

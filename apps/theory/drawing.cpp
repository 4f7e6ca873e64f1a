// Drawing: curves, arrows, circles, and the figures that are read off them.
#include "apps/theory/drawing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "apps/common/table.h"

namespace sg::theory {

std::vector<double> element(const Path& path, std::int64_t index) {
  std::vector<double> values;
  for (const Tensor& state : path.states) values.push_back(state.data<double>()[index]);
  return values;
}

apps::Series line(const std::string& name, std::vector<double> x, std::vector<double> y, int colour, bool dashed,
                  double weight) {
  apps::Series series;
  series.name = name;
  series.x = std::move(x);
  series.y = std::move(y);
  series.colour = colour;
  series.dashed = dashed;
  series.weight = weight;
  return series;
}

apps::Series point(const std::string& name, double x, double y, int colour, double weight) {
  apps::Series series = line(name, {x}, {y}, colour, false, weight);
  series.points = true;
  return series;
}

apps::Series arrow(const std::vector<double>& x, const std::vector<double>& y, int colour, double size, double place) {
  double length = 0;
  for (std::size_t i = 1; i < x.size(); ++i) length += std::hypot(x[i] - x[i - 1], y[i] - y[i - 1]);
  double passed = 0;
  for (std::size_t i = 1; i < x.size(); ++i) {
    const double dx = x[i] - x[i - 1], dy = y[i] - y[i - 1], part = std::hypot(dx, dy);
    passed += part;
    if (passed < place * length || part == 0 || length < 2 * size) continue;
    const double ux = dx / part * size, uy = dy / part * size;
    return line("", {x[i] - ux + 0.5 * uy, x[i], x[i] - ux - 0.5 * uy},
                {y[i] - uy - 0.5 * ux, y[i], y[i] - uy + 0.5 * ux}, colour);
  }
  return line("", {}, {}, colour);
}

apps::Series circle(const std::string& name, double x, double y, double radius, int colour, bool filled) {
  apps::Series series = line(name, {}, {}, colour, false, 0.5);
  for (int i = 0; i <= 180; ++i) {
    const double turn = 2 * std::numbers::pi * i / 180;
    series.x.push_back(x + radius * std::cos(turn));
    series.y.push_back(y + radius * std::sin(turn));
  }
  series.filled = filled;
  return series;
}

double first_time_below(const std::vector<double>& times, const std::vector<double>& values, double level) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] <= level)) continue;
    if (i == 0 || !(values[i] > 0)) return times[i];
    const double part = std::log(values[i - 1] / level) / std::log(values[i - 1] / values[i]);
    return times[i - 1] + part * (times[i] - times[i - 1]);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double median_time(std::vector<double> times) {
  for (double& time : times) {
    if (std::isnan(time)) time = std::numeric_limits<double>::infinity();
  }
  const double time = median(std::move(times));
  return std::isfinite(time) ? time : std::numeric_limits<double>::quiet_NaN();
}

std::string show_time(double time) { return std::isnan(time) ? "not reached" : apps::show_figure(time); }

std::string show_ratio(double slower, double faster) {
  return std::isnan(slower / faster) ? "" : apps::show_figure(slower / faster);
}

double fitted_rate(const std::vector<double>& times, const std::vector<double>& values, std::size_t first,
                   std::size_t last) {
  // Least squares of log(value) over time.
  double n = 0, t = 0, y = 0, tt = 0, ty = 0;
  for (std::size_t i = first; i <= last; ++i) {
    const double logarithm = std::log(std::abs(values[i]));
    n += 1, t += times[i], y += logarithm, tt += times[i] * times[i], ty += times[i] * logarithm;
  }
  return -(n * ty - t * y) / (n * tt - t * t);
}

}  // namespace sg::theory

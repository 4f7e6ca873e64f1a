// Drawing: the curves that the experiments' charts are made of.
#pragma once

#include <string>
#include <vector>

#include "apps/common/chart.h"
#include "apps/common/statistics.h"
#include "apps/theory/eigenvalues.h"
#include "apps/theory/runge_kutta.h"

namespace sg::theory {

using apps::median;
using apps::quantile;

/// The colours of the losses in all charts, numbers of apps::series_colour.
enum Colour { l2_colour = 0, h1_colour = 1, h2_colour = 2, other_colour = 3, soft_colour = 7 };

/// One element of a path's states, by its place in row-major order.
std::vector<double> element(const Path& path, std::int64_t index);

apps::Series line(const std::string& name, std::vector<double> x, std::vector<double> y, int colour,
                  bool dashed = false, double weight = 1);
apps::Series point(const std::string& name, double x, double y, int colour, double weight = 2.4);
/// Heads of arrows that lie on a line at about half of its length; as long as `size` in the chart's units.
apps::Series arrow(const std::vector<double>& x, const std::vector<double>& y, int colour, double size,
                   double place = 0.4);
apps::Series circle(const std::string& name, double x, double y, double radius, int colour, bool filled);

/// |name| once, then nothing: for families of curves that share a line of the legend.
inline std::string once(const std::string& name, std::int64_t index) { return index == 0 ? name : std::string(); }

/// The first time at which values, taken as exponential between the times, fall to the level; NaN when they do not.
double first_time_below(const std::vector<double>& times, const std::vector<double>& values, double level);
/// The median of such times; NaN when fewer than half of them are there.
double median_time(std::vector<double> times);
/// `12.3`, or `not reached` for NaN; and the quotient of two such times, empty where one is missing.
std::string show_time(double time);
std::string show_ratio(double slower, double faster);
/// The rate r of values ~ exp(-r t) between two positions.
double fitted_rate(const std::vector<double>& times, const std::vector<double>& values, std::size_t first,
                   std::size_t last);

}  // namespace sg::theory

// Chart: curves and heat maps as pieces of SVG that stand inside a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sg::apps {

struct Series {
  std::string name;  // empty: not in the legend
  std::vector<double> x;
  std::vector<double> y;  // what is no number (or not above 0 on a logarithmic axis) leaves a gap
  bool dashed = false;
  bool points = false;  // points instead of a line
  int colour = -1;      // number of its colour; -1: its place in the list
  double weight = 1;    // times the usual width of lines and size of points
  bool filled = false;  // the inside of the closed line, lightly, instead of the line
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
  bool log_x = false;
  bool log_y = false;
  bool equal_axes = false;  // one unit is as long on both axes
  int width = 760;
  int height = 420;
};

/// The chart drawn by gnuplot, or by a plainer drawing of our own when the program is missing or fails. Lines take the
/// page's text colour, so that they show on light and on dark.
std::string chart_svg(const Chart& chart);
/// The plainer drawing.
std::string plain_chart_svg(const Chart& chart);

/// Values over a grid, drawn as coloured cells with a scale.
struct HeatMap {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<double> values;  // [rows, columns], the first row at the bottom; what is no number stays blank
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool log_values = false;
  bool symmetric = false;    // the scale goes from -m to m, in two colours that meet in white
  double low = 0, high = 0;  // of the scale; from the values when equal
  int width = 420;
};
std::string heat_map_svg(const HeatMap& map);

/// `data:image/png;base64,...` of a PNG file.
std::string png_uri(const std::string& png);
std::string base64(const std::string& bytes);

/// Round numbers from low to high, about as many as wanted; powers of ten (or 1, 2, 5 of each) on a logarithmic axis.
std::vector<double> axis_ticks(double low, double high, int wanted, bool logarithmic);

}  // namespace sg::apps

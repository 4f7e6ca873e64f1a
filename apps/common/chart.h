// Chart: curves and heat maps, drawn by gnuplot as SVG inside a page or as a PNG file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
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

using Figure = std::variant<Chart, HeatMap>;

/// The drawing as a piece of a page. Its lines take the page's text colour, so that they show on light and on dark.
/// Where gnuplot is missing, a line that says so, and once for all on standard error. Throws for a map whose values are
/// not rows x columns.
std::string figure_svg(const Figure& figure);

/// Drawings in rows of `columns` as one PNG file, each of `width` x `height` pixels; empty where gnuplot is missing.
std::string figures_png(const std::vector<Figure>& figures, std::size_t columns, int width, int height);

/// `data:image/png;base64,...` of a PNG file.
std::string png_uri(const std::string& png);
std::string base64(const std::string& bytes);

/// The colour of the series of that number: after Okabe and Ito 2008, without the ones that vanish on white or black.
std::string series_colour(std::size_t index);
/// A number at an axis: 0.01, 250, 1e-6.
std::string show_tick(double value);
/// Powers of ten from low to high, or 1, 2, 5 of each: the ticks of a logarithmic axis, about as many as wanted.
std::vector<double> logarithmic_ticks(double low, double high, int wanted);

}  // namespace sg::apps

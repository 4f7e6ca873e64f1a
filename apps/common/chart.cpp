// Chart: the scripts of curves and heat maps for gnuplot.
#include "apps/common/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>

#include "apps/common/gnuplot.h"
#include "apps/common/table.h"
#include "engine/error.h"

namespace sg::apps {
namespace {

/// A text in gnuplot's single quotes, in which nothing is understood but the quote itself, which doubled at either end
/// would end the text: it becomes an apostrophe.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "\u2019";
    } else {
      out += c == '\n' || c == '\r' ? ' ' : c;
    }
  }
  return out + "'";
}

bool shown(double value, bool logarithmic) { return std::isfinite(value) && (!logarithmic || value > 0); }

/// Gnuplot labels powers of ten only; a range within one decade would stand without a number.
std::string logarithmic_axis(const std::string& axis, double low, double high) {
  std::string script = fmt::format("set logscale {}\n", axis);
  if (!(low < high)) return script;
  std::string ticks;
  for (const double tick : logarithmic_ticks(low, high, 6)) {
    ticks += fmt::format("{}'{}' {:.9g}", ticks.empty() ? "" : ", ", show_tick(tick), tick);
  }
  return script + fmt::format("set {0}range [{1:.9g}:{2:.9g}]\nset {0}tics ({3})\n", axis, low, high, ticks);
}

std::string logarithmic_axis(const Chart& chart, const std::string& axis, std::vector<double> Series::*values) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Series& series : chart.series) {
    for (const double value : series.*values) {
      if (shown(value, true)) low = std::min(low, value), high = std::max(high, value);
    }
  }
  return logarithmic_axis(axis, low / 1.1, high * 1.1);
}

std::string heading(const std::string& title, const std::string& x_label, const std::string& y_label) {
  return fmt::format("reset\nset title {} noenhanced\nset xlabel {} noenhanced\nset ylabel {} noenhanced\n",
                     quoted(title), quoted(x_label), quoted(y_label)) +
         "set border 3 lc rgb 'black' lw 0.7\nset tics nomirror out scale 0.5\nset datafile missing 'nan'\n";
}

std::string body_of(const Chart& chart) {
  std::string script = heading(chart.title, chart.x_label, chart.y_label);
  script +=
      "set grid lc rgb '#808080' lw 0.4 dt 1\n"
      "set key outside top center horizontal samplen 2 spacing 1.2 noenhanced\n";
  if (chart.equal_axes) script += "set size ratio -1\n";
  if (chart.log_x) script += logarithmic_axis(chart, "x", &Series::x);
  if (chart.log_y) script += logarithmic_axis(chart, "y", &Series::y);
  std::string plot;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    script += fmt::format("$d{} << END\n", s);
    std::size_t points = 0;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      const bool good = shown(series.x[i], chart.log_x) && shown(series.y[i], chart.log_y);
      script += good ? fmt::format("{:.9g} {:.9g}\n", series.x[i], series.y[i]) : "\n";
      points += good;
    }
    script += "END\n";
    if (points == 0) continue;
    const std::string colour = series_colour(series.colour < 0 ? s : static_cast<std::size_t>(series.colour));
    std::string style =
        fmt::format("lines lw {:.3g} lc rgb '{}'{}", 2 * series.weight, colour, series.dashed ? " dt (8,5)" : "");
    if (series.points || points == 1) {
      style = fmt::format("points pt 7 ps {:.3g} lc rgb '{}'", 0.5 * series.weight, colour);
    }
    if (series.filled) {
      style = fmt::format("filledcurves closed fs transparent solid 0.13 noborder fc rgb '{}'", colour);
    }
    plot += fmt::format("{}$d{} using 1:2 with {} {}", plot.empty() ? "plot " : ", ", s, style,
                        series.name.empty() ? "notitle" : "title " + quoted(series.name));
  }
  return script + (plot.empty() ? "set xrange [0:1]\nset yrange [0.1:1]\nplot NaN notitle" : plot) + "\n";
}

std::string body_of(const HeatMap& map) {
  if (map.rows < 1 || map.columns < 1 || map.rows * map.columns != static_cast<std::int64_t>(map.values.size())) {
    fail("heat map: {} values for {} x {}", map.values.size(), map.rows, map.columns);
  }
  double low = map.low, high = map.high;
  if (!(low < high)) {
    low = std::numeric_limits<double>::infinity(), high = -low;
    for (const double value : map.values) {
      if (shown(value, map.log_values)) low = std::min(low, value), high = std::max(high, value);
    }
    if (!(low <= high)) low = map.log_values ? 0.1 : 0, high = 1;
  }
  if (map.symmetric) high = std::max(std::abs(low), std::abs(high)), low = -high;
  if (!(low < high)) high += std::max(1e-12, std::abs(high) * 1e-6), low -= std::max(0.0, low) * 1e-6;
  std::string script = heading(map.title, map.x_label, map.y_label) + "unset key\nset size ratio 1\n";
  script += map.symmetric ? "set palette defined (0 '#2154a3', 1 '#85b2db', 2 '#f7f7f7', 3 '#ea9678', 4 '#aa1a2c')\n"
                          : "set palette defined (0 '#440154', 1 '#414487', 2 '#2a788e', 3 '#22968a', 4 '#44be70', "
                            "5 '#a0da39', 6 '#fde725')\n";
  script += fmt::format("set xrange [{:.9g}:{:.9g}]\nset yrange [{:.9g}:{:.9g}]\nset cbrange [{:.9g}:{:.9g}]\n",
                        map.x_low, map.x_high, map.y_low, map.y_high, low, high);
  if (map.log_values) script += logarithmic_axis("cb", low, high);
  script += "$d0 << END\n";
  for (std::int64_t row = 0; row < map.rows; ++row) {
    for (std::int64_t column = 0; column < map.columns; ++column) {
      const double value = map.values[static_cast<std::size_t>(row * map.columns + column)];
      script += shown(value, map.log_values) ? fmt::format("{:.6g} ", std::clamp(value, low, high)) : "nan ";
    }
    script += "\n";
  }
  const auto axis = [](double first, double last, std::int64_t count, int column) {
    const double step = (last - first) / static_cast<double>(count);
    return fmt::format("({:.9g}+{:.9g}*${})", first + step / 2, step, column);
  };
  return script + fmt::format("END\nplot $d0 matrix using {}:{}:3 with image notitle\n",
                              axis(map.x_low, map.x_high, map.columns, 1), axis(map.y_low, map.y_high, map.rows, 2));
}

std::string body_of(const Figure& figure) {
  return std::visit([](const auto& drawing) { return body_of(drawing); }, figure);
}

/// Says once that the program is missing.
void tell_missing() {
  static std::atomic<bool> told = false;
  if (!told.exchange(true)) {
    std::fputs("gnuplot is missing or fails, so charts are left out; it comes with the package gnuplot-nox\n", stderr);
  }
}

}  // namespace

std::string figure_svg(const Figure& figure) {
  const bool is_map = std::holds_alternative<HeatMap>(figure);
  const int width = is_map ? std::get<HeatMap>(figure).width : std::get<Chart>(figure).width;
  const int height = is_map ? width * 9 / 10 : std::get<Chart>(figure).height;
  const std::string title = is_map ? std::get<HeatMap>(figure).title : std::get<Chart>(figure).title;
  const std::string label = title.empty() && !is_map ? std::get<Chart>(figure).y_label : title;
  const std::string script =
      fmt::format("set encoding utf8\nset terminal svg size {},{} dynamic font 'sans-serif,13' noenhanced\n", width,
                  height) +
      body_of(figure);
  const std::string svg = embedded_svg(run_gnuplot(script), width, height, label);
  if (!svg.empty()) return svg;
  tell_missing();
  return "<p>Here a chart is missing (" + escape_html(label) + "): it needs gnuplot, which is not installed.</p>";
}

std::string figures_png(const std::vector<Figure>& figures, std::size_t columns, int width, int height) {
  const std::size_t rows = (figures.size() + columns - 1) / columns;
  std::string script = fmt::format(
      "set encoding utf8\nset terminal pngcairo size {},{} font 'sans,10' background 'white'\nset multiplot layout "
      "{},{}\n",
      width * static_cast<int>(columns), height * static_cast<int>(rows), rows, columns);
  for (const Figure& figure : figures) script += body_of(figure);
  const std::string png = run_gnuplot(script + "unset multiplot\n");
  if (png.starts_with("\x89PNG")) return png;
  tell_missing();
  return "";
}

std::vector<double> logarithmic_ticks(double low, double high, int wanted) {
  std::vector<double> ticks;
  if (!(low > 0 && high > low) || !std::isfinite(high)) return {low};
  const double decades = std::log10(high / low);
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / wanted)));
  for (int exponent = static_cast<int>(std::floor(std::log10(low))); std::pow(10, exponent) <= high; ++exponent) {
    if (exponent % stride != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (factor > 1 && decades > 2.5) break;
      const double tick = factor * std::pow(10, exponent);
      if (tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  if (ticks.size() >= 2) return ticks;
  ticks.clear();  // within one step of 1, 2, 5: even ones
  const double rough = (high - low) / 4, power = std::pow(10, std::floor(std::log10(rough)));
  const double step = rough / power > 5 ? 10 * power : rough / power > 2 ? 5 * power : 2 * power;
  for (double tick = std::ceil(low / step) * step; tick <= high; tick += step) ticks.push_back(tick);
  return ticks;
}

std::string series_colour(std::size_t index) {
  static constexpr std::array colours{"#0b84d8", "#e06000", "#00966b", "#c65f9e",
                                      "#b58900", "#7a6fd0", "#d33a2c", "#5f8aa0"};
  return colours[index % colours.size()];
}

std::string show_tick(double value) {
  std::string text = fmt::format("{:.6g}", value);
  const std::size_t exponent = text.find('e');
  if (exponent == std::string::npos) return text;
  return text.substr(0, exponent) + fmt::format("e{}", std::stoi(text.substr(exponent + 1)));  // 1e-06 becomes 1e-6
}

std::string base64(const std::string& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? digits[word >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string png_uri(const std::string& png) { return "data:image/png;base64," + base64(png); }

}  // namespace sg::apps

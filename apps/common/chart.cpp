// Chart: the plain drawing of curves, ticks, and the choice between it and gnuplot.
#include "apps/common/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/common/chart_style.h"
#include "apps/common/gnuplot.h"
#include "apps/common/table.h"

namespace sg::apps {
namespace {

struct Axis {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  bool logarithmic = false;

  bool shows(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
  void include(double value) {
    if (!shows(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void settle() {
    if (!(low <= high)) low = logarithmic ? 0.1 : 0, high = 1;
    if (logarithmic) {
      low /= 1.1, high *= 1.1;
      return;
    }
    const double margin = high > low ? (high - low) * 0.03 : std::max(1e-12, std::abs(low) * 0.1);
    low -= margin, high += margin;
  }
  double place(double value) const {
    return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  }
};

}  // namespace

std::vector<double> axis_ticks(double low, double high, int wanted, bool logarithmic) {
  std::vector<double> ticks;
  if (!(high > low) || !std::isfinite(low) || !std::isfinite(high)) return {low};
  if (logarithmic && low > 0) {
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
    ticks.clear();
  }
  const double rough = (high - low) / std::max(1, wanted);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= rough) step = factor * power;
  }
  for (double tick = std::ceil(low / step) * step; tick <= high + step * 1e-9 && ticks.size() < 100; tick += step) {
    ticks.push_back(std::abs(tick) < step * 1e-9 ? 0 : tick);
  }
  return ticks;
}

std::string plain_chart_svg(const Chart& chart) {
  Axis x, y;
  x.logarithmic = chart.log_x;
  y.logarithmic = chart.log_y;
  for (const Series& series : chart.series) {
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (x.shows(series.x[i]) && y.shows(series.y[i])) x.include(series.x[i]), y.include(series.y[i]);
    }
  }
  x.settle();
  y.settle();
  const double left = 76, right = chart.width - 20.0, top = chart.title.empty() ? 14 : 40, bottom = chart.height - 52.0;
  const auto at_x = [&](double value) { return left + (right - left) * x.place(value); };
  const auto at_y = [&](double value) { return bottom - (bottom - top) * y.place(value); };

  std::string svg =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" class=\"chart\">\n", chart.width,
                  chart.height, escape_html(chart.title.empty() ? chart.y_label : chart.title));
  svg += "<g fill=\"currentColor\" font-size=\"13\">\n";
  for (const double tick : axis_ticks(x.low, x.high, 6, x.logarithmic)) {
    svg += fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>",
                       at_x(tick), bottom, top);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", at_x(tick), bottom + 18,
                       show_tick(tick));
  }
  for (const double tick : axis_ticks(y.low, y.high, 6, y.logarithmic)) {
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>", left,
                       at_y(tick), right);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", left - 8, at_y(tick) + 4,
                       show_tick(tick));
  }
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", (left + right) / 2,
                     chart.height - 12.0, escape_html(chart.x_label));
  svg += fmt::format("<text transform=\"translate(16 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                     (top + bottom) / 2, escape_html(chart.y_label));
  if (!chart.title.empty()) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"22\" text-anchor=\"middle\" font-size=\"15\">{}</text>\n",
                       (left + right) / 2, escape_html(chart.title));
  }
  svg += "</g>\n";
  double row = top - 2;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    const std::string colour = series_colour(series.colour < 0 ? s : static_cast<std::size_t>(series.colour));
    std::string path;
    bool drawing = false;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (!x.shows(series.x[i]) || !y.shows(series.y[i])) {
        drawing = false;
        continue;
      }
      if (series.points) {
        path += fmt::format("M{:.1f} {:.1f}h0", at_x(series.x[i]), at_y(series.y[i]));
      } else {
        path += fmt::format("{}{:.1f} {:.1f}", drawing ? "L" : "M", at_x(series.x[i]), at_y(series.y[i]));
      }
      drawing = true;
    }
    if (series.filled) {
      svg += fmt::format("<path d=\"{}Z\" fill=\"{}\" fill-opacity=\".13\"/>\n", path, colour);
    } else {
      svg += fmt::format(
          "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.3g}\" stroke-linecap=\"round\" "
          "stroke-linejoin=\"round\"{}/>\n",
          path, colour, (series.points ? 5 : 2) * series.weight, series.dashed ? " stroke-dasharray=\"7 5\"" : "");
    }
    if (series.name.empty()) continue;
    row += 18;
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}h26\" stroke=\"{}\" stroke-width=\"3\"{}/>", right - 36, row - 4,
                       colour, series.dashed ? " stroke-dasharray=\"7 5\"" : "");
    svg += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\" fill=\"currentColor\" font-size=\"13\">{}</text>\n",
        right - 44, row, escape_html(series.name));
  }
  return svg + "</svg>\n";
}

std::string chart_svg(const Chart& chart) {
  const bool has_points =
      std::any_of(chart.series.begin(), chart.series.end(), [](const Series& series) { return !series.x.empty(); });
  const std::string svg = has_points ? gnuplot_svg(chart) : "";
  return svg.empty() ? plain_chart_svg(chart) : svg;
}

}  // namespace sg::apps

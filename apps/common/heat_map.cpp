// Heat map: cells as a picture, axes and scale as SVG around it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/common/chart.h"
#include "apps/common/chart_style.h"
#include "apps/common/table.h"
#include "data/image_io.h"
#include "engine/error.h"

namespace sg::apps {
namespace {

/// The scale from a value to [0, 1].
struct Scale {
  double low, high;
  bool logarithmic;

  bool shows(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
  double place(double value) const {
    if (!(high > low)) return 0.5;
    return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  }
};

Scale scale_of(const HeatMap& map) {
  Scale scale{map.low, map.high, map.log_values};
  if (!(scale.low < scale.high)) {
    scale.low = std::numeric_limits<double>::infinity();
    scale.high = -scale.low;
    for (const double value : map.values) {
      if (scale.shows(value)) scale.low = std::min(scale.low, value), scale.high = std::max(scale.high, value);
    }
    if (!(scale.low <= scale.high)) scale.low = map.log_values ? 0.1 : 0, scale.high = 1;
  }
  if (map.symmetric) {
    scale.high = std::max(std::abs(scale.low), std::abs(scale.high));
    scale.low = -scale.high;
  }
  return scale;
}

std::string image_element(const data::Image& image, double x, double y, double width, double height) {
  return fmt::format(
      "<image x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" preserveAspectRatio=\"none\" "
      "style=\"image-rendering:pixelated\" href=\"{}\"/>\n",
      x, y, width, height, png_uri(data::encode_png(image)));
}

}  // namespace

std::string heat_map_svg(const HeatMap& map) {
  if (map.rows < 1 || map.columns < 1 || map.rows * map.columns != static_cast<std::int64_t>(map.values.size())) {
    fail("heat map: {} values for {} x {}", map.values.size(), map.rows, map.columns);
  }
  const Scale scale = scale_of(map);
  const auto colour_at = [&](double place) {
    return map.symmetric ? diverging_colour(place) : sequential_colour(place);
  };
  data::Image cells{map.columns, map.rows, 4, std::vector<std::uint8_t>(map.values.size() * 4)};
  for (std::int64_t row = 0; row < map.rows; ++row) {
    for (std::int64_t column = 0; column < map.columns; ++column) {
      const double value = map.values[static_cast<std::size_t>(row * map.columns + column)];
      if (!scale.shows(value)) continue;
      std::uint8_t* pixel = cells.at(map.rows - 1 - row, column);
      std::copy_n(colour_at(scale.place(value)).data(), 3, pixel);
      pixel[3] = 255;
    }
  }
  data::Image bar{1, 128, 3, std::vector<std::uint8_t>(128 * 3)};
  for (std::int64_t row = 0; row < bar.height; ++row) {
    std::copy_n(colour_at(1 - static_cast<double>(row) / 127).data(), 3, bar.at(row, 0));
  }

  const double left = 62, right = map.width - 84.0, top = map.title.empty() ? 12 : 34;
  const double side = right - left, bottom = top + side, height = bottom + 46;
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\" class=\"map\">\n",
                                map.width, height, escape_html(map.title));
  svg += image_element(cells, left, top, side, side);
  svg += image_element(bar, right + 14, top, 12, side);
  svg += "<g fill=\"currentColor\" font-size=\"12\">\n";
  if (!map.title.empty()) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"20\" text-anchor=\"middle\" font-size=\"14\">{}</text>\n",
                       (left + right) / 2, escape_html(map.title));
  }
  for (const double tick : axis_ticks(map.x_low, map.x_high, 4, false)) {
    const double x = left + side * (tick - map.x_low) / (map.x_high - map.x_low);
    svg += fmt::format(
        "<path d=\"M{:.1f} {:.1f}v4\" stroke=\"currentColor\"/><text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"middle\">{}</text>\n",
        x, bottom, x, bottom + 17, show_tick(tick));
  }
  for (const double tick : axis_ticks(map.y_low, map.y_high, 4, false)) {
    const double y = bottom - side * (tick - map.y_low) / (map.y_high - map.y_low);
    svg += fmt::format(
        "<path d=\"M{:.1f} {:.1f}h-4\" stroke=\"currentColor\"/><text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">{}</text>\n",
        left, y, left - 7, y + 4, show_tick(tick));
  }
  for (const double tick : axis_ticks(scale.low, scale.high, 5, scale.logarithmic)) {
    const double y = bottom - side * scale.place(tick);
    svg +=
        fmt::format("<path d=\"M{:.1f} {:.1f}h4\" stroke=\"currentColor\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                    right + 26, y, right + 33, y + 4, show_tick(tick));
  }
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", (left + right) / 2,
                     bottom + 36, escape_html(map.x_label));
  svg += fmt::format("<text transform=\"translate(14 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                     (top + bottom) / 2, escape_html(map.y_label));
  return svg + "</g>\n</svg>\n";
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

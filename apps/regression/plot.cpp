// Plot: line plots and heat maps with scales.
#include "apps/regression/plot.h"

#include <stb/stb_easy_font.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace sg::regression {

namespace {

constexpr Color grey{200, 200, 200}, light_grey{232, 232, 232}, dark{60, 60, 60};

Color mix(Color a, Color b, double t) {
  auto channel = [t](std::uint8_t x, std::uint8_t y) {
    return static_cast<std::uint8_t>(std::lround(x + t * (y - x)));
  };
  return {channel(a.red, b.red), channel(a.green, b.green), channel(a.blue, b.blue)};
}

Color color_at(double t, bool diverging) {
  static constexpr std::array<Color, 5> sequential{
      {{20, 24, 82}, {33, 95, 141}, {46, 160, 140}, {166, 205, 70}, {253, 245, 165}}};
  static constexpr std::array<Color, 5> two_sided{
      {{18, 60, 130}, {120, 165, 215}, {250, 250, 250}, {230, 145, 115}, {145, 20, 35}}};
  const auto& anchors = diverging ? two_sided : sequential;
  const double place = std::clamp(t, 0.0, 1.0) * 4;
  const int i = std::min(3, static_cast<int>(place));
  return mix(anchors[i], anchors[i + 1], place - i);
}

/// What the font has letters for.
std::string printable(std::string_view words) {
  std::string text(words.substr(0, 200));
  for (char& c : text) {
    if (c < 32 || c > 126) c = '?';
  }
  return text;
}

std::string tick_label(double value) { return fmt::format("{:.4g}", std::abs(value) < 1e-12 ? 0.0 : value); }

}  // namespace

Canvas::Canvas(int width, int height)
    : width_(width),
      height_(height),
      clip_right_(width),
      clip_bottom_(height),
      pixels_(static_cast<std::size_t>(width) * height * 3, 255) {}

void Canvas::blend(int x, int y, Color color, double opacity) {
  if (x < clip_left_ || y < clip_top_ || x >= clip_right_ || y >= clip_bottom_) return;
  std::uint8_t* pixel = &pixels_[(static_cast<std::size_t>(y) * width_ + x) * 3];
  const Color mixed = mix({pixel[0], pixel[1], pixel[2]}, color, opacity);
  pixel[0] = mixed.red;
  pixel[1] = mixed.green;
  pixel[2] = mixed.blue;
}

void Canvas::fill(int x, int y, int width, int height, Color color) {
  for (int j = y; j < y + height; ++j) {
    for (int i = x; i < x + width; ++i) blend(i, j, color);
  }
}

void Canvas::line(double x0, double y0, double x1, double y1, Color color, double thickness) {
  const double dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy, reach = thickness / 2 + 1;
  const int left = std::max(clip_left_, static_cast<int>(std::max(-1e6, std::floor(std::min(x0, x1) - reach))));
  const int right = std::min(clip_right_ - 1, static_cast<int>(std::min(1e6, std::ceil(std::max(x0, x1) + reach))));
  const int top = std::max(clip_top_, static_cast<int>(std::max(-1e6, std::floor(std::min(y0, y1) - reach))));
  const int bottom = std::min(clip_bottom_ - 1, static_cast<int>(std::min(1e6, std::ceil(std::max(y0, y1) + reach))));
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) {
      const double t = length2 > 0 ? std::clamp(((x - x0) * dx + (y - y0) * dy) / length2, 0.0, 1.0) : 0.0;
      const double distance = std::hypot(x - (x0 + t * dx), y - (y0 + t * dy));
      const double cover = std::clamp(thickness / 2 + 0.5 - distance, 0.0, 1.0);
      if (cover > 0) blend(x, y, color, cover);
    }
  }
}

void Canvas::text(int x, int y, std::string_view words, Color color, int scale) {
  struct Vertex {
    float x, y, z;
    std::uint8_t rgba[4];
  };
  std::string copy = printable(words);
  std::vector<Vertex> vertices(copy.size() * 80 + 4);
  const int quads = stb_easy_font_print(0, 0, copy.data(), nullptr, vertices.data(),
                                        static_cast<int>(vertices.size() * sizeof(Vertex)));
  for (int i = 0; i < quads; ++i) {
    const Vertex &a = vertices[4 * i], &b = vertices[4 * i + 2];
    fill(x + static_cast<int>(a.x) * scale, y + static_cast<int>(a.y) * scale, static_cast<int>(b.x - a.x) * scale,
         static_cast<int>(b.y - a.y) * scale, color);
  }
}

int Canvas::text_width(std::string_view words, int scale) {
  std::string copy = printable(words);
  return stb_easy_font_width(copy.data()) * scale;
}

void Canvas::set_clip(int x, int y, int width, int height) {
  clip_left_ = std::max(0, x);
  clip_top_ = std::max(0, y);
  clip_right_ = std::min(width_, x + width);
  clip_bottom_ = std::min(height_, y + height);
}

void Canvas::clear_clip() { set_clip(0, 0, width_, height_); }

std::pair<double, double> finite_range(const std::vector<double>& values) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return low <= high ? std::pair(low, high) : std::pair(0.0, 1.0);
}

std::vector<double> ticks(double low, double high, int count) {
  if (!(low < high) || count < 1) return {low};
  const double rough = (high - low) / count, power = std::pow(10, std::floor(std::log10(rough)));
  const double ratio = rough / power, step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  std::vector<double> places;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) places.push_back(k * step);
  return places;
}

Canvas draw_panels(const std::vector<Panel>& panels, int width, int panel_height) {
  const int left = 90, right = 20, top = 34, bottom = 34;
  Canvas canvas(width, panel_height * static_cast<int>(panels.size()));
  for (std::size_t p = 0; p < panels.size(); ++p) {
    const Panel& panel = panels[p];
    const int y_offset = panel_height * static_cast<int>(p);
    const int plot_width = width - left - right, plot_height = panel_height - top - bottom, plot_top = y_offset + top;
    auto scaled = [&](double y) { return panel.logarithmic ? (y > 0 ? std::log10(y) : std::nan("")) : y; };
    std::vector<double> all;
    for (const Curve& curve : panel.curves) {
      for (const double y : curve.y) all.push_back(scaled(y));
    }
    auto [low, high] = finite_range(all);
    const double margin = high > low ? 0.05 * (high - low) : std::max(1e-3, 0.1 * std::abs(high));
    low -= margin;
    high += margin;
    std::vector<double> all_x = panel.x;
    for (const Curve& curve : panel.curves) all_x.insert(all_x.end(), curve.x.begin(), curve.x.end());
    auto [x_low, x_high] = finite_range(all_x);
    if (x_low == x_high) x_high = x_low + 1;
    auto to_x = [&, x_low = x_low, x_high = x_high](double x) {
      return left + (x - x_low) / (x_high - x_low) * plot_width;
    };
    auto to_y = [&](double y) { return plot_top + (high - y) / (high - low) * plot_height; };

    for (const double tick : ticks(x_low, x_high, 8)) {
      const int x = static_cast<int>(std::lround(to_x(tick)));
      canvas.fill(x, plot_top, 1, plot_height, light_grey);
      const std::string label = tick_label(tick);
      canvas.text(x - Canvas::text_width(label) / 2, plot_top + plot_height + 6, label);
    }
    for (const double tick : ticks(low, high, panel_height / 60)) {
      if (panel.logarithmic && std::abs(tick - std::round(tick)) > 1e-6) continue;
      const int y = static_cast<int>(std::lround(to_y(tick)));
      canvas.fill(left, y, plot_width, 1, light_grey);
      const std::string label = panel.logarithmic ? fmt::format("1e{:.0f}", tick) : tick_label(tick);
      canvas.text(left - 8 - Canvas::text_width(label), y - 7, label);
    }
    canvas.set_clip(left, plot_top, plot_width, plot_height);
    for (const double mark : panel.marks) {
      canvas.fill(static_cast<int>(std::lround(to_x(mark))), plot_top, 2, plot_height, grey);
    }
    for (const Curve& curve : panel.curves) {
      const std::vector<double>& x = curve.x.empty() ? panel.x : curve.x;
      for (std::size_t i = 0; i + 1 < std::min(x.size(), curve.y.size()); ++i) {
        const double a = scaled(curve.y[i]), b = scaled(curve.y[i + 1]);
        if (std::isfinite(a) && std::isfinite(b)) {
          canvas.line(to_x(x[i]), to_y(a), to_x(x[i + 1]), to_y(b), curve.color, curve.thickness);
        }
      }
    }
    canvas.clear_clip();
    canvas.fill(left, plot_top, 1, plot_height, dark);
    canvas.fill(left, plot_top + plot_height, plot_width, 1, dark);
    canvas.text(left, y_offset + 10, panel.title, dark);
    int x = width - right;
    for (auto curve = panel.curves.rbegin(); curve != panel.curves.rend(); ++curve) {
      x -= Canvas::text_width(curve->name);
      canvas.text(x, y_offset + 10, curve->name, curve->color);
      x -= 24;
      canvas.fill(x, y_offset + 15, 18, 3, curve->color);
      x -= 16;
    }
  }
  return canvas;
}

Canvas draw_maps(const std::vector<std::vector<HeatMap>>& rows, int side) {
  const int left = 66, head = 34, bottom = 40, bar = 16, gap = 14, labels = 88;
  const int each = left + side + gap + bar + labels;
  std::size_t most = 1;
  for (const auto& row : rows) most = std::max(most, row.size());
  const int row_height = head + side + bottom;
  Canvas canvas(each * static_cast<int>(most), row_height * static_cast<int>(rows.size()));
  for (std::size_t place = 0; place < rows.size() * most; ++place) {
    const std::size_t r = place / most, m = place % most;
    if (m >= rows[r].size() || rows[r][m].values.empty()) continue;
    const HeatMap& map = rows[r][m];
    const int top = row_height * static_cast<int>(r) + head;
    assert(static_cast<int>(map.values.size()) == map.rows * map.columns);
    const int x0 = each * static_cast<int>(m) + left;
    auto scaled = [&](double value) { return map.logarithmic ? std::log10(std::max(value, 1e-300)) : value; };
    double low = scaled(map.low), high = scaled(map.high);
    if (!(low < high)) {
      const double spread = std::max(1e-12, 0.01 * std::abs(low));
      low -= spread;
      high += spread;
    }
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const int row = std::min(map.rows - 1, (side - 1 - y) * map.rows / side),
                  column = std::min(map.columns - 1, x * map.columns / side);
        const double value = scaled(map.values[static_cast<std::size_t>(row) * map.columns + column]);
        canvas.blend(x0 + x, top + y,
                     std::isfinite(value) ? color_at((value - low) / (high - low), map.diverging) : grey);
      }
      const Color color = color_at(1 - (y + 0.5) / side, map.diverging);
      canvas.fill(x0 + side + gap, top + y, bar, 1, color);
    }
    for (const double tick : ticks(low, high, 6)) {
      if (map.logarithmic && std::abs(tick - std::round(tick)) > 1e-6) continue;
      const int y = top + static_cast<int>(std::lround((high - tick) / (high - low) * (side - 1)));
      canvas.fill(x0 + side + gap + bar, y, 5, 1, dark);
      canvas.text(x0 + side + gap + bar + 8, y - 7, map.logarithmic ? fmt::format("1e{:.0f}", tick) : tick_label(tick));
    }
    for (const double tick : ticks(map.x_first, map.x_last, 5)) {
      const int x = x0 + static_cast<int>(std::lround((tick - map.x_first) / (map.x_last - map.x_first) * (side - 1)));
      canvas.fill(x, top + side, 1, 5, dark);
      const std::string label = tick_label(tick);
      canvas.text(x - Canvas::text_width(label) / 2, top + side + 8, label);
    }
    for (const double tick : ticks(map.y_first, map.y_last, 5)) {
      const int y = top + static_cast<int>(std::lround((map.y_last - tick) / (map.y_last - map.y_first) * (side - 1)));
      canvas.fill(x0 - 5, y, 5, 1, dark);
      const std::string label = tick_label(tick);
      canvas.text(x0 - 8 - Canvas::text_width(label), y - 7, label);
    }
    canvas.text(x0 + side - Canvas::text_width(map.x_label), top + side + 24, map.x_label);
    canvas.text(x0 - left + 4, top - 16, map.y_label);
    canvas.text(x0 + side / 2 - Canvas::text_width(map.title) / 2, top - 24, map.title, dark);
  }
  return canvas;
}

}  // namespace sg::regression

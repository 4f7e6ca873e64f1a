// Pictures of functions of one and of two inputs beside their targets.
#include <array>
#include <cmath>

#include "apps/regression/experiment.h"
#include "engine/ops.h"
#include "losses/derivatives.h"
#include "losses/route.h"

namespace sg::regression {

namespace {

std::vector<double> column_of(const Tensor& x) { return reshape(x, {-1}).to_vector<double>(); }

}  // namespace

Color curve_color(std::size_t i) {
  static constexpr std::array<Color, 6> colors{
      {{206, 62, 50}, {38, 98, 196}, {34, 140, 82}, {150, 80, 180}, {214, 140, 30}, {70, 160, 170}}};
  return colors[i % colors.size()];
}

Tensor picture_grid(std::array<double, 2> first, std::array<double, 2> last, std::int64_t n, Dtype dtype) {
  return losses::grid_points(losses::Estimator::fd2, {{n, first[0], last[0]}, {n, first[1], last[1]}}, dtype);
}

Picture picture_1d(const losses::Network& network, const std::function<Tensors(const Tensor&)>& target, double first,
                   double last, const std::string& name, Dtype dtype) {
  const std::int64_t count = 800;
  const Tensor x = reshape(linspace(first, last, count, dtype), {count, 1});
  const Tensors found = losses::derivatives(network, x, 2);
  const Tensors wanted = target ? target(x) : Tensors{};
  const std::array<std::string, 3> titles{"u", "u'", "u''"};
  Picture picture;
  for (std::size_t k = 0; k < 3; ++k) {
    Panel panel{titles[k], column_of(x), {}, {}, false};
    if (k < wanted.size()) panel.curves.push_back({"target", column_of(wanted[k]), {170, 170, 170}, 6, {}});
    panel.curves.push_back({name, column_of(found[k]), curve_color(1), 2, {}});
    picture.panels.push_back(panel);
  }
  return picture;
}

Picture picture_2d(const losses::Network& network, const std::function<Tensor(const Tensor&)>& target,
                   std::array<double, 2> first, std::array<double, 2> last, std::array<std::string, 2> labels,
                   const std::string& name, Dtype dtype) {
  const std::int64_t n = 160;
  const Tensor points = picture_grid(first, last, n, dtype);
  // Axis 0 runs along the picture's columns.
  auto map_of = [&](const Tensor& u, const std::string& title) {
    HeatMap map;
    map.title = title;
    map.rows = map.columns = static_cast<int>(n);
    map.values = column_of(transpose(reshape(u, {n, n})));
    map.x_first = first[0];
    map.x_last = last[0];
    map.y_first = first[1];
    map.y_last = last[1];
    map.x_label = labels[0];
    map.y_label = labels[1];
    return map;
  };
  const Tensor found = network(points), wanted = target(points);
  HeatMap a = map_of(wanted, "target"), b = map_of(found, name), c = map_of(found - wanted, name + " - target");
  const auto [low, high] = finite_range(a.values);
  a.low = b.low = low;
  a.high = b.high = high;
  const auto [error_low, error_high] = finite_range(c.values);
  c.high = std::max(std::abs(error_low), std::abs(error_high));
  c.low = -c.high;
  c.diverging = true;
  return {{}, {a, b, c}};
}

Canvas draw(const Picture& picture) {
  return picture.maps.empty() ? draw_panels(picture.panels, 1000, 240) : draw_maps({picture.maps}, 320);
}

Canvas draw_together(const std::vector<Picture>& pictures) {
  if (!pictures.front().maps.empty()) {
    // The target and the networks in one row, their errors on one scale below them.
    std::vector<HeatMap> values{pictures.front().maps[0]}, errors;
    double largest = 0;
    for (const Picture& picture : pictures) largest = std::max(largest, picture.maps[2].high);
    for (const Picture& picture : pictures) {
      values.push_back(picture.maps[1]);
      errors.push_back(picture.maps[2]);
      errors.back().high = largest;
      errors.back().low = -largest;
    }
    errors.insert(errors.begin(), HeatMap{});
    return draw_maps({values, errors}, 260);
  }
  std::vector<Panel> panels = pictures.front().panels;
  for (std::size_t k = 0; k < panels.size(); ++k) {
    for (std::size_t i = 1; i < pictures.size(); ++i) panels[k].curves.push_back(pictures[i].panels[k].curves.back());
    std::size_t color = 0;
    for (Curve& curve : panels[k].curves) {
      if (curve.thickness < 4) curve.color = curve_color(color++);  // the target is the thick one
    }
  }
  return draw_panels(panels, 1000, 300);
}

}  // namespace sg::regression

// The experiment `relu2`: one squared ReLU node and the H2 loss (S4).
#include <cmath>
#include <limits>
#include <numbers>

#include "apps/theory/closed_forms.h"
#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "apps/theory/runge_kutta.h"
#include "engine/ops.h"

namespace sg::theory {

namespace {

using std::numbers::pi;

Tensor gradient(int order, const Tensor& w, const Tensor& teacher) {
  Tensor sum = relu2_node::value_gradient(w, teacher);
  if (order > 0) sum = sum + relu2_node::slope_gradient(w, teacher);
  if (order > 1) sum = sum + relu2_node::curvature_gradient(w, teacher);
  return sum;
}

/// Cell centres of the square around the region, [n * n, 2].
Tensor square_points(std::int64_t n) {
  std::vector<double> points;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      points.insert(points.end(), {(2 * static_cast<double>(j) + 1) / static_cast<double>(n),
                                   -1 + (2 * static_cast<double>(i) + 1) / static_cast<double>(n)});
    }
  }
  return tensor(points, {n * n, 2}, f64);
}

}  // namespace

Section run_relu2(const Settings& settings) {
  Section section("relu2", "S4. One squared ReLU node: the H2 loss", {"loss", "start", "t", "w1", "w2", "v"});
  section.paragraph(
      "For g = relu(w·x)² second derivatives exist, and I₃ = ½E|D²g - D²g*|² can join the loss. All three gradients "
      "point away from the teacher in the whole "
      "region |w - w*| < |w*|, so each that is added makes V fall faster.");
  section.formula(
      "I₁ = L = ½ (3/2 |w|⁴ + 3/2 |w*|⁴ - |w|²|w*|²/π (3 sin θ cos θ + (π - θ)(1 + 2 cos² θ)))\n"
      "I₂ = J = 2 (½|w|⁴ + ½|w*|⁴ - (w·w*)|w||w*|/π (sin θ + (π - θ) cos θ))\n"
      "I₃ = 2 (½|w|⁴ + ½|w*|⁴ - (w·w*)² (π - θ)/π),   sample-wise ∇I₃ = 4|w|²w - 4(π - θ)/π (w·w*) w*\n"
      "(w - w*)·∇I_j > 0 for j = 1, 2, 3");
  const Tensor teacher = tensor({1, 0}, {2}, f64);
  const std::int64_t n = settings.grid;
  const Tensor w = square_points(n), away = w - teacher, distance = dot(away, away);
  struct Product {
    const char* title;
    Tensor gradient;
  };
  const Product products[] = {{"I₁", relu2_node::value_gradient(w, teacher)},
                              {"I₂", relu2_node::slope_gradient(w, teacher)},
                              {"I₃ sample-wise", relu2_node::curvature_gradient(w, teacher)},
                              {"I₃ population", relu2_node::curvature_population_gradient(w, teacher)}};
  const std::vector<double> places = distance.to_vector<double>();
  std::vector<apps::HeatMap> maps;
  for (const Product& product : products) {
    std::vector<double> values = (dot(away, product.gradient) / distance).to_vector<double>();
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (places[i] >= 1 || places[i] == 0) {
        values[i] = std::nan("");
      } else {
        least = std::min(least, values[i]);
      }
    }
    section.at_least(fmt::format("least (w - w*)·∇{}/|w - w*|² over the region", product.title), 0, least);
    apps::HeatMap map;
    map.title = fmt::format("(w - w*)·∇{} / |w - w*|²", product.title);
    map.x_label = "w₁";
    map.y_label = "w₂";
    map.rows = map.columns = n;
    map.x_low = 0, map.x_high = 2, map.y_low = -1, map.y_high = 1;
    map.values = std::move(values);
    map.log_values = true;
    maps.push_back(std::move(map));
  }
  maps.pop_back();  // the population's looks like the sample-wise one

  std::vector<double> points;
  for (std::int64_t i = 0; i < settings.starts; ++i) {
    const double turn = 2 * pi * (static_cast<double>(i) + 0.25) / static_cast<double>(settings.starts);
    points.insert(points.end(), {1 + 0.95 * std::cos(turn), 0.95 * std::sin(turn)});
  }
  const Tensor starts = tensor(points, {settings.starts, 2}, f64);
  const char* names[] = {"l2", "h1", "h2"};
  const char* titles[] = {"L2: I₁", "H1: I₁ + I₂", "H2: I₁ + I₂ + I₃"};
  apps::Chart falls{"", "t", "V = ½|w - w*|²"}, portrait{"paths", "w₁", "w₂"};
  falls.log_y = true;
  portrait.equal_axes = true;
  portrait.series.push_back(circle("", 1, 0, 1, soft_colour, true));
  std::vector<double> reached[3];
  double rise = -std::numeric_limits<double>::infinity();
  const double last = settings.time / 5;
  for (int order = 0; order < 3; ++order) {
    const Path path = integrate([&](const Tensor& state) { return -gradient(order, state, teacher); }, starts,
                                even_times(last, 241), settings.tolerance);
    const int colour = order == 0 ? l2_colour : order == 1 ? h1_colour : h2_colour;
    for (std::int64_t s = 0; s < settings.starts; ++s) {
      const std::vector<double> x = element(path, 2 * s), y = element(path, 2 * s + 1);
      std::vector<double> v;
      for (std::size_t i = 0; i < x.size(); ++i) {
        v.push_back(0.5 * ((x[i] - 1) * (x[i] - 1) + y[i] * y[i]));
        section.row(names[order], s, path.times[i], x[i], y[i], v[i]);
        if (i > 0) rise = std::max(rise, (v[i] - v[i - 1]) / v[0] - 10 * settings.tolerance);
      }
      reached[order].push_back(first_time_below(path.times, v, 1e-4 * v[0]));
      for (double& value : v) {
        if (value < 1e-15) value = std::nan("");  // below what the integrator resolves
      }
      falls.series.push_back(line(once(titles[order], s), path.times, v, colour, order == 0, s == 0 ? 1 : 0.45));
      portrait.series.push_back(line(once(titles[order], s), x, y, colour, order == 0, 0.8));
    }
  }
  portrait.series.push_back(point("", 1, 0, 6));
  section.at_most("largest rise of V between two times, over V(0)", 0, rise);
  const double times[] = {median_time(reached[0]), median_time(reached[1]), median_time(reached[2])};
  // Nothing is claimed of a --time too short for it.
  if (!std::isnan(times[0] / times[1])) {
    section.at_least("times sooner at V = 1e-4 V(0), H1 over L2", 1, times[0] / times[1]);
  }
  if (!std::isnan(times[1] / times[2])) {
    section.at_least("times sooner at V = 1e-4 V(0), H2 over H1", 1, times[1] / times[2]);
  }
  section.heat_maps(
      maps, "The inner products over the region, divided by |w - w*|²: positive everywhere (logarithmic colours)");
  section.charts({falls, portrait}, "V from every start of the fan, and the paths");
  apps::Table table{{"loss", "median time to V = 1e-4 V(0)", "times faster than L2"}, {}};
  for (int order = 0; order < 3; ++order) {
    table.rows.push_back({titles[order], show_time(times[order]), show_ratio(times[0], times[order])});
  }
  section.table(table, fmt::format("Over {} starts", settings.starts));
  return section;
}

}  // namespace sg::theory

// The experiment `flow`: gradient flows of one ReLU node from a fan of starting points (S2).
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "apps/theory/closed_forms.h"
#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "apps/theory/runge_kutta.h"
#include "engine/autodiff.h"
#include "engine/linalg.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::theory {

namespace {

using std::numbers::pi;

/// Where the population gradient of J jumps, the flow slides; this much smoothing lets the integrator follow.
constexpr double smoothing = 1e-3;

struct Kind {
  const char* name;   // in the CSV file
  const char* title;  // in the charts
  Tensor (*gradient)(const Tensor& w, const Tensor& teacher);
  Tensor (*rate)(const Tensor& theta);
};

const Kind kinds[] = {
    {"l2", "L2", relu_node::value_gradient, relu_node::value_rate},
    {"h1", "H1, sample-wise",
     [](const Tensor& w, const Tensor& t) { return relu_node::value_gradient(w, t) + relu_node::slope_gradient(w, t); },
     [](const Tensor& theta) { return relu_node::value_rate(theta) + relu_node::slope_rate(theta); }},
    {"h1_population", "H1, population",
     [](const Tensor& w, const Tensor& t) {
       return relu_node::value_gradient(w, t) + relu_node::slope_population_gradient(w, t, smoothing);
     },
     [](const Tensor& theta) { return relu_node::value_rate(theta) + relu_node::slope_rate(theta); }},
};

/// Points at 0.95 of the region's radius, all around the teacher (1, 0).
Tensor fan(std::int64_t count) {
  std::vector<double> points;
  for (std::int64_t i = 0; i < count; ++i) {
    const double turn = 2 * pi * (static_cast<double>(i) + 0.25) / static_cast<double>(count);
    points.insert(points.end(), {1 + 0.95 * std::cos(turn), 0.95 * std::sin(turn)});
  }
  return tensor(points, {count, 2}, f64);
}

/// The flow of [S, 3]: the weights, and the integral of what the theorem takes off V.
Path follow(const Kind& kind, const Tensor& starts, const Tensor& teacher, const Settings& settings) {
  const Flow flow = [&](const Tensor& state) {
    const Tensor w = slice(state, -1, 0, 2);
    const Tensor decrease = kind.rate(angle(w, teacher)) / (4 * pi) * (dot(w, w) + dot(teacher, teacher));
    return concat({-kind.gradient(w, teacher), decrease}, -1);
  };
  const Tensor begin = concat({starts, zeros({starts.shape(0), 1}, f64)}, -1);
  return integrate(flow, begin, even_times(settings.time, 241), settings.tolerance);
}

std::vector<double> lyapunov(const Path& path, std::int64_t start) {
  const std::vector<double> x = element(path, 3 * start), y = element(path, 3 * start + 1);
  std::vector<double> v;
  for (std::size_t i = 0; i < x.size(); ++i) v.push_back(0.5 * ((x[i] - 1) * (x[i] - 1) + y[i] * y[i]));
  return v;
}

std::vector<double> bound(const Path& path, std::int64_t start) {
  std::vector<double> values = element(path, 3 * start + 2);
  const double begin = lyapunov(path, start).front();
  for (double& value : values) value = begin - value;
  return values;
}

/// Random points of the region, off its centre.
Tensor region_points(std::int64_t count, std::uint64_t seed) {
  Philox random(seed, stream_of({2, 1}));
  std::vector<double> points;
  while (static_cast<std::int64_t>(points.size()) < 2 * count) {
    const double x = 2 * random.uniform() - 1, y = 2 * random.uniform() - 1, radius = std::hypot(x, y);
    if (radius > 0.02 && radius < 1) points.insert(points.end(), {1 + x, y});
  }
  return tensor(points, {count, 2}, f64);
}

void check_region(Section& section, const Tensor& teacher, std::uint64_t seed) {
  const Tensor w = region_points(20000, seed);
  const Tensor scale = (dot(w, w) + dot(teacher, teacher)) / (4 * pi);
  const Tensor slope = dot(w - teacher, relu_node::slope_gradient(w, teacher)),
               value = dot(w - teacher, relu_node::value_gradient(w, teacher));
  const Tensor population = dot(w - teacher, relu_node::slope_population_gradient(w, teacher));
  const Tensor least = relu_node::slope_rate(angle(w, teacher)) * scale;
  section.at_least("least (w - w*)·∇J over its bound, 20,000 points of the region", 1, min(slope / least).item());
  section.at_least("the same with the population gradient", 1, min(population / least).item());
  section.at_least("least (w - w*)·∇L over Tian's bound", 1,
                   min(value / (relu_node::value_rate(angle(w, teacher)) * scale)).item());
  section.at_most("largest |∇L - the engine's derivative of L|", 1e-12,
                  max(abs(relu_node::value_gradient(w, teacher) - grad(relu_node::value_loss(w, teacher), w))).item());
  section.at_most(
      "largest |population ∇J - the engine's derivative of J|", 1e-12,
      max(abs(relu_node::slope_population_gradient(w, teacher) - grad(relu_node::slope_loss(w, teacher), w))).item());
  const double theta = 0.5585993153;
  const Tensor form =
      tensor({2 * pi - 2 * theta, -(2 * pi - theta) * std::cos(theta), -(2 * pi - theta) * std::cos(theta), 2 * pi},
             {2, 2}, f64);
  section.equal("λ(0.5586), against the form's smallest eigenvalue", eigh(form).first.to_vector<double>().front(),
                relu_node::slope_rate(scalar(theta, f64)).item(), 1e-9);
}

}  // namespace

Section run_flow(const Settings& settings) {
  Section section("flow", "S2. One ReLU node: the gradient flow",
                  {"gradient", "start", "t", "w1", "w2", "v", "bound", "theta"});
  section.paragraph(
      "From anywhere in the region |w - w*| < |w*| the flow of H goes to the teacher, and V = ½|w - w*|² falls at "
      "least at the rate that λ(θ) gives, on top "
      "of what L's own flow does. (The print leaves out the factor 1/(4π) and takes V without the ½.)");
  section.formula(
      "L = |w|²/4 + |w*|²/4 - |w||w*|/(2π) (sin θ + (π - θ) cos θ)\n"
      "J = |w|²/4 + |w*|²/4 - (π - θ)/(2π) w·w*\n"
      "∇J = w/2 - (π - θ)/(2π) w*   sample-wise;   population: less |w*| cos θ/(2π sin θ) (u - cos θ v)\n"
      "(w - w*)·∇J ≥ λ(θ)/(4π) (|w|² + |w*|²),   λ(θ) = (2π - θ) - √(θ² + (2π - θ)² cos² θ)");
  const Tensor teacher = tensor({1, 0}, {2}, f64), starts = fan(settings.starts);
  std::vector<Path> paths;
  for (const Kind& kind : kinds) paths.push_back(follow(kind, starts, teacher, settings));

  std::vector<apps::Chart> portraits;
  apps::Chart falls{"", "t", "V = ½|w - w*|²"}, bounds{"", "t", "V and its bound"};
  falls.log_y = true;
  double rise = -std::numeric_limits<double>::infinity(), slack = -rise, gain = -rise;
  std::vector<double> times_to[3];
  for (std::size_t k = 0; k < std::size(kinds); ++k) {
    const Path& path = paths[k];
    const int colour = k == 0 ? l2_colour : k == 1 ? h1_colour : h2_colour;
    apps::Chart portrait{kinds[k].title, "w₁", "w₂"};
    portrait.equal_axes = true;
    portrait.width = portrait.height = 400;
    portrait.series.push_back(circle("", 1, 0, 1, soft_colour, true));
    for (std::int64_t s = 0; s < settings.starts; ++s) {
      const std::vector<double> x = element(path, 3 * s), y = element(path, 3 * s + 1), v = lyapunov(path, s),
                                most = bound(path, s);
      const std::vector<double> reference = lyapunov(paths[0], s);
      for (std::size_t i = 0; i < v.size(); ++i) {
        section.row(kinds[k].name, s, path.times[i], x[i], y[i], v[i], most[i], std::atan2(std::abs(y[i]), x[i]));
        if (i == 0) continue;
        rise = std::max(rise, (v[i] - v[i - 1]) / v[0] - 10 * settings.tolerance);
        slack = std::min(slack, (most[i] - v[i]) / v[0] + 10 * settings.tolerance);
        if (k > 0 && v[i] > 1e3 * settings.tolerance * settings.tolerance) gain = std::min(gain, reference[i] / v[i]);
      }
      times_to[k].push_back(first_time_below(path.times, v, 1e-4 * v[0]));
      portrait.series.push_back(line("", x, y, colour, k == 0));
      portrait.series.push_back(arrow(x, y, colour, 0.06));
      portrait.series.push_back(point("", x[0], y[0], colour, 1.2));
      falls.series.push_back(line(once(kinds[k].title, s), path.times, v, colour, k == 0, s == 0 ? 1 : 0.45));
      if (s == settings.starts / 4) {
        bounds.series.push_back(line(kinds[k].title, path.times, v, colour, k == 0));
        if (k < 2) {
          bounds.series.push_back(line(k == 0 ? "bound, L2" : "bound, H1", path.times, most, colour, k == 0, 0.45));
        }
      }
    }
    portrait.series.push_back(point("", 1, 0, 6));
    portraits.push_back(portrait);
  }
  check_region(section, teacher, settings.common.seed);
  section.at_most("largest rise of V between two times, over V(0)", 0, rise);
  section.at_least("least (bound - V)/V(0) along all paths", 0, slack);
  section.at_least("least V under L2 over V under H1, same start and time", 1, gain);
  section.charts(portraits, "Paths to w* = (1, 0) from a fan of starting points; shaded: |w - w*| < |w*|");
  section.charts({falls, bounds},
                 "V from every start; and from one of them, with the bound V(0) - ∫ λ(θ)/(4π) (|w|² + |w*|²) dt along "
                 "its path (for H1, L's and J's rates together)");
  apps::Table table{{"gradient", "median time to V = 1e-4 V(0)", "times faster than L2"}, {}};
  const double reference = median_time(times_to[0]);
  for (std::size_t k = 0; k < std::size(kinds); ++k) {
    const double time = median_time(times_to[k]);
    table.rows.push_back({kinds[k].title, show_time(time), show_ratio(reference, time)});
  }
  section.table(table, fmt::format("Over {} starts. The population gradient of J jumps across the teacher's direction; "
                                   "its flow reaches that line and slides along it.",
                                   settings.starts));
  return section;
}

}  // namespace sg::theory

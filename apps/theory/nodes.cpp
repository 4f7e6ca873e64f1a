// The experiment `nodes`: K nodes with an orthonormal teacher from a symmetric start (S5).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "apps/theory/node_forms.h"
#include "apps/theory/runge_kutta.h"
#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::theory {

namespace {

using std::numbers::pi;

constexpr Loss losses[] = {Loss::l2, Loss::h1};
int colour_of(Loss loss) { return loss == Loss::l2 ? l2_colour : h1_colour; }
const char* title_of(Loss loss) { return loss == Loss::l2 ? "L2" : "H1"; }

Flow flow_of(Loss loss, std::int64_t nodes) {
  return [=](const Tensor& xy) { return symmetric_flow(loss, xy, nodes); };
}

/// The flow of x = y, [1]: by itself, because across it rounding errors grow until they leave the saddle.
Flow diagonal_flow(Loss loss, std::int64_t nodes) {
  return [=](const Tensor& x) { return slice(symmetric_flow(loss, concat({x, x}, -1), nodes), -1, 0, 1); };
}

/// Where portraits begin: along the upper and the outer edge, below the diagonal, and some beyond it.
std::vector<double> portrait_starts(double top) {
  std::vector<double> points;
  for (const double x : {0.3, 0.6, 0.9, 1.2}) points.insert(points.end(), {x, std::min(top, 0.97 * x)});
  for (const double part : {0.02, 0.35, 0.7}) points.insert(points.end(), {1.2, part * top});
  for (const double part : {0.15, 0.6}) points.insert(points.end(), {0.04, part * 0.04});
  points.insert(points.end(), {0.25 * top, 0.9 * top, 0.6 * top, top, 0.02, 0.03});
  return points;
}

/// Slowest rate towards (1, 0), read off a simulation that begins close to it along the slow direction.
double simulated_rate(Loss loss, std::int64_t nodes, double slowest) {
  const auto k = static_cast<double>(nodes);
  const double size = 1e-4 / k;
  const Path path =
      integrate(flow_of(loss, nodes), tensor({1 - (k - 1) * size, size}, {2}, f64), even_times(6 / slowest, 61), 1e-13);
  const std::vector<double> x = element(path, 0), y = element(path, 1);
  std::vector<double> distance;
  for (std::size_t i = 0; i < x.size(); ++i) distance.push_back(std::hypot(x[i] - 1, y[i]));
  return fitted_rate(path.times, distance, 30, 60);
}

void saddles(Section& section, std::int64_t nodes, apps::Table& table, double tolerance) {
  for (const Loss loss : losses) {
    const auto k = static_cast<double>(nodes);
    const double at = saddle(loss, nodes), rate = saddle_rate(loss, nodes);
    const Path path = integrate(diagonal_flow(loss, nodes), tensor({0.9}, {1}, f64), even_times(20 / k, 41),
                                std::min(tolerance, 1e-11));
    const std::vector<double> x = element(path, 0);
    std::vector<double> distance;
    for (const double value : x) distance.push_back(std::abs(value - at));
    const std::string name = fmt::format("K = {}, {}", nodes, title_of(loss));
    const double fitted = fitted_rate(path.times, distance, 0, 20);
    const Path end =
        integrate(diagonal_flow(loss, nodes), tensor({0.9}, {1}, f64), {60 / k}, std::min(tolerance, 1e-11));
    section.equal(name + ": saddle from x = y", at, element(end, 0)[0], 1e-9);
    section.equal(name + ": rate towards the saddle", rate, fitted, 1e-3);
    table.rows.push_back({name, fmt::format("{:.10f}", at), fmt::format("{:.10f}", element(end, 0)[0]),
                          apps::show_figure(rate), apps::show_figure(fitted)});
  }
}

void linearised(Section& section, std::int64_t nodes, apps::Table& table) {
  double slowest[2];
  for (const Loss loss : losses) {
    const auto k = static_cast<double>(nodes);
    const Tensor xy = tensor({1, 0}, {2}, f64), matrix = symmetric_linear(loss, nodes);
    const Tensor by_engine = -jacobian(symmetric_flow(loss, xy, nodes), xy);
    const std::string name = fmt::format("K = {}, {}", nodes, title_of(loss));
    section.at_most(name + ": largest |M - the engine's Jacobian at (1, 0)|", 1e-12 * k,
                    max(abs(matrix - by_engine)).item());
    const auto exact = eigenvalues(matrix);
    slowest[static_cast<int>(loss)] = exact[0].real();
    const double factor = loss == Loss::l2 ? 1 : 2, measured = simulated_rate(loss, nodes, exact[0].real());
    section.equal(name + ": slowest rate towards (1, 0)", exact[0].real(), measured, 0.01);
    table.rows.push_back({name, fmt::format("{:.6f}, {:.6f}", exact[0].real(), exact[1].real()),
                          apps::show_figure(measured), fmt::format("{:.6f}, {:.6f}", factor / 4, factor * (k + 1) / 4),
                          fmt::format("{:.4f}, {:.4f}", factor * pi / 2, factor * (k + 1) * pi / 2)});
  }
  section.at_least(fmt::format("K = {}: slowest rate, H1 over L2", nodes), 1, slowest[1] / slowest[0]);
}

/// The flow of all K x K weights beside the one of (x, y).
void full_flow(Section& section, std::int64_t nodes, double tolerance) {
  const Tensor start = tensor({0.6, 0.3}, {2}, f64), teacher = eye(nodes, f64);
  for (const Loss loss : losses) {
    const std::vector<double> times{0.5, 2, 8};
    const Path few = integrate(flow_of(loss, nodes), start, times, tolerance);
    const Path all = integrate([&](const Tensor& w) { return -nodes_gradient(loss, w, teacher); },
                               symmetric_weights(start, nodes), times, tolerance);
    double worst = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      worst = std::max(worst, max(abs(all.states[i] - symmetric_weights(few.states[i], nodes))).item());
    }
    section.at_most(fmt::format("K = {}, {}: largest departure of the K × K flow from x, y", nodes, title_of(loss)),
                    std::max(1e-10, 1e3 * tolerance), worst);
  }
}

apps::Chart portrait(Section& section, Loss loss, std::int64_t nodes, double tolerance) {
  const double top = std::min(0.6, 1.7 * saddle(Loss::l2, nodes));
  const std::vector<double> points = portrait_starts(top);
  const auto count = static_cast<std::int64_t>(points.size() / 2);
  std::vector<double> times;
  for (int i = 0; i <= 240; ++i) times.push_back(40 * std::pow(i / 240.0, 4));
  const Path path = integrate(flow_of(loss, nodes), tensor(points, {count, 2}, f64), times, std::max(tolerance, 1e-8));
  apps::Chart chart{fmt::format("K = {}, {}", nodes, title_of(loss)), "x", "y"};
  for (std::int64_t s = 0; s < count; ++s) {
    const std::vector<double> x = element(path, 2 * s), y = element(path, 2 * s + 1);
    for (std::size_t i = 0; i < x.size(); i += 4) section.row(nodes, name_of(loss), s, path.times[i], x[i], y[i]);
    chart.series.push_back(line("", x, y, colour_of(loss), loss == Loss::l2, 0.7));
  }
  const double edge = std::min(1.2, top);
  chart.series.push_back(line("x = y", {0, edge}, {0, edge}, soft_colour, false, 0.5));
  chart.series.push_back(point("saddle", saddle(loss, nodes), saddle(loss, nodes), other_colour));
  chart.series.push_back(point("teacher (1, 0)", 1, 0, 6));
  return chart;
}

}  // namespace

Section run_nodes(const Settings& settings) {
  Section section("nodes", "S5. K nodes: saddle and teacher", {"k", "loss", "start", "t", "x", "y"});
  section.paragraph(
      "With an orthonormal teacher and the start w_l = x w*_l + y Σ_{j≠l} w*_j the K × K weights stay of this form, so "
      "the flow is one of (x, y). From x > y it "
      "goes to the teacher (1, 0); from x = y it goes to a saddle where all nodes are the same. H1 is faster on both "
      "ways. (The print gives the linearised "
      "matrices as -M₃ and -2M₃: their leading terms, without the factor 1/(2π).)");
  section.formula(
      "near (1, 0), from y ≥ 0: flow = -M (x - 1, y),   M₃ = [[π, (K - 1)π/2], [π/2, Kπ/2]], eigenvalues π/2 and (K + "
      "1)π/2\n"
      "2π M_L2 = M₃ + diag(K - 1, 1)      2π M_H1 = 2M₃ + [[K - 1, √(K - 1)], [0, 2]]\n"
      "from x = y:  x* = (√(K-1) - arccos(1/√K) + π)/(πK) at the rate K/2 (L2),   (√(K-1) + 2π - 2 arccos(1/√K))/(2πK) "
      "at the rate K (H1)");
  apps::Table saddle_table{{"", "saddle", "simulated", "rate", "fitted"}, {}};
  apps::Table rates{{"", "eigenvalues of M", "slowest, simulated", "as printed, over 2π", "as printed"}, {}};
  std::vector<apps::Chart> portraits;
  for (const std::int64_t nodes : settings.node_counts) {
    saddles(section, nodes, saddle_table, settings.tolerance);
    linearised(section, nodes, rates);
    if (nodes <= 10) full_flow(section, nodes, settings.tolerance);
    for (const Loss loss : losses) portraits.push_back(portrait(section, loss, nodes, settings.tolerance));
  }
  section.charts(
      portraits,
      "Paths of (x, y). The saddle attracts along x = y alone; every path below the line goes on to the teacher");
  section.table(rates, "Near the teacher");
  section.table(saddle_table, "Along x = y");
  return section;
}

}  // namespace sg::theory

// The experiment `hessian`: condition numbers of one ReLU node over angle and length (S3).
#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/theory/closed_forms.h"
#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::theory {

namespace {

struct Spectra {
  std::vector<std::vector<std::complex<double>>> value, sobolev;
  double asymmetry = 0;  // of the engine's Hessian of L against the Jacobian of its closed gradient
};

/// Of the Jacobians of grad L and grad H at w [N, 3], for the teacher (1, 0, 0).
Spectra spectra_at(const Tensor& w) {
  const Tensor teacher = tensor({1, 0, 0}, {3}, f64);
  const Tensor value = relu_node::value_gradient(w, teacher);
  const Tensor by_value = batched_jacobian(value, w);
  const Tensor by_sobolev = batched_jacobian(value + relu_node::slope_gradient(w, teacher), w);
  Spectra spectra{batched_eigenvalues(by_value), batched_eigenvalues(by_sobolev)};
  spectra.asymmetry = max(abs(by_value - batched_hessian(relu_node::value_loss(w, teacher), w))).item();
  return spectra;
}

/// Points of these lengths and angles from the teacher: [N, 3].
Tensor points_at(const std::vector<std::pair<double, double>>& places) {
  std::vector<double> points;
  for (const auto& [ratio, theta] : places) {
    points.insert(points.end(), {ratio * std::cos(theta), ratio * std::sin(theta), 0});
  }
  return tensor(points, {static_cast<std::int64_t>(places.size()), 3}, f64);
}

}  // namespace

Section run_hessian(const Settings& settings) {
  Section section("hessian", "S3. Condition numbers of the Hessians",
                  {"theta", "ratio", "kappa_l", "kappa_h", "kappa_l_formula", "kappa_h_formula"});
  section.paragraph(
      "Wherever L is convex at w, H is better conditioned than L. (The print has the two swapped.) ∇J is the "
      "sample-wise one: its Jacobian is not "
      "symmetric, but its eigenvalues are real, and κ is the largest over the smallest.");
  section.formula(
      "with a = |w*| sin θ / (2π|w|):   eigenvalues of D∇L: ½, ½ - a, ½ - 2a;   of D∇H: 1, 1 - a, 1 - 3a\n"
      "for a < ¼:   κ_H = 1/(1 - 3a) < κ_L = 1/(1 - 4a)");
  const std::int64_t n = settings.grid;
  const double low_theta = 0.02, high_theta = 3.12, low_ratio = 0.2, high_ratio = 2;
  std::vector<std::pair<double, double>> places;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      places.emplace_back(
          low_ratio + (high_ratio - low_ratio) * (static_cast<double>(i) + 0.5) / static_cast<double>(n),
          low_theta + (high_theta - low_theta) * (static_cast<double>(j) + 0.5) / static_cast<double>(n));
    }
  }
  const Spectra spectra = spectra_at(points_at(places));
  double value_error = 0, sobolev_error = 0, kappa_error = 0, imaginary = 0,
         least = std::numeric_limits<double>::infinity();
  apps::HeatMap map;
  for (std::size_t p = 0; p < places.size(); ++p) {
    const double a = turning(places[p].first, places[p].second);
    double of_value[3] = {0.5, 0.5 - a, 0.5 - 2 * a}, of_sobolev[3] = {1, 1 - a, 1 - 3 * a};
    std::sort(of_value, of_value + 3);
    std::sort(of_sobolev, of_sobolev + 3);
    for (int i = 0; i < 3; ++i) {
      value_error = std::max(value_error, std::abs(spectra.value[p][i].real() - of_value[i]));
      sobolev_error = std::max(sobolev_error, std::abs(spectra.sobolev[p][i].real() - of_sobolev[i]));
      imaginary = std::max(imaginary, std::abs(spectra.sobolev[p][i].imag()));
    }
    const double nothing = std::nan("");
    const bool convex = a < 0.25;
    const ConditionNumbers formula = condition_numbers(a);
    const double kappa_l = convex ? condition_number(spectra.value[p]) : nothing,
                 kappa_h = convex ? condition_number(spectra.sobolev[p]) : nothing;
    section.row(places[p].second, places[p].first, kappa_l, kappa_h, convex ? formula.value : nothing,
                convex ? formula.sobolev : nothing);
    map.values.push_back(kappa_l / kappa_h);
    if (!convex) continue;
    least = std::min(least, kappa_l / kappa_h);
    if (a < 0.24) {
      kappa_error =
          std::max({kappa_error, std::abs(kappa_l / formula.value - 1), std::abs(kappa_h / formula.sobolev - 1)});
    }
  }
  const std::vector<std::pair<double, double>> chosen{{1, 0.3}, {1, 0.8}, {1.5, 1.2}, {0.9, 1.0}};
  const Spectra at_chosen = spectra_at(points_at(chosen));
  apps::Table table{{"|w|/|w*|, θ", "κ_L", "κ_H", "κ_L / κ_H"}, {}};
  for (std::size_t p = 0; p < chosen.size(); ++p) {
    const ConditionNumbers formula = condition_numbers(turning(chosen[p].first, chosen[p].second));
    const double kappa_l = condition_number(at_chosen.value[p]), kappa_h = condition_number(at_chosen.sobolev[p]);
    const std::string place = fmt::format("|w|/|w*| = {}, θ = {}", chosen[p].first, chosen[p].second);
    section.equal("κ_L at " + place, formula.value, kappa_l, 1e-9);
    section.equal("κ_H at " + place, formula.sobolev, kappa_h, 1e-9);
    table.rows.push_back({place, fmt::format("{:.10f}", kappa_l), fmt::format("{:.10f}", kappa_h),
                          apps::show_figure(kappa_l / kappa_h)});
  }
  section.at_most("largest difference of an eigenvalue of D∇L, over the grid", 1e-12, value_error);
  section.at_most("largest difference of an eigenvalue of D∇H, over the grid", 1e-9, sobolev_error);
  section.at_most("largest imaginary part of an eigenvalue of D∇H", 1e-9, imaginary);
  section.at_most("largest relative difference of κ_L, κ_H, where a < 0.24", 1e-9, kappa_error);
  section.at_most("D∇L against the engine's Hessian of L", 1e-9, spectra.asymmetry);
  section.at_least("least κ_L / κ_H where a < ¼", 1, least);

  map.title = "κ_L / κ_H";
  map.x_label = "θ";
  map.y_label = "|w| / |w*|";
  map.rows = map.columns = n;
  map.x_low = low_theta, map.x_high = high_theta, map.y_low = low_ratio, map.y_high = high_ratio;
  map.low = 1, map.high = 3;
  apps::Chart chart{"|w| = |w*|", "θ", "condition number"};
  std::vector<double> thetas, kappas[2];
  for (int i = 1; i < 150; ++i) {
    const double theta = i * 0.0209;
    thetas.push_back(theta);
    const ConditionNumbers formula = condition_numbers(turning(1, theta));
    kappas[0].push_back(formula.value);
    kappas[1].push_back(formula.sobolev);
  }
  chart.series = {line("κ_L", thetas, kappas[0], l2_colour, true), line("κ_H", thetas, kappas[1], h1_colour)};
  section.heat_maps({map},
                    "How many times better conditioned H is. Blank: L is not convex there (a ≥ ¼); the scale ends at "
                    "3, the ratio grows without bound towards the blank part");
  section.chart(chart, "Along the line of equal lengths");
  section.table(table, "By the engine's derivatives of the closed gradients and LAPACK");
  return section;
}

}  // namespace sg::theory

// The experiment `toeplitz`: a Toeplitz matrix of weights near the teacher (S6).
#include <algorithm>
#include <cmath>

#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "apps/theory/node_forms.h"
#include "apps/theory/runge_kutta.h"
#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::theory {

namespace {

constexpr Loss losses[] = {Loss::l2, Loss::h1};
const char* title_of(Loss loss) { return loss == Loss::l2 ? "L2" : "H1"; }

/// The velocity of the first row of the weights whose first row this is, and whose other rows follow from it.
Tensor first_row_velocity(Loss loss, const Tensor& row) {
  return -slice(nodes_gradient(loss, toeplitz(row), eye(row.shape(-1), f64)), -2, 0, 1);
}

/// -M T - kink(T), for T of shape [K].
Tensor linear_velocity(Loss loss, const Tensor& matrix, const Tensor& shift) {
  return -squeeze(matmul(matrix, unsqueeze(shift, -1)), -1) - toeplitz_kink(loss, shift);
}

Tensor corner(std::int64_t k) {
  std::vector<double> values(static_cast<std::size_t>(k), 0.0);
  values[0] = 1;
  return tensor(values, {k}, f64);
}

/// M with the kink as it is along one direction of (t_2, ..., t_K).
Tensor matrix_along(Loss loss, const Tensor& shift) {
  if (loss == Loss::l2) return toeplitz_linear(loss, shift.size());
  return toeplitz_linear(loss, shift.size()) + jacobian(toeplitz_kink(loss, shift), shift);
}

std::string show_eigenvalues(const std::vector<std::complex<double>>& values) {
  std::string text;
  for (const auto& value : values) {
    text += text.empty() ? "" : ", ";
    text += std::abs(value.imag()) < 1e-9 ? fmt::format("{:.4f}", value.real())
                                          : fmt::format("{:.4f}{:+.4f}i", value.real(), value.imag());
  }
  return text;
}

}  // namespace

Section run_toeplitz(const Settings& settings) {
  const std::int64_t k = settings.toeplitz_size;
  std::vector<std::string> columns{"loss", "flow", "t"};
  for (std::int64_t i = 1; i <= k; ++i) columns.push_back(fmt::format("T{}", i));
  Section section("toeplitz", fmt::format("S6. A Toeplitz start, K = {}", k), columns);
  section.paragraph(
      "For weights W = toeplitz(t₁, ..., t_K) near the teacher the flow of the first row, with the other rows taken "
      "from it, is linear in "
      "T = (t₁ - 1, t₂, ..., t_K). H1's matrix is twice L2's but for K - 1 in the corner, and has one term more, |(t₂, "
      "..., t_K)|/(2π), which pushes t₁ down "
      "from all sides. Both bring T to 0, H1 faster.");
  section.formula(
      "dT/dt = -M T,   2π M_L2: row c is π t_c + (π/2) Σ_{j≠1} (w_j - w*_j)_c + t_c, and in row 1 (K - 1)(t₁ - 1) "
      "instead of t_c\n"
      "M_H1 = 2 M_L2 - diag(K - 1, 0, ...)/(2π)   and   dt₁/dt gets  -|(t₂, ..., t_K)|/(2π)");
  // A start off the teacher by about 0.05, of mixed signs.
  std::vector<double> shift_values;
  for (std::int64_t i = 0; i < k; ++i) {
    shift_values.push_back((i % 3 == 0 ? -0.05 : 0.04) / (1 + 0.4 * static_cast<double>(i)));
  }
  const Tensor shift = tensor(shift_values, {k}, f64), teacher = eye(k, f64);
  apps::Table table{
      {"", "eigenvalues of M", "with the kink, as at the start below", "e-folding times of |T|, simulated"}, {}};
  double slowest[2], decay[2];
  std::vector<apps::Chart> charts;
  double departure[2];
  for (const Loss loss : losses) {
    const int which = static_cast<int>(loss);
    const Tensor matrix = toeplitz_linear(loss, k), at_teacher = corner(k);
    const Tensor by_engine = -squeeze(jacobian(first_row_velocity(loss, at_teacher), at_teacher), 0);
    section.at_most(fmt::format("{}: largest |M - the engine's Jacobian at the teacher|", title_of(loss)),
                    1e-12 * static_cast<double>(k), max(abs(matrix - by_engine)).item());
    const auto values = eigenvalues(matrix), along = eigenvalues(matrix_along(loss, shift));
    slowest[which] = values[0].real();
    section.at_least(fmt::format("{}: least real part of an eigenvalue", title_of(loss)), 0, values[0].real());
    // Very near the teacher both velocities agree, the kink included.
    const Tensor close = shift * 1e-4;
    const Tensor full = squeeze(first_row_velocity(loss, corner(k) + close), 0),
                 linear = linear_velocity(loss, matrix, close);
    section.at_most(fmt::format("{}: full against linear velocity at 1e-4 of the start, relative", title_of(loss)),
                    1e-3, (sqrt(sum(square(full - linear))) / sqrt(sum(square(linear)))).item());

    const std::vector<double> times = even_times(12, 121);
    const Path linear_path =
        integrate([&](const Tensor& t) { return linear_velocity(loss, matrix, t); }, shift, times, settings.tolerance);
    const Path full_path = integrate([&](const Tensor& w) { return -nodes_gradient(loss, w, teacher); },
                                     toeplitz(corner(k) + shift), times, settings.tolerance);
    apps::Chart chart{fmt::format("first row under {}", title_of(loss)), "t", "T"};
    std::vector<double> size(times.size(), 0.0);
    departure[which] = 0;
    for (const bool all : {false, true}) {
      for (std::size_t i = 0; i < times.size(); ++i) {
        std::vector<std::string> cells{name_of(loss), all ? "full" : "linear", Section::cell(times[i])};
        for (std::int64_t c = 0; c < k; ++c) {
          cells.push_back(
              Section::cell((all ? full_path : linear_path).states[i].data<double>()[c] - (all && c == 0 ? 1 : 0)));
        }
        section.row(cells);
      }
    }
    for (std::int64_t c = 0; c < k; ++c) {
      const std::vector<double> linear_values = element(linear_path, c);
      std::vector<double> full_values = element(full_path, c);
      for (std::size_t i = 0; i < times.size(); ++i) {
        if (c == 0) full_values[i] -= 1;
        size[i] += full_values[i] * full_values[i];
        departure[which] = std::max(departure[which], std::abs(full_values[i] - linear_values[i]));
      }
      if (c >= 6) continue;  // as many as one can tell apart
      chart.series.push_back(line(c == 0 ? "t₁ - 1" : fmt::format("t{}", c + 1), times, full_values,
                                  static_cast<int>(c), loss == Loss::l2));
      chart.series.push_back(line("", times, linear_values, soft_colour, false, 0.5));
    }
    chart.series.back().name = "linearised";
    charts.push_back(chart);
    decay[which] = first_time_below(times, size, size[0] * std::exp(-4));
    table.rows.push_back(
        {title_of(loss), show_eigenvalues(values), show_eigenvalues(along), apps::show_figure(decay[which] / 2)});
  }
  section.at_least("least real part, H1 over L2", 1, slowest[1] / slowest[0]);
  section.at_least("times sooner at |T| = e^-2 |T(0)|, full flow, H1 over L2", 1, decay[0] / decay[1]);
  section.charts(charts, "The first row of the full K × K flow in colour, the linearised one thin and grey beside it");
  section.table(table, fmt::format("The full flow leaves the Toeplitz form, because the rows in the middle have two "
                                   "neighbours: its first row parts from the linearised one by "
                                   "at most {} (L2) and {} (H1), of a start at |T| = {}.",
                                   apps::show_figure(departure[0]), apps::show_figure(departure[1]),
                                   apps::show_figure(sqrt(sum(square(shift))).item())));
  return section;
}

}  // namespace sg::theory

// The experiment `linear`: condition numbers, contraction and generalisation of a linear model (S1).
#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/theory/drawing.h"
#include "apps/theory/experiments.h"
#include "engine/autodiff.h"
#include "engine/linalg.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::theory {

namespace {

/// The model X [n, d] with the wanted eigenvalues of X'X, and the weights w* [d].
struct Model {
  Tensor x, teacher;
  double lambda;
};

/// A product of reflections along random directions: orthogonal.
Tensor orthogonal(std::int64_t n, std::uint64_t seed, std::uint64_t stream) {
  Tensor q = eye(n, f64);
  const Tensor directions = random_normal({8, n}, 0, 1, seed, stream, f64);
  for (std::int64_t i = 0; i < 8; ++i) {
    const Tensor v = slice(directions, 0, i, i + 1);
    q = q - matmul(matmul(q, transpose(v)), v) * (2 / sum(square(v)));
  }
  return q.eval().detach();
}

Model make_model(const Settings& settings) {
  const auto d = static_cast<std::int64_t>(settings.spectrum.size()), n = d + 8;
  const Tensor roots = sqrt(tensor(settings.spectrum, {1, d}, f64));
  const Tensor u = slice(orthogonal(n, settings.common.seed, stream_of({1, 1})), 1, 0, d);
  const Tensor x = matmul(u * roots, transpose(orthogonal(d, settings.common.seed, stream_of({1, 2}))));
  return {x.eval().detach(), random_normal({d}, 0, 1, settings.common.seed, stream_of({1, 3}), f64), settings.lambda};
}

Tensor times(const Tensor& matrix, const Tensor& vector) { return squeeze(matmul(matrix, unsqueeze(vector, -1)), -1); }

/// L or H at w for the labels y.
Tensor loss_at(const Model& model, const Tensor& w, const Tensor& y, bool sobolev) {
  const Tensor value = 0.5 * sum(square(times(model.x, w) - y));
  return sobolev ? value + 0.5 * model.lambda * sum(square(w - model.teacher)) : value;
}

struct Descent {
  std::vector<double> steps, errors;  // |w - w*|
  double contraction = 0;             // a step's factor over the second half
};

Descent descend(const Model& model, bool sobolev, double smallest, double largest, std::uint64_t seed) {
  const std::int64_t d = model.teacher.size();
  const Tensor labels = times(model.x, model.teacher).eval().detach();
  Tensor w = (model.teacher + random_normal({d}, 0, 1, seed, stream_of({1, 4}), f64)).eval().detach();
  Descent descent;
  for (int step = 0; step <= 4000; ++step) {
    const double error = std::sqrt(sum(square(w - model.teacher)).item());
    descent.steps.push_back(step);
    descent.errors.push_back(error);
    if (error < 1e-10 * descent.errors.front()) break;
    w = (w - grad(loss_at(model, w, labels, sobolev), w) * (2 / (smallest + largest))).eval().detach();
  }
  const std::size_t last = descent.errors.size() - 1, half = last / 2;
  if (last > half && descent.errors[last] > 0) {
    descent.contraction = std::pow(descent.errors[last] / descent.errors[half], 1 / static_cast<double>(last - half));
  }
  return descent;
}

/// |X (w_hat - w*)|^2 over draws of the noise, and how far the mean of w_hat is from w*.
struct Errors {
  double mean = 0, standard_error = 0, predicted = 0, bias = 0;  // bias: largest component, in standard errors
};

Errors monte_carlo(const Model& model, const std::vector<double>& spectrum, double lambda, double noise,
                   std::int64_t draws, std::uint64_t seed) {
  const std::int64_t n = model.x.shape(0);
  const NoGrad no_grad;
  const Tensor noisy =
      random_normal({draws, n}, 0, noise, seed, stream_of({1, 5}), f64) + times(model.x, model.teacher);
  // The minimiser: (X'X + lambda I) w = X'y + lambda w*.
  const std::int64_t d = model.teacher.size();
  const Tensor inverse = sg::inverse(matmul(transpose(model.x), model.x) + lambda * eye(d, f64));
  const Tensor difference = (matmul(matmul(noisy, model.x) + lambda * model.teacher, inverse) - model.teacher).eval();
  const Tensor errors = sum(square(matmul(difference, transpose(model.x))), {1});
  const auto count = static_cast<double>(draws);
  Errors result;
  result.mean = mean(errors).item();
  result.standard_error = std::sqrt(variance(errors, {0}).item() / count);
  result.bias = max(abs(mean(difference, {0})) / sqrt(variance(difference, {0}) / count)).item();
  for (const double s : spectrum) result.predicted += noise * noise * s * s / ((s + lambda) * (s + lambda));
  return result;
}

}  // namespace

Section run_linear(const Settings& settings) {
  Section section("linear", "S1. A linear model", {"quantity", "index", "l2", "h1", "l2_predicted", "h1_predicted"});
  section.paragraph(
      "Known derivatives add λ to every eigenvalue of the Hessian: gradient descent contracts faster, and noisy labels "
      "cost less, although the labels of "
      "the derivatives are the only thing that is added.");
  section.formula(
      "L = ½|Xw - y|²   H = L + λ/2 |w - w*|²   κ_L = s_max / s_min   κ_H = (s_max + λ)/(s_min + λ)\n"
      "a step of descent contracts by (κ - 1)/(κ + 1);   E|X(ŵ - w*)|² = σ²d (L2),   σ² Σ s²/(s + λ)² (H1)");
  const Model model = make_model(settings);
  const auto [low, high] = std::minmax_element(settings.spectrum.begin(), settings.spectrum.end());
  const Tensor labels = times(model.x, model.teacher).eval().detach();
  const Tensor w = (model.teacher * 0.5).eval().detach();
  Descent descents[2];
  std::vector<double> spectra[2];
  for (const bool sobolev : {false, true}) {
    const std::string name = sobolev ? "H" : "L";
    const double shift = sobolev ? settings.lambda : 0;
    spectra[sobolev] = eigh(hessian(loss_at(model, w, labels, sobolev), w)).first.to_vector<double>();
    const double smallest = spectra[sobolev].front(), largest = spectra[sobolev].back();
    const double kappa = (*high + shift) / (*low + shift);
    // The smallest eigenvalue is known to rounding of the largest.
    section.equal("κ_" + name + " of the engine's Hessian", kappa, largest / smallest,
                  std::max(1e-9, 4 * kappa * std::numeric_limits<double>::epsilon()));
    descents[sobolev] = descend(model, sobolev, smallest, largest, settings.common.seed);
    section.equal("contraction a step, descent on " + name, (kappa - 1) / (kappa + 1), descents[sobolev].contraction,
                  0.01);
  }
  std::vector<double> sorted = settings.spectrum;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    section.row("spectrum", static_cast<std::int64_t>(i), spectra[0][i], spectra[1][i], sorted[i],
                sorted[i] + settings.lambda);
  }

  apps::Chart descent_chart{"gradient descent", "step", "|w - w*|"};
  descent_chart.log_y = true;
  for (const bool sobolev : {false, true}) {
    const Descent& descent = descents[sobolev];
    const double kappa = (*high + (sobolev ? settings.lambda : 0)) / (*low + (sobolev ? settings.lambda : 0));
    std::vector<double> predicted;
    for (const double step : descent.steps) {
      predicted.push_back(descent.errors.front() * std::pow((kappa - 1) / (kappa + 1), step));
    }
    for (std::size_t i = 0; i < descent.steps.size(); ++i) {
      const double nothing = std::nan("");
      section.row("contraction", static_cast<std::int64_t>(i), sobolev ? nothing : descent.errors[i],
                  sobolev ? descent.errors[i] : nothing, sobolev ? nothing : predicted[i],
                  sobolev ? predicted[i] : nothing);
    }
    descent_chart.series.push_back(
        line(sobolev ? "H1" : "L2", descent.steps, descent.errors, sobolev ? h1_colour : l2_colour, !sobolev));
    descent_chart.series.push_back(
        line(sobolev ? "slope (κ - 1)/(κ + 1)" : "", descent.steps, predicted, soft_colour, false, 0.5));
  }

  const double lambda = settings.lambda, noise = settings.noise;
  const Errors plain = monte_carlo(model, sorted, 0, noise, settings.draws, settings.common.seed);
  const Errors sobolev = monte_carlo(model, sorted, lambda, noise, settings.draws, settings.common.seed);
  section.row("error", settings.draws, plain.mean, sobolev.mean, plain.predicted, sobolev.predicted);
  section.equal("E|X(ŵ - w*)|², L2, within 4 standard errors", plain.predicted, plain.mean,
                4 * plain.standard_error / plain.predicted);
  section.equal("E|X(ŵ - w*)|², H1, within 4 standard errors", sobolev.predicted, sobolev.mean,
                4 * sobolev.standard_error / sobolev.predicted);
  section.at_most("bias of both minimisers, in standard errors", 4.5, std::max(plain.bias, sobolev.bias));

  apps::Chart error_chart{"error from noisy labels", "λ", "E|X(ŵ - w*)|²"};
  error_chart.log_x = true;
  std::vector<double> grid, curve, flat, points, measured;
  for (int i = 0; i <= 60; ++i) {
    grid.push_back(std::pow(10, -2 + i / 15.0));
    double value = 0;
    for (const double s : sorted) value += noise * noise * s * s / ((s + grid.back()) * (s + grid.back()));
    curve.push_back(value);
    flat.push_back(plain.predicted);
    if (i % 10 == 0) {
      points.push_back(grid.back());
      measured.push_back(monte_carlo(model, sorted, grid.back(), noise, std::min<std::int64_t>(settings.draws, 4000),
                                     settings.common.seed + 1)
                             .mean);
    }
  }
  error_chart.series = {line("L2: σ²d", grid, flat, l2_colour, true), line("H1: predicted", grid, curve, h1_colour),
                        line("H1: measured", points, measured, h1_colour)};
  error_chart.series.back().points = true;
  error_chart.series.back().weight = 1.8;
  section.charts({descent_chart, error_chart},
                 "Left: the distance to the teacher while gradient descent runs with its best step 2/(s_min + s_max). "
                 "Right: what noise in the labels costs, over λ");
  return section;
}

}  // namespace sg::theory

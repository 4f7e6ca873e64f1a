// Residual losses of partial differential equations.
#include "losses/pinn.h"

#include <cmath>

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::losses {

namespace {

Tensor direction(const Tensor& points, std::int64_t axis) {
  std::vector<double> unit(points.shape(1), 0.0);
  unit[axis] = 1;
  return broadcast_to(tensor(unit, {1, points.shape(1)}, points.dtype()), points.shape());
}

Tensor mean_square(const Tensor& x, const Tensor& points) {
  return sum(square(x)) / static_cast<double>(points.shape(0));
}

Tensor total(const Tensors& terms) {
  Tensor sum;
  for (const Tensor& term : terms) sum = sum ? sum + term : term;
  return sum;
}

void check_order(std::string_view operation, int order) {
  if (order < 0 || order > 2) fail("{}: order must be 0, 1 or 2: {}", operation, order);
}

void check_points(std::string_view operation, const Tensor& residual, const Tensor& points, int order) {
  if (points.rank() != 2 || points.shape(0) == 0 || residual.shape() != Shape{points.shape(0), 1}) {
    fail("{}: needs a residual [N, 1] of points [N, d]: {} and {}", operation, residual.shape(), points.shape());
  }
  check_order(operation, order);
}

/// u - boundary_value on a trace: [M, 1].
Tensor trace_difference(const PinnProblem& problem, const Network& network, const Trace& trace) {
  if (!problem.boundary_value) fail("pinn: there are traces, but boundary_value is empty");
  const Tensor u = network(trace.points), wanted = problem.boundary_value(trace.points);
  const Shape needed{trace.points.shape(0), 1};
  if (u.shape() != needed || wanted.shape() != needed) {
    fail("pinn: u and boundary_value on a trace must be {}: {} and {}", needed, u.shape(), wanted.shape());
  }
  return u - wanted;
}

/// Its derivatives along the axis, from order 0 on.
Tensors along_trace(const Tensor& difference, const Tensor& points, std::int64_t axis, int order) {
  if (order == 0) return {difference};
  return jet(difference, points, direction(points, axis), order, Unused::zeros);
}

}  // namespace

Equation equation_named(std::string_view name) {
  if (name == "heat") return Equation::heat;
  if (name == "burgers") return Equation::burgers;
  if (name == "poisson") return Equation::poisson;
  if (name == "advection") return Equation::advection;
  fail("pinn: no equation is named `{}`: there are heat, burgers, poisson, advection", name);
}

Tensor pinn_residual(Equation equation, const Network& network, const Tensor& points, double coefficient,
                     const Network& source) {
  if (points.rank() != 2 || points.shape(1) != 2) {
    fail("pinn_residual: points must be [N, 2]: shape {}", points.shape());
  }
  const Tensor u = network(points);
  if (u.shape() != Shape{points.shape(0), 1}) {
    fail("pinn_residual: the network must give [N, 1] for points {}: it gave {}", points.shape(), u.shape());
  }
  Tensor left;
  if (equation == Equation::poisson) {
    left = -laplacian(u, points);
  } else if (equation == Equation::advection) {
    // One directional derivative, along (coefficient, 1).
    left = jvp(u, {points}, {broadcast_to(tensor({coefficient, 1.0}, {1, 2}, points.dtype()), points.shape())});
  } else {
    const Tensors by_x = jet(u, points, direction(points, 0), 2);
    left = jvp(u, {points}, {direction(points, 1)}) - coefficient * by_x[2];
    if (equation == Equation::burgers) left = left + u * by_x[1];
  }
  if (!source) return left;
  const Tensor right = source(points);
  if (right.shape() != left.shape()) {
    fail("pinn_residual: the source must give {} for points {}: it gave {}", left.shape(), points.shape(),
         right.shape());
  }
  return left - right;
}

Tensors residual_terms(const Tensor& residual, const Tensor& points, int order) {
  check_points("residual_norm", residual, points, order);
  Tensors terms{mean_square(residual, points)};
  if (order == 0) return terms;
  const Tensor first = grad(residual, points, Unused::zeros);
  terms.push_back(mean_square(first, points));
  if (order == 1) return terms;
  Tensor second;
  for (std::int64_t i = 0; i < points.shape(1); ++i) {
    const Tensor term = mean_square(grad(slice(first, 1, i, i + 1), points, Unused::zeros), points);
    second = second ? second + term : term;
  }
  terms.push_back(second);
  return terms;
}

Tensors trace_terms(const Tensor& residual, const Tensor& points, std::int64_t axis, int order) {
  check_points("trace_norm", residual, points, order);
  axis = normalise_axis("trace_norm", axis, points.shape(1));
  Tensors terms;
  for (const Tensor& derivative : along_trace(residual, points, axis, order)) {
    terms.push_back(mean_square(derivative, points));
  }
  return terms;
}

Tensor residual_norm(const Tensor& residual, const Tensor& points, int order) {
  return total(residual_terms(residual, points, order));
}

Tensor trace_norm(const Tensor& residual, const Tensor& points, std::int64_t axis, int order) {
  return total(trace_terms(residual, points, axis, order));
}

Tensors pinn_terms(const PinnProblem& problem, const Network& network, int order) {
  check_order("pinn_terms", order);
  Tensors terms =
      residual_terms(pinn_residual(problem.equation, network, problem.interior, problem.coefficient, problem.source),
                     problem.interior, order);
  Tensors traces(order + 1);
  for (const Trace& trace : problem.traces) {
    const Tensor difference = trace_difference(problem, network, trace);
    const Tensors here = trace_terms(difference, trace.points, trace.axis, order);
    for (int k = 0; k <= order; ++k) traces[k] = traces[k] ? traces[k] + here[k] : here[k];
  }
  if (!problem.traces.empty()) terms.insert(terms.end(), traces.begin(), traces.end());
  return terms;
}

Tensor pinn_loss(const PinnProblem& problem, const Network& network, int order, double trace_weight) {
  const Tensors terms = pinn_terms(problem, network, order);
  const auto interior = terms.begin() + order + 1;
  const Tensor loss = total({terms.begin(), interior});
  return interior == terms.end() ? loss : loss + trace_weight * total({interior, terms.end()});
}

Tensor pinn_residuals(const PinnProblem& problem, const Network& network, int order, double trace_weight) {
  check_order("pinn_residuals", order);
  std::vector<double> weights(order + 1, 1.0);
  if (!problem.traces.empty()) weights.insert(weights.end(), order + 1, trace_weight);
  return pinn_residuals(problem, network, order, weights);
}

Tensor pinn_residuals(const PinnProblem& problem, const Network& network, int order,
                      const std::vector<double>& weights) {
  check_order("pinn_residuals", order);
  const std::size_t orders = static_cast<std::size_t>(order) + 1;
  if (weights.size() != (problem.traces.empty() ? orders : 2 * orders)) {
    fail("pinn_residuals: {} weights for the terms of order {}{}", weights.size(), order,
         problem.traces.empty() ? "" : " in the interior and on the traces");
  }
  for (const double weight : weights) {
    if (!(weight >= 0)) fail("pinn_residuals: a weight must not be negative: {}", weight);
  }
  Tensors parts;
  const auto add = [&](const Tensor& x, const Tensor& points, double weight) {
    parts.push_back(flatten(x) * std::sqrt(weight / static_cast<double>(points.shape(0))));
  };
  const Tensor residual =
      pinn_residual(problem.equation, network, problem.interior, problem.coefficient, problem.source);
  check_points("pinn_residuals", residual, problem.interior, order);
  add(residual, problem.interior, weights[0]);
  if (order >= 1) {
    const Tensor first = grad(residual, problem.interior, Unused::zeros);
    add(first, problem.interior, weights[1]);
    for (std::int64_t i = 0; order == 2 && i < problem.interior.shape(1); ++i) {
      add(grad(slice(first, 1, i, i + 1), problem.interior, Unused::zeros), problem.interior, weights[2]);
    }
  }
  for (const Trace& trace : problem.traces) {
    const Tensor difference = trace_difference(problem, network, trace);
    const std::int64_t axis = normalise_axis("pinn_residuals", trace.axis, trace.points.shape(1));
    const Tensors derivatives = along_trace(difference, trace.points, axis, order);
    for (std::size_t k = 0; k < orders; ++k) add(derivatives[k], trace.points, weights[orders + k]);
  }
  return concat(parts, 0);
}

}  // namespace sg::losses

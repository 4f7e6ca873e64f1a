// Residual losses of partial differential equations, in L2, H1 and H2 (Son, Jang, Han and Hwang, "Sobolev training for
// physics informed neural networks", 2021).
#pragma once

#include <string_view>
#include <vector>

#include "losses/route.h"

namespace sg::losses {

/// Points are [N, 2]: columns x and t, for Poisson's equation x and y.
enum class Equation {
  heat,       // u_t - coefficient u_xx = source
  burgers,    // u_t + u u_x - coefficient u_xx = source
  poisson,    // -(u_xx + u_yy) = source
  advection,  // u_t + coefficient u_x = source
};

/// heat, burgers, poisson, advection; throws for any other name.
Equation equation_named(std::string_view name);

/// The equation's residual [N, 1] at the points for u = network(points): the left side minus source(points), or minus
/// nothing where there is no source. Throws for a u or a source that is not [N, 1]. `coefficient` is the diffusivity,
/// the viscosity or the speed.
Tensor pinn_residual(Equation equation, const Network& network, const Tensor& points, double coefficient,
                     const Network& source = {});

/// The mean squares of a residual's derivatives of each order from 0 to `order`, at most 2, summed over their
/// components; and for a part of the boundary that runs along one axis, of those along it.
Tensors residual_terms(const Tensor& residual, const Tensor& points, int order);
Tensors trace_terms(const Tensor& residual, const Tensor& points, std::int64_t axis, int order);

/// The squared norm of order 0, 1 or 2 of a residual [N, 1] that was computed from points [N, d]: mean over points of
/// r^2, plus the squares of its first derivatives by x and t, plus those of its second derivatives.
Tensor residual_norm(const Tensor& residual, const Tensor& points, int order);

/// The same for a part of the boundary that runs along one axis: only derivatives along it count.
Tensor trace_norm(const Tensor& residual, const Tensor& points, std::int64_t axis, int order);

/// Points of the initial line or of a piece of the boundary, and the axis along which they lie.
struct Trace {
  Tensor points;  // [M, 2]
  std::int64_t axis;
};

struct PinnProblem {
  Equation equation = Equation::heat;
  double coefficient = 1;
  Network source;             // may be empty: zero
  Network boundary_value;     // what u has to be on every trace: [M, 1]
  Tensor interior;            // [N, 2]
  std::vector<Trace> traces;  // initial line and boundary pieces
};

/// The parts of the loss: the terms of the equation's residual by order, then those of u - boundary_value by order,
/// summed over the traces. Throws, as those below do, for an order that is not 0, 1 or 2, and for traces without a
/// boundary_value [M, 1].
Tensors pinn_terms(const PinnProblem& problem, const Network& network, int order);

/// residual_norm of the equation in the interior plus `trace_weight` times the trace_norms of u - boundary_value, all
/// of one order.
Tensor pinn_loss(const PinnProblem& problem, const Network& network, int order, double trace_weight = 1);

/// The same loss as a flat vector of residuals, whose sum of squares it is: for Gauss-Newton steps.
Tensor pinn_residuals(const PinnProblem& problem, const Network& network, int order, double trace_weight = 1);
/// That of pinn_terms with a weight for each term.
Tensor pinn_residuals(const PinnProblem& problem, const Network& network, int order,
                      const std::vector<double>& weights);

}  // namespace sg::losses

// The derivatives of a scalar network by its inputs, by the route that costs the fewest multiply-adds.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace sg::losses {

/// How the derivatives of a network are found.
enum class Route {
  reverse,  // nested reverse passes: grad of grad
  jets,     // forward: truncated Taylor series along directions, coefficient 0 shared among them
};

/// What a route costs for values, all derivatives up to an order, and the derivatives of a loss on them by every
/// parameter.
struct RouteCost {
  Route route;
  double forwards;      // multiply-adds of products, in forward passes F of the network
  std::string formula;  // the same, as a reader counts it
};

/// Both routes' costs for a network of `inputs` inputs and one output, the cheaper one first; among equals the jets,
/// which keep fewer tensors. In units of F:
///  - reverse: values 1, gradient +1; from there each of the d^(k-1) components of order k - 1 is differentiated by a
///    pass over the graph that made it. d = 1: 2^k. The parameters' gradients triple it: 6 F for a gradient, 3 2^k F
///    for d = 1.
///  - jets: 1 + k for each direction; all of order k need as many directions as there are partial derivatives of order
///    k (partials.h). Tripled: 3 (1 + d) F for a gradient, 3 (k + 1) F for d = 1.
std::vector<RouteCost> route_costs(std::int64_t inputs, int order);
Route cheapest_route(std::int64_t inputs, int order);

/// A network at points: x [N, d] -> u [N, 1], where row n of u depends on row n of x only.
using Network = std::function<Tensor(const Tensor&)>;

/// u [N, 1] and its derivatives of order 1..order by x: [N, d], [N, d d], ..., [N, d^order], row-major in the indices.
/// Throws when u is not [N, 1] or does not depend on x.
Tensors derivatives(const Network& network, const Tensor& x, int order);
Tensors derivatives(const Network& network, const Tensor& x, int order, Route route);

}  // namespace sg::losses

// The derivatives of a scalar network by its inputs.
#include "losses/route.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::losses {

namespace {

Tensor column(const Tensor& x, std::int64_t i) { return x.shape(1) == 1 ? x : slice(x, 1, i, i + 1); }

Tensor columns(const Tensors& parts) { return parts.size() == 1 ? parts[0] : concat(parts, 1); }

Tensors by_reverse(const Tensor& u, const Tensor& x, int order) {
  Tensors result{u};
  for (int k = 1; k <= order; ++k) {
    Tensors parts;
    // A function that is linear in some input has derivatives that do not depend on x: zeros are right from order 2 on.
    for (std::int64_t i = 0; i < result.back().shape(1); ++i) {
      parts.push_back(grad(column(result.back(), i), x, k == 1 ? Unused::error : Unused::zeros));
    }
    result.push_back(columns(parts));
  }
  return result;
}

Tensors by_jets(const Tensor& u, const Tensor& x, int order) {
  const std::int64_t d = x.shape(1);
  if (d > 1 && order > 2) fail("derivatives: jets give order {} of one input only, not of {}", order, d);
  auto along = [&](const std::vector<std::int64_t>& axes) {
    std::vector<double> direction(d, 0.0);
    for (const std::int64_t axis : axes) direction[axis] += 1;
    return jet(u, x, broadcast_to(tensor(direction, {1, d}, x.dtype()), x.shape()), order);
  };
  if (d == 1) return along({0});
  std::vector<Tensors> straight;
  for (std::int64_t i = 0; i < d; ++i) straight.push_back(along({i}));
  Tensors result{u};
  for (int k = 1; k <= std::min(order, 1); ++k) {
    Tensors parts;
    for (std::int64_t i = 0; i < d; ++i) parts.push_back(straight[i][1]);
    result.push_back(columns(parts));
  }
  if (order >= 2) {
    Tensors parts(d * d);
    for (std::int64_t i = 0; i < d; ++i) {
      parts[i * d + i] = straight[i][2];
      // Polarisation: the second derivative along e_i + e_j is u_ii + 2 u_ij + u_jj.
      for (std::int64_t j = i + 1; j < d; ++j) {
        parts[i * d + j] = parts[j * d + i] = (along({i, j})[2] - straight[i][2] - straight[j][2]) * 0.5;
      }
    }
    result.push_back(columns(parts));
  }
  return result;
}

}  // namespace

std::vector<RouteCost> route_costs(std::int64_t inputs, int order) {
  if (inputs < 1 || order < 0) {
    fail("route_costs: needs at least one input and an order of at least 0: {} and {}", inputs, order);
  }
  const auto d = static_cast<double>(inputs);
  // What has to be differentiated again is as large as what stands there already.
  double reverse = 1;
  std::string reverse_terms = "1";
  double graph = 1, components = 1;  // the graph behind one component of the last order, and how many components it has
  for (int k = 1; k <= order; ++k) {
    const double added = components * graph;
    reverse += added;
    reverse_terms += fmt::format(" + {:g}", added);
    graph *= 2;
    components *= d;
  }
  std::vector<RouteCost> costs{
      {Route::reverse, 3 * reverse, fmt::format("3 ({}) F = {:g} F", reverse_terms, 3 * reverse)}};
  if (inputs == 1 || order <= 2) {
    const double directions = order < 2 ? d : d * (d + 1) / 2;
    const double jets = 3 * (1 + order * directions);
    costs.push_back({Route::jets, jets, fmt::format("3 (1 + {} x {:g}) F = {:g} F", order, directions, jets)});
  }
  std::stable_sort(costs.begin(), costs.end(), [](const RouteCost& a, const RouteCost& b) {
    return std::pair(a.forwards, a.route == Route::reverse) < std::pair(b.forwards, b.route == Route::reverse);
  });
  return costs;
}

Route cheapest_route(std::int64_t inputs, int order) { return route_costs(inputs, order).front().route; }

Tensors derivatives(const Network& network, const Tensor& x, int order) {
  if (x.rank() != 2) fail("derivatives: points must be [N, d]: shape {}", x.shape());
  return derivatives(network, x, order, cheapest_route(x.shape(1), order));
}

Tensors derivatives(const Network& network, const Tensor& x, int order, Route route) {
  if (x.rank() != 2) fail("derivatives: points must be [N, d]: shape {}", x.shape());
  if (order < 0) fail("derivatives: the order is negative: {}", order);
  const Tensor u = network(x);
  if (u.shape() != Shape{x.shape(0), 1}) {
    fail("derivatives: the network must give [N, 1] for points {}: it gave {}", x.shape(), u.shape());
  }
  if (order == 0) return {u};
  return route == Route::reverse ? by_reverse(u, x, order) : by_jets(u, x, order);
}

}  // namespace sg::losses

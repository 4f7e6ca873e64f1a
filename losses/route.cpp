// The derivatives of a scalar network by its inputs.
#include "losses/route.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "losses/partials.h"

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

/// All d^k components from the partials, each of which is found once.
Tensors by_jets(const Tensor& u, const Tensor& x, int order) {
  const std::int64_t d = x.shape(1);
  if (d == 1) return jet(u, x, ones_like(x), order);
  const Tensors found = partials(u, x, order);
  Tensors result{u};
  for (int k = 1; k <= order; ++k) {
    std::map<MultiIndex, std::int64_t> place;
    for (const MultiIndex& index : multi_indices(d, k)) place.emplace(index, static_cast<std::int64_t>(place.size()));
    std::vector<std::int64_t> component_places;
    const auto components = static_cast<std::int64_t>(std::llround(std::pow(d, k)));
    for (std::int64_t component = 0; component < components; ++component) {
      MultiIndex index(d, 0);
      for (std::int64_t rest = component, i = 0; i < k; ++i, rest /= d) ++index[rest % d];
      component_places.push_back(place.at(index));
    }
    const bool once = k == 1;  // the components are the partials
    result.push_back(once ? found[k] : take(found[k], tensor(component_places, {components}), 1));
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
  double directions = 1;  // as many as there are partials of the highest order
  for (int k = 0; k < std::max(order, 1); ++k) directions *= (d + k) / (k + 1);
  const double jets = 3 * (1 + order * directions);
  costs.push_back({Route::jets, jets, fmt::format("3 (1 + {} x {:g}) F = {:g} F", order, directions, jets)});
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

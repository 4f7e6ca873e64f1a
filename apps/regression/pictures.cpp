// Pictures of functions of one and of two inputs beside their targets.
#include <algorithm>
#include <array>
#include <cmath>

#include "apps/regression/experiment.h"
#include "engine/ops.h"
#include "losses/derivatives.h"
#include "losses/route.h"

namespace sg::regression {

namespace {

std::vector<double> column_of(const Tensor& x) { return reshape(x, {-1}).to_vector<double>(); }

}  // namespace

Tensor picture_grid(std::array<double, 2> first, std::array<double, 2> last, std::int64_t n, Dtype dtype) {
  return losses::grid_points(losses::Estimator::fd2, {{n, first[0], last[0]}, {n, first[1], last[1]}}, dtype);
}

Picture picture_1d(const losses::Network& network, const std::function<Tensors(const Tensor&)>& target, double first,
                   double last, const std::string& name, Dtype dtype) {
  const std::int64_t count = 800;
  const Tensor x = reshape(linspace(first, last, count, dtype), {count, 1});
  const Tensors found = losses::derivatives(network, x, 2);
  const Tensors wanted = target ? target(x) : Tensors{};
  const std::array<std::string, 3> titles{"u", "u'", "u''"};
  Picture picture;
  for (std::size_t k = 0; k < 3; ++k) {
    apps::Chart chart{"", "x", titles[k], {}};
    if (k < wanted.size()) {
      chart.series.push_back({"target", column_of(x), column_of(wanted[k])});
      chart.series.back().weight = 3;
      chart.series.back().colour = 7;
    }
    chart.series.push_back({name, column_of(x), column_of(found[k])});
    picture.push_back(chart);
  }
  return picture;
}

Picture picture_2d(const losses::Network& network, const std::function<Tensor(const Tensor&)>& target,
                   std::array<double, 2> first, std::array<double, 2> last, std::array<std::string, 2> labels,
                   const std::string& name, Dtype dtype) {
  const std::int64_t n = 160;
  const Tensor points = picture_grid(first, last, n, dtype);
  // Axis 0 runs along the picture's columns.
  auto map_of = [&](const Tensor& u, const std::string& title) {
    apps::HeatMap map{title, labels[0], labels[1], n, n, column_of(transpose(reshape(u, {n, n})))};
    map.x_low = first[0], map.x_high = last[0];
    map.y_low = first[1], map.y_high = last[1];
    return map;
  };
  const Tensor found = network(points), wanted = target(points);
  apps::HeatMap a = map_of(wanted, "target"), b = map_of(found, name), c = map_of(found - wanted, name + " - target");
  const auto [low, high] = std::minmax_element(a.values.begin(), a.values.end());
  a.low = b.low = *low;
  a.high = b.high = *high;
  c.symmetric = true;
  return {a, b, c};
}

}  // namespace sg::regression

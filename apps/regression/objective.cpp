// Objective: the loss of a fit, and its errors.
#include "apps/regression/objective.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/regression/table.h"
#include "engine/ops.h"
#include "losses/sobolev.h"
#include "losses/spectral.h"

namespace sg::regression {

namespace {

/// The highest order that the loss asks for and the data have.
int order_on(const apps::Loss& loss, const Dataset& data) {
  return std::min<int>(order_of(loss), static_cast<int>(data.train.size()) - 1);
}

}  // namespace

std::vector<double> weight_list(const std::string& weights, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), weights) != words.end()) return {};
  if (weights.empty() || weights.find_first_not_of("0123456789.,-+eE") != std::string::npos) {
    fail("--weights: `{}` is neither {} nor a list of numbers", weights, fmt::join(words, ", "));
  }
  const auto list = apps::parse_value<std::vector<double>>("--weights", weights);
  for (const double weight : list) {
    if (!(weight >= 0 && weight <= most_weight)) {
      fail("--weights: {} is not between 0 and {}", weight, most_weight);
    }
  }
  if (list.size() > 3) fail("--weights: {} weights for the three orders 0, 1, 2", list.size());
  return list;
}

std::vector<double> order_weights(const std::string& weights, const Tensors& target, int order) {
  std::vector<double> list = weight_list(weights, {"auto"});
  if (!list.empty()) {
    list.resize(order + 1);
    return list;
  }
  const auto mean_square = [&](int k) {
    return sum(square(cast(target[k], f64))).item() / static_cast<double>(target[k].shape(0));
  };
  list.assign(order + 1, 1);
  for (int k = 2; k <= order; ++k) {
    const double slope = mean_square(1), here = mean_square(k);
    if (slope > 0 && here > 0) list[k] = slope / here;
  }
  return list;
}

std::vector<double> fit_weights(const Settings& settings, const apps::Loss& loss, const Dataset& data) {
  return order_weights(settings.weights, data.train, order_on(loss, data));
}

namespace {

struct Compared {
  Tensors prediction, target;
};
/// Values and derivatives of the network and of the data up to an order, on the rows given by index.
Compared compared(const Dataset& data, int order, const losses::Network& network, const Tensor& rows) {
  auto chosen = [&](const Tensor& x) { return rows ? take(x, rows, 0) : x; };
  const Tensor x = chosen(data.train_points);
  Compared both;
  both.prediction = data.grid ? (*data.grid)(network(x), order) : losses::derivatives(network, x, order);
  for (int k = 0; k <= order; ++k) {
    both.target.push_back(chosen(data.train[k]));
    if (data.masks[k]) both.prediction[k] = both.prediction[k] * data.masks[k];
  }
  return both;
}

}  // namespace

Tensor fit_loss(const Settings& settings, const apps::Loss& loss, const Dataset& data,
                const std::vector<double>& weights, const losses::Network& network, const Tensor& rows) {
  if (loss.kind == "hs") {
    const Tensor x = rows ? take(data.train_points, rows, 0) : data.train_points;
    const Tensor residual = network(x) - data.train[0];
    return losses::spectral_1d(reshape(residual, {1, residual.size()}), loss.s, settings.common.frequencies(),
                               settings.common.hs_length);
  }
  const Compared both = compared(data, order_on(loss, data), network, rows);
  return losses::sobolev(both.prediction, both.target, weights);
}

Tensor fit_residuals(const apps::Loss& loss, const Dataset& data, const std::vector<double>& weights,
                     const losses::Network& network) {
  const Compared both = compared(data, order_on(loss, data), network, {});
  return losses::sobolev_residuals(both.prediction, both.target, weights);
}

void check_weights(const std::vector<double>& given, const apps::Loss& loss) {
  if (given.empty() || loss.kind == "hs") return;
  const std::size_t needed = order_of(loss) + 1;
  if (given.size() < needed) {
    fail("--weights: {} weights for the loss {}, which needs {}", given.size(), loss.name, needed);
  }
  if (std::all_of(given.begin(), given.begin() + needed, [](double weight) { return weight == 0; })) {
    fail("--weights: {} leaves nothing of the loss {}", fmt::join(given, ","), loss.name);
  }
}

void check_fit_loss(const Settings& settings, const apps::Loss& loss, const Dataset& data) {
  const bool batches = settings.batch_size(data.train_points.shape(0)) > 0;
  check_weights(weight_list(settings.weights, {"auto"}), loss);
  if (loss.kind != "hs") {
    if (data.grid && batches) fail("--batch-size: an estimator on both sides needs the whole grid in every step");
    return;
  }
  if (data.inputs != 1) fail("--loss hs: needs a regular 1-D grid, not {} inputs", data.inputs);
  if (batches) fail("--batch-size: the loss hs needs the whole grid in every step");
  const std::int64_t count = data.train_points.shape(0);
  if (count < 2 || count > 16384) fail("--loss hs: takes from 2 to 16384 points: {}", count);
  for (const std::int64_t k : {std::int64_t{0}, std::int64_t{1}, count / 2, count - 1}) {
    const double weight =
        losses::spectral_weight(k, count, loss.s, settings.common.frequencies(), settings.common.hs_length);
    // Beyond this the squares of gradients overflow, and Adam stands still.
    if (!(weight <= 1e8 * largest_number(settings.dtype()))) {
      fail("--loss {}: the frequency {} of {} points weighs {:.3g}, too much for {}: lower the order or --hs-length",
           loss.name, k, count, weight, name_of(settings.dtype()));
    }
  }
  const std::vector<double> x = data.train_points.to_vector<double>();
  const double expected = (x.back() - x.front()) / static_cast<double>(count - 1);
  // Far from zero the points themselves are rounded by more than a small part of their distance.
  const double rounding =
      (settings.dtype() == f32 ? 1.2e-7 : 2.3e-16) * std::max(std::abs(x.front()), std::abs(x.back()));
  for (std::size_t i = 1; i < x.size(); ++i) {
    const double apart = x[i] - x[i - 1];
    if (apart == 0) fail("--loss hs: needs a regular grid: the training points {} and {} are the same", i, i + 1);
    if (std::abs(apart - expected) > 1e-3 * std::abs(expected) + rounding) {
      fail("--loss hs: needs a regular grid: the training points {} and {} are {} apart, not {}", i, i + 1, apart,
           expected);
    }
  }
}

TestErrors test_errors(const losses::Network& network, const Tensor& points, const Tensors& values) {
  const bool with_first = values.size() > 1;
  const Tensors found = losses::derivatives(network, points, with_first ? 1 : 0);
  Tensors errors{losses::relative_error(found[0], values[0])};
  if (with_first) errors.push_back(losses::relative_error(found[1], values[1]));
  eval(errors);
  return {errors[0].item(), with_first ? errors[1].item() : std::numeric_limits<double>::quiet_NaN()};
}

}  // namespace sg::regression

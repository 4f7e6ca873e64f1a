// Sobolev losses from derivatives.
#include "losses/sobolev.h"

#include <cmath>

#include "engine/ops.h"

namespace sg::losses {

namespace {

void check_pair(const char* operation, const Tensor& prediction, const Tensor& target) {
  if (prediction.shape() != target.shape()) {
    fail("{}: prediction and target differ in shape: {} and {}", operation, prediction.shape(), target.shape());
  }
}

void check_orders(const char* operation, const Tensors& prediction, const Tensors& target,
                  const std::vector<double>& weights) {
  if (prediction.empty() || prediction.size() != target.size()) {
    fail("{}: {} orders of the prediction for {} of the target; both need the same number, at least 1", operation,
         prediction.size(), target.size());
  }
  if (!weights.empty() && weights.size() != prediction.size()) {
    fail("{}: {} weights for {} orders", operation, weights.size(), prediction.size());
  }
  for (std::size_t order = 0; order < prediction.size(); ++order) {
    check_pair(operation, prediction[order], target[order]);
    if (prediction[order].rank() == 0 || prediction[order].shape(0) == 0) {
      fail("{}: order {} has no points: shape {}", operation, order, prediction[order].shape());
    }
  }
}

}  // namespace

Tensor mse(const Tensor& prediction, const Tensor& target) {
  check_pair("mse", prediction, target);
  return mean(square(prediction - target));
}

Tensor sobolev(const Tensors& prediction, const Tensors& target, const std::vector<double>& weights) {
  check_orders("sobolev", prediction, target, weights);
  Tensor loss;
  for (std::size_t order = 0; order < prediction.size(); ++order) {
    const double weight = weights.empty() ? 1 : weights[order];
    if (weight == 0) continue;
    const Tensor term = sum(square(prediction[order] - target[order])) * (weight / prediction[order].shape(0));
    loss = loss ? loss + term : term;
  }
  return loss ? loss : scalar(0, prediction[0].dtype());
}

Tensor sobolev_residuals(const Tensors& prediction, const Tensors& target, const std::vector<double>& weights) {
  check_orders("sobolev_residuals", prediction, target, weights);
  Tensors parts;
  for (std::size_t order = 0; order < prediction.size(); ++order) {
    const double weight = weights.empty() ? 1 : weights[order];
    if (weight < 0) fail("sobolev_residuals: a weight must not be negative: {} for order {}", weight, order);
    if (weight == 0) continue;
    const double factor = std::sqrt(weight / static_cast<double>(prediction[order].shape(0)));
    parts.push_back(flatten(prediction[order] - target[order]) * factor);
  }
  if (parts.empty()) fail("sobolev_residuals: all weights are zero");
  return concat(parts, 0);
}

Tensor relative_error(const Tensor& prediction, const Tensor& target) {
  check_pair("relative_error", prediction, target);
  return norm(prediction - target) / norm(target);
}

}  // namespace sg::losses

// Sobolev losses from derivatives.
#include "losses/sobolev.h"

#include "engine/ops.h"

namespace sg::losses {

namespace {

void check_pair(const char* operation, const Tensor& prediction, const Tensor& target) {
  if (prediction.shape() != target.shape()) {
    fail("{}: prediction and target differ in shape: {} and {}", operation, prediction.shape(), target.shape());
  }
}

}  // namespace

Tensor mse(const Tensor& prediction, const Tensor& target) {
  check_pair("mse", prediction, target);
  return mean(square(prediction - target));
}

Tensor sobolev(const Tensors& prediction, const Tensors& target, const std::vector<double>& weights) {
  if (prediction.empty() || prediction.size() != target.size()) {
    fail("sobolev: {} orders of the prediction for {} of the target; both need the same number, at least 1",
         prediction.size(), target.size());
  }
  if (!weights.empty() && weights.size() != prediction.size()) {
    fail("sobolev: {} weights for {} orders", weights.size(), prediction.size());
  }
  Tensor loss;
  for (std::size_t order = 0; order < prediction.size(); ++order) {
    const double weight = weights.empty() ? 1 : weights[order];
    check_pair("sobolev", prediction[order], target[order]);
    if (prediction[order].rank() == 0 || prediction[order].shape(0) == 0) {
      fail("sobolev: order {} has no points: shape {}", order, prediction[order].shape());
    }
    if (weight == 0) continue;
    const Tensor term = sum(square(prediction[order] - target[order])) * (weight / prediction[order].shape(0));
    loss = loss ? loss + term : term;
  }
  return loss ? loss : scalar(0, prediction[0].dtype());
}

Tensor relative_error(const Tensor& prediction, const Tensor& target) {
  check_pair("relative_error", prediction, target);
  return sqrt(sum(square(prediction - target)) / sum(square(target)));
}

}  // namespace sg::losses

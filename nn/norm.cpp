// Normalisation layers.
#include "nn/norm.h"

#include <cmath>

namespace sg::nn {

BatchNorm2d::BatchNorm2d(std::int64_t channels, double epsilon, double momentum)
    : weight_({channels}, init::ones()),
      bias_({channels}, init::zeros()),
      running_mean_({channels}, init::zeros()),
      running_var_({channels}, init::ones()),
      num_batches_tracked_({}, init::zeros(), i64),
      epsilon_(epsilon),
      momentum_(momentum) {
  add_parameter("weight", weight_);
  add_parameter("bias", bias_);
  add_buffer("running_mean", running_mean_);
  add_buffer("running_var", running_var_);
  add_buffer("num_batches_tracked", num_batches_tracked_);
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  const std::int64_t channels = weight_.shape()[0];
  if (x.rank() != 4 || x.shape(1) != channels) fail("BatchNorm2d: needs [N, {}, H, W]: {}", channels, x.shape());
  Tensor average, spread;
  if (training()) {
    const std::int64_t count = x.shape(0) * x.shape(2) * x.shape(3);
    if (count < 2) fail("BatchNorm2d: training needs more than one value a channel: {}", x.shape());
    const Tensor kept = mean(x, {0, 2, 3}, true);
    average = reshape(kept, {channels});
    spread = mean(square(x - kept), {0, 2, 3});
    track(average, spread, count);
    compute_along(running_mean_, average);
    compute_along(running_var_, spread);
  } else {
    average = running_mean_;
    spread = running_var_;
  }
  // One multiplication and one addition an element.
  const Tensor scale = weight_ * rsqrt(spread + epsilon_);
  const Tensor shift = bias_ - average * scale;
  const Shape per_channel{1, channels, 1, 1};
  return x * reshape(scale, per_channel) + reshape(shift, per_channel);
}

void BatchNorm2d::track(const Tensor& mean, const Tensor& variance, std::int64_t count) {
  const NoGrad no_grad;
  const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
  running_mean_.set(running_mean_ * (1 - momentum_) + mean * momentum_);
  running_var_.set(running_var_ * (1 - momentum_) + variance * (unbiased * momentum_));
  num_batches_tracked_.set(scalar(num_batches_tracked_.value().item() + 1, i64));
}

LayerNorm::LayerNorm(Shape shape, double epsilon)
    : weight_(shape, init::ones()), bias_(shape, init::zeros()), epsilon_(epsilon) {
  add_parameter("weight", weight_);
  add_parameter("bias", bias_);
}

Tensor LayerNorm::forward(const Tensor& x) {
  const Shape& shape = weight_.shape();
  if (x.rank() < shape.size() || !std::equal(shape.begin(), shape.end(), x.shape().end() - shape.size())) {
    fail("LayerNorm: the input's last extents have to be {}: {}", shape, x.shape());
  }
  Axes axes;
  for (std::size_t axis = x.rank() - shape.size(); axis < x.rank(); ++axis) {
    axes.push_back(static_cast<std::int64_t>(axis));
  }
  return normalise(x, axes, epsilon_) * weight_ + bias_;
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon)
    : weight_({channels}, init::ones()), bias_({channels}, init::zeros()), groups_(groups), epsilon_(epsilon) {
  if (groups < 1 || channels % groups) fail("GroupNorm: {} groups do not divide {} channels", groups, channels);
  add_parameter("weight", weight_);
  add_parameter("bias", bias_);
}

Tensor GroupNorm::forward(const Tensor& x) {
  const std::int64_t channels = weight_.shape()[0];
  if (x.rank() < 2 || x.shape(1) != channels) fail("GroupNorm: needs [N, {}, ...]: {}", channels, x.shape());
  const Tensor normal = reshape(normalise(reshape(x, {x.shape(0), groups_, -1}), {2}, epsilon_), x.shape());
  Shape per_channel(x.rank() - 1, 1);
  per_channel[0] = channels;
  return normal * reshape(weight_, per_channel) + reshape(bias_, per_channel);
}

RMSNorm2d::RMSNorm2d(std::int64_t channels) : g_({1, channels, 1, 1}, init::ones()) { add_parameter("g", g_); }

Tensor RMSNorm2d::forward(const Tensor& x) {
  const std::int64_t channels = g_.shape()[1];
  if (x.rank() != 4 || x.shape(1) != channels) fail("RMSNorm2d: needs [N, {}, H, W]: {}", channels, x.shape());
  // The limit under the square root: a pixel of zeros has derivative zero instead of none.
  const Tensor squares = maximum(sum(square(x), {1}, true), full({1, 1, 1, 1}, 1e-24, x.dtype()));
  return x * (rsqrt(squares) * std::sqrt(static_cast<double>(channels))) * g_;
}

}  // namespace sg::nn

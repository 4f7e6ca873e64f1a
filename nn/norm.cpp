// Normalisation layers.
#include "nn/norm.h"

#include <cmath>

#include "engine/transforms.h"

namespace sg::nn {

namespace {

/// [1, C, 1, ...]: an amount for each channel of x.
Shape per_channel(const Tensor& x) {
  Shape shape(x.rank(), 1);
  shape[1] = x.shape(1);
  return shape;
}

/// All axes behind the first `count`.
Axes axes_from(std::size_t count, const Tensor& x) {
  Axes axes;
  for (std::size_t axis = count; axis < x.rank(); ++axis) axes.push_back(static_cast<std::int64_t>(axis));
  return axes;
}

}  // namespace

Affine::Affine(const Shape& shape, bool has_weight)
    : weight_(shape, init::ones()), bias_(shape, init::zeros()), has_weight_(has_weight) {
  if (!has_weight_) return;
  add_parameter("weight", weight_);
  add_parameter("bias", bias_);
}
Parameter& Affine::weight() {
  if (!has_weight_) fail("weight: the layer for {} channels is not affine", weight_.shape());
  return weight_;
}
Parameter& Affine::bias() {
  if (!has_weight_) fail("bias: the layer for {} channels is not affine", weight_.shape());
  return bias_;
}

BatchNorm::BatchNorm(std::string_view form, std::size_t least, std::size_t most, std::int64_t channels, double epsilon,
                     double momentum)
    : Affine({channels}),
      form_(form),
      least_(least),
      most_(most),
      running_mean_({channels}, init::zeros()),
      running_var_({channels}, init::ones()),
      num_batches_tracked_({}, init::zeros(), i64),
      epsilon_(epsilon),
      momentum_(momentum) {
  add_buffer("running_mean", running_mean_);
  add_buffer("running_var", running_var_);
  add_buffer("num_batches_tracked", num_batches_tracked_);
}

Tensor BatchNorm::forward(const Tensor& x) {
  const std::int64_t channels = running_mean_.shape()[0];
  if (x.rank() < least_ || x.rank() > most_ || x.shape(1) != channels) {
    fail("{}: {}", fmt::format(fmt::runtime(form_), channels), x.shape());
  }
  Tensor average, spread;
  if (training()) {
    const std::int64_t count = channels == 0 ? 0 : x.size() / channels;
    if (count < 2) fail("{}: training needs more than one value a channel: {}", layer(), x.shape());
    if (depends_on_slice(x)) {
      fail(
          "{}: in training the running values would follow a slice of vmap or per_sample_grad, which has no values: {}",
          layer(), x.shape());
    }
    Axes axes = axes_from(2, x);
    axes.insert(axes.begin(), 0);
    const Tensor kept = mean(x, axes, true);
    average = reshape(kept, {channels});
    spread = mean(square(x - kept), axes);
    if (!runs_again()) track(average, spread, count);
  } else {
    average = running_mean_;
    spread = running_var_;
  }
  // One multiplication and one addition an element.
  const Tensor scale = weight() * rsqrt(spread + epsilon_);
  const Tensor shift = bias() - average * scale;
  return x * reshape(scale, per_channel(x)) + reshape(shift, per_channel(x));
}

void BatchNorm::track(const Tensor& mean, const Tensor& variance, std::int64_t count) {
  const NoGrad no_grad;
  const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
  const Tensor next_mean = running_mean_ * (1 - momentum_) + mean * momentum_;
  const Tensor next_variance = running_var_ * (1 - momentum_) + variance * (unbiased * momentum_);
  running_mean_.set_unless_abandoned(next_mean, next_mean);
  running_var_.set_unless_abandoned(next_variance, next_variance);
  num_batches_tracked_.set_unless_abandoned(scalar(num_batches_tracked_.value().item() + 1, i64), next_mean);
  compute_along(next_mean, mean);
  compute_along(next_variance, variance);
}

InstanceNorm::InstanceNorm(std::string_view form, std::size_t rank, std::int64_t channels, double epsilon, bool affine)
    : Affine({channels}, affine), form_(form), rank_(rank), channels_(channels), epsilon_(epsilon) {}

Tensor InstanceNorm::forward(const Tensor& x) {
  if (x.rank() != rank_ || x.shape(1) != channels_) {
    fail("{}: {}", fmt::format(fmt::runtime(form_), channels_), x.shape());
  }
  const Tensor normal = normalise(x, axes_from(2, x), epsilon_);
  return has_weight() ? normal * reshape(weight(), per_channel(x)) + reshape(bias(), per_channel(x)) : normal;
}

LayerNorm::LayerNorm(Shape shape, double epsilon) : Affine(shape), shape_(shape), epsilon_(epsilon) {}

Tensor LayerNorm::forward(const Tensor& x) {
  if (x.rank() < shape_.size() || !std::equal(shape_.begin(), shape_.end(), x.shape().end() - shape_.size())) {
    fail("LayerNorm: the input's last extents have to be {}: {}", shape_, x.shape());
  }
  return normalise(x, axes_from(x.rank() - shape_.size(), x), epsilon_) * weight() + bias();
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon)
    : Affine({channels}), channels_(channels), groups_(groups), epsilon_(epsilon) {
  if (groups < 1 || channels % groups) fail("GroupNorm: {} groups do not divide {} channels", groups, channels);
}

Tensor GroupNorm::forward(const Tensor& x) {
  if (x.rank() < 2 || x.shape(1) != channels_) fail("GroupNorm: needs [N, {}, ...]: {}", channels_, x.shape());
  const Tensor normal = reshape(normalise(reshape(x, {x.shape(0), groups_, -1}), {2}, epsilon_), x.shape());
  return normal * reshape(weight(), per_channel(x)) + reshape(bias(), per_channel(x));
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

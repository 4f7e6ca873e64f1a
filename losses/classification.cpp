// Losses of classifiers and of distributions.
#include "losses/classification.h"

#include "engine/ops.h"

namespace sg::losses {

namespace {

void check_like(std::string_view operation, const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) {
    fail("{}: prediction and target differ in shape: {} and {}", operation, a.shape(), b.shape());
  }
  if (a.dtype() != b.dtype() || !is_floating(a.dtype())) {
    fail("{}: needs two of f32 or two of f64, got {} and {}", operation, name_of(a.dtype()), name_of(b.dtype()));
  }
  if (a.size() == 0) fail("{}: there is nothing to compare: {}", operation, a.shape());
}

Tensor class_loss(std::string_view operation, const Tensor& log_probabilities, const Tensor& target,
                  const ClassOptions& options) {
  if (!is_floating(log_probabilities.dtype()) || target.dtype() != i64) {
    fail("{}: needs f32 or f64 and classes of i64, got {} and {}", operation, name_of(log_probabilities.dtype()),
         name_of(target.dtype()));
  }
  Shape expected = log_probabilities.shape();
  if (expected.size() < 2) fail("{}: needs [N, C, ...], got {}", operation, expected);
  const std::int64_t classes = expected[1];
  expected.erase(expected.begin() + 1);
  if (target.shape() != expected) {
    fail("{}: the classes are {}, needs {} for {}", operation, target.shape(), expected, log_probabilities.shape());
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    fail("{}: label_smoothing must be in [0, 1]: {}", operation, options.label_smoothing);
  }
  if (options.class_weights &&
      (options.class_weights.shape() != Shape{classes} || options.class_weights.dtype() != log_probabilities.dtype())) {
    fail("{}: the class weights are {}, needs [{}]", operation, options.class_weights.shape(), classes);
  }
  const Dtype dtype = log_probabilities.dtype();
  const Tensor counts = not_equal(target, full_like(target, static_cast<double>(options.ignored_class)));
  const Tensor chosen = unsqueeze(where(counts, target, zeros_like(target)), 1);
  const Tensor counted = cast(counts, dtype);
  Shape column(log_probabilities.rank(), 1);
  column[1] = classes;
  const Tensor class_weights = options.class_weights ? options.class_weights : ones({classes}, dtype);
  const Tensor weights = broadcast_to(reshape(class_weights, column), log_probabilities.shape());
  const auto pick = [&](const Tensor& x) { return squeeze(gather(x, chosen, 1), 1); };
  const Tensor weight = pick(weights) * counted;
  const Tensor total = sum(weight);
  // Not a product with 0: what does not count may be infinite.
  const auto only_counted = [&](const Tensor& x) { return where(counted, x, zeros_like(x)); };
  Tensor loss = -sum(only_counted(pick(log_probabilities)) * weight) / total;
  if (options.label_smoothing > 0) {
    const Tensor spread = -sum(only_counted(sum(log_probabilities * weights, {1}))) / total;
    loss = loss * (1 - options.label_smoothing) + spread * (options.label_smoothing / static_cast<double>(classes));
  }
  return loss;
}

}  // namespace

Tensor nll(const Tensor& log_probabilities, const Tensor& target, const ClassOptions& options) {
  return class_loss("nll", log_probabilities, target, options);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const ClassOptions& options) {
  if (logits.rank() < 2) fail("cross_entropy: needs [N, C, ...], got {}", logits.shape());
  return class_loss("cross_entropy", log_softmax(logits, 1), target, options);
}

Tensor bce_with_logits(const Tensor& logits, const Tensor& target, double positive_weight) {
  check_like("bce_with_logits", logits, target);
  // log sigmoid(x) = -softplus(-x), which neither overflows nor loses its small values.
  return mean(target * softplus(-logits) * positive_weight + (1 - target) * softplus(logits));
}

Tensor l1(const Tensor& prediction, const Tensor& target) {
  check_like("l1", prediction, target);
  return mean(abs(prediction - target));
}

Tensor huber(const Tensor& prediction, const Tensor& target, double delta) {
  check_like("huber", prediction, target);
  if (!(delta > 0)) fail("huber: delta must be positive: {}", delta);
  const Tensor difference = prediction - target, size = abs(difference);
  const Tensor near = less_equal(size, full_like(size, delta));
  return mean(where(near, square(difference) * 0.5, size * delta - 0.5 * delta * delta));
}

Tensor kl_div(const Tensor& log_probabilities, const Tensor& target) {
  check_like("kl_div", log_probabilities, target);
  if (target.rank() == 0) fail("kl_div: needs at least one axis, got {}", target.shape());
  // p log p is 0 at 0, and so is its derivative there.
  const Tensor is_zero = equal(target, zeros_like(target));
  const Tensor safe = where(is_zero, ones_like(target), target);
  const Tensor terms = where(is_zero, zeros_like(target), target * (log(safe) - log_probabilities));
  return sum(terms) / static_cast<double>(target.shape(0));
}

Tensor total_variation(const Tensor& images) {
  if (images.rank() != 4 || !is_floating(images.dtype()) || images.shape(0) == 0) {
    fail("total_variation: needs pictures [N, C, H, W], got {} {}", name_of(images.dtype()), images.shape());
  }
  const auto along = [&](std::int64_t axis) {
    const std::int64_t extent = images.shape(axis);
    if (extent < 2) return scalar(0, images.dtype());
    return sum(abs(slice(images, axis, 1, extent) - slice(images, axis, 0, extent - 1)));
  };
  return (along(2) + along(3)) / static_cast<double>(images.shape(0));
}

}  // namespace sg::losses

// Gradient clipping.
#include "nn/optim/gradient_clipping.h"

#include "engine/ops.h"

namespace sg::nn {
namespace {

void check_limit(const char* name, double limit) {
  if (!(limit > 0)) fail("{}: the limit has to be positive: {}", name, limit);
}

Tensors scaled(const Tensors& gradients, const Tensor& size, double limit) {
  const Tensor factor = minimum(limit / (size + 1e-6), full({}, 1, size.dtype()));
  Tensors result;
  for (const Tensor& gradient : gradients) result.push_back(gradient.defined() ? gradient * factor : gradient);
  return result;
}

/// The reductions of all gradients to one element each, side by side.
Tensor gather_parts(const char* name, const Tensors& gradients, Tensor (*reduce)(const Tensor&)) {
  Tensors parts;
  for (const Tensor& gradient : gradients) {
    if (gradient.defined()) parts.push_back(reshape(reduce(gradient), {1}));
  }
  if (parts.empty()) fail("{}: there is no gradient", name);
  return concat(parts, 0);
}

}  // namespace

Tensor global_norm(const Tensors& gradients) {
  const NoGrad no_grad;
  return norm(gather_parts("global_norm", gradients, norm));
}

Tensors clip_by_global_norm(const Tensors& gradients, double limit) {
  check_limit("clip_by_global_norm", limit);
  const NoGrad no_grad;
  return scaled(gradients, global_norm(gradients), limit);
}

Tensors clip_by_largest(const Tensors& gradients, double limit) {
  check_limit("clip_by_largest", limit);
  const NoGrad no_grad;
  return scaled(
      gradients,
      max(gather_parts("clip_by_largest", gradients, [](const Tensor& gradient) { return max(abs(gradient)); })),
      limit);
}

Tensors clip_by_value(const Tensors& gradients, double limit) {
  check_limit("clip_by_value", limit);
  const NoGrad no_grad;
  Tensors result;
  for (const Tensor& gradient : gradients) {
    result.push_back(gradient.defined() ? clamp(gradient, -limit, limit) : gradient);
  }
  return result;
}

}  // namespace sg::nn

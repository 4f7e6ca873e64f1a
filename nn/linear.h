// Linear: the affine map, and the reshapings that stand around it.
#pragma once

#include "nn/module.h"

namespace sg::nn {

/// [..., in] -> [..., out]: x W' + b with `weight` [out, in] and `bias` [out].
class Linear : public Module {
 public:
  /// Throws for a negative number.
  Linear(std::int64_t in, std::int64_t out, bool bias = true);
  Tensor forward(const Tensor& x) override;
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }
  bool has_bias() const { return has_bias_; }
  /// Throws when the layer was made without one.
  Parameter& bias();
  const Parameter& bias() const { return const_cast<Linear*>(this)->bias(); }

 private:
  Parameter weight_, bias_;
  bool has_bias_;
};

/// [N, ...] -> [N, product of the rest].
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x) override { return flatten(x, 1); }
};

/// [N, product] -> [N, shape...].
class Unflatten : public Module {
 public:
  explicit Unflatten(Shape shape) : shape_(shape) {}
  Tensor forward(const Tensor& x) override;

 private:
  Shape shape_;
};

}  // namespace sg::nn

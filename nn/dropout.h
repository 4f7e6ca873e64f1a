// Dropout.
#pragma once

#include "nn/module.h"

namespace sg::nn {

/// In training each element is 0 with the probability `rate`, and the others grow by 1 / (1 - rate) (Srivastava et al.
/// 2014); in evaluation the input. The numbers follow from the seed of `Module::initialise` and the layer's place in
/// its network, and from the count of its calls: the buffer `key` [2] holds both, so that a run that goes on from a
/// checkpoint draws what it would have drawn. A state without it, such as PyTorch's, can be loaded. No two layers have
/// the same numbers, initialised or not. Inside vmap and per_sample_grad all slices have one mask.
class Dropout : public Module {
 public:
  /// Throws unless 0 <= rate <= 1.
  explicit Dropout(double rate = 0.5);
  Tensor forward(const Tensor& x) override;
  Buffer& key() { return key_; }

 private:
  double rate_;
  Buffer key_;
};

}  // namespace sg::nn

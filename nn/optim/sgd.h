// SGD: stochastic gradient descent with momentum.
#pragma once

#include "nn/optim/optimizer.h"

namespace sg::nn {

struct SgdOptions {
  double learning_rate = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;  // needs a momentum and no dampening
};

/// With g += weight_decay p: b = momentum b + (1 - dampening) g (b = g in the first step), p -= rate b, or rate (g +
/// momentum b) with Nesterov's: PyTorch's arithmetic (Sutskever et al. 2013).
class SGD : public Optimizer {
 public:
  explicit SGD(Module& module, SgdOptions options = {});

 protected:
  void begin_group(std::int64_t step, const GroupSettings& settings, Dtype dtype) override;
  Tensor update(const Tensor& parameter, const Tensor& gradient, Memory& memory) override;

 private:
  SgdOptions options_;
  Tensor rate_;
  double weight_decay_ = 0;
};

}  // namespace sg::nn

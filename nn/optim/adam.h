// Adam and AdamW.
#pragma once

#include "nn/optim/optimizer.h"

namespace sg::nn {

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;  // divides by the largest second moment so far (Reddi et al. 2018)
};

/// The same for AdamW, whose weight decay is another thing and by default not 0.
struct AdamWOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
};

/// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, p -= rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 -
/// beta2^t) + epsilon), t counting the parameter's own updates: Kingma and Ba 2015 in PyTorch's arithmetic; the weight
/// decay is added to the gradient.
class Adam : public Optimizer {
 public:
  explicit Adam(Module& module, AdamOptions options = {}) : Adam(module, options, false) {}

 protected:
  Adam(Module& module, AdamOptions options, bool decoupled);
  void begin_group(std::int64_t step, const GroupSettings& settings, Dtype dtype) override;
  Tensor update(const Tensor& parameter, const Tensor& gradient, Memory& memory) override;

 private:
  AdamOptions options_;
  bool decoupled_;
  // Leaves, not constants: their values change with every step, and the step's plan shall stay the same.
  Tensor step_size_, correction_, keep_;
  double weight_decay_ = 0;
};

/// Adam whose weight decay shrinks the parameters by rate * weight_decay and leaves the gradient alone (Loshchilov and
/// Hutter 2019).
class AdamW : public Adam {
 public:
  explicit AdamW(Module& module, AdamWOptions options = {})
      : Adam(module,
             {options.learning_rate, options.beta1, options.beta2, options.epsilon, options.weight_decay,
              options.amsgrad},
             true) {}
};

}  // namespace sg::nn

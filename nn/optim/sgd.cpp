// SGD.
#include "nn/optim/sgd.h"

namespace sg::nn {

SGD::SGD(Module& module, SgdOptions options)
    : Optimizer(module, options.learning_rate, options.weight_decay,
                options.momentum != 0 ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{}),
      options_(options) {
  if (!(options.momentum >= 0)) fail("SGD: the momentum has to be 0 or more: {}", options.momentum);
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0)) {
    fail("SGD: nesterov needs a momentum and no dampening");
  }
}

void SGD::begin_group(std::int64_t, const GroupSettings& settings, Dtype dtype) {
  rate_ = scalar(settings.learning_rate, dtype);
  weight_decay_ = settings.weight_decay;
}

Tensor SGD::update(const Tensor& parameter, const Tensor& gradient, Memory& memory) {
  Tensor direction = weight_decay_ != 0 ? gradient + parameter * weight_decay_ : gradient;
  if (options_.momentum != 0) {
    Tensor& velocity = memory[0];
    velocity = velocity.defined() ? velocity * options_.momentum + direction * (1 - options_.dampening) : direction;
    direction = options_.nesterov ? direction + velocity * options_.momentum : velocity;
  }
  return parameter - rate_ * direction;
}

}  // namespace sg::nn

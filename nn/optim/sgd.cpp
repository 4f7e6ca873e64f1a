// SGD.
#include "nn/optim/sgd.h"

namespace sg::nn {

SGD::SGD(Module& module, SgdOptions options)
    : Optimizer(module, options.learning_rate,
                options.momentum != 0 ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{}),
      options_(options) {
  if (!(options.momentum >= 0)) fail("SGD: the momentum has to be 0 or more: {}", options.momentum);
  if (!(options.weight_decay >= 0)) fail("SGD: the weight decay has to be 0 or more: {}", options.weight_decay);
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0)) {
    fail("SGD: nesterov needs a momentum and no dampening");
  }
}

void SGD::begin_step(std::int64_t, Dtype dtype) { rate_ = scalar(learning_rate(), dtype); }

Tensor SGD::update(const Tensor& parameter, const Tensor& gradient, Memory& memory) {
  Tensor direction = options_.weight_decay != 0 ? gradient + parameter * options_.weight_decay : gradient;
  if (options_.momentum != 0) {
    Tensor& velocity = memory[0];
    velocity = velocity.defined() ? velocity * options_.momentum + direction * (1 - options_.dampening) : direction;
    direction = options_.nesterov ? direction + velocity * options_.momentum : velocity;
  }
  return parameter - rate_ * direction;
}

}  // namespace sg::nn

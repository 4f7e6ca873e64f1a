// Adam and AdamW.
#include "nn/optim/adam.h"

#include <cmath>

namespace sg::nn {

Adam::Adam(Module& module, AdamOptions options, bool decoupled)
    : Optimizer(module, options.learning_rate, options.weight_decay,
                options.amsgrad ? std::vector<std::string>{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
                                : std::vector<std::string>{"exp_avg", "exp_avg_sq"}),
      options_(options),
      decoupled_(decoupled) {
  for (double beta : {options.beta1, options.beta2}) {
    if (!(beta >= 0 && beta < 1)) fail("Adam: a beta has to lie in [0, 1): {}", beta);
  }
  if (!(options.epsilon >= 0)) fail("Adam: epsilon has to be 0 or more: {}", options.epsilon);
}

void Adam::begin_group(std::int64_t step, const GroupSettings& settings, Dtype dtype) {
  const auto t = static_cast<double>(step);
  weight_decay_ = settings.weight_decay;
  step_size_ = scalar(settings.learning_rate / (1 - std::pow(options_.beta1, t)), dtype);
  correction_ = scalar(std::sqrt(1 - std::pow(options_.beta2, t)), dtype);
  keep_ = scalar(1 - settings.learning_rate * weight_decay_, dtype);
}

Tensor Adam::update(const Tensor& parameter, const Tensor& gradient, Memory& memory) {
  const bool decays = weight_decay_ != 0;
  const Tensor g = decays && !decoupled_ ? gradient + parameter * weight_decay_ : gradient;
  Tensor& first = memory[0];
  Tensor& second = memory[1];
  // Zeros at the start are a leaf as the later values are, so that the first step's plan is the second's too.
  const auto start = [&](Tensor& moment) {
    if (!moment.defined()) moment = zeros_like(parameter).detach();
  };
  for (Tensor& moment : memory) start(moment);
  first = first * options_.beta1 + g * (1 - options_.beta1);
  second = second * options_.beta2 + square(g) * (1 - options_.beta2);
  Tensor spread = second;
  if (options_.amsgrad) spread = memory[2] = maximum(memory[2], second);
  const Tensor kept = decays && decoupled_ ? parameter * keep_ : parameter;
  return kept - step_size_ * first / (sqrt(spread) / correction_ + options_.epsilon);
}

}  // namespace sg::nn

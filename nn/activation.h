// Activation layers: the elementwise functions of ops.h as modules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/module.h"

namespace sg::nn {

class ReLU : public Module {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
};
class ReLUSquared : public Module {
 public:
  Tensor forward(const Tensor& x) override { return relu_squared(x); }
};
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor forward(const Tensor& x) override { return leaky_relu(x, negative_slope_); }

 private:
  double negative_slope_;
};
class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override { return elu(x, alpha_); }

 private:
  double alpha_;
};
class CELU : public Module {
 public:
  explicit CELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override { return celu(x, alpha_); }

 private:
  double alpha_;
};
class SELU : public Module {
 public:
  Tensor forward(const Tensor& x) override { return selu(x); }
};
/// max(x, 0) + `weight` min(x, 0), with one slope or one a channel of [N, C, ...] (He et al. 2015).
class PReLU : public Module {
 public:
  explicit PReLU(std::int64_t slopes = 1, double first = 0.25) : weight_({slopes}, init::constant(first)) {
    add_parameter("weight", weight_);
  }
  Tensor forward(const Tensor& x) override { return prelu(x, weight_); }
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }

 private:
  Parameter weight_;
};
class Mish : public Module {
 public:
  Tensor forward(const Tensor& x) override { return mish(x); }
};
class Softsign : public Module {
 public:
  Tensor forward(const Tensor& x) override { return softsign(x); }
};
class Hardsigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) override { return hardsigmoid(x); }
};
class Hardswish : public Module {
 public:
  Tensor forward(const Tensor& x) override { return hardswish(x); }
};
class Softmax : public Module {
 public:
  explicit Softmax(std::int64_t axis) : axis_(axis) {}
  Tensor forward(const Tensor& x) override { return softmax(x, axis_); }

 private:
  std::int64_t axis_;
};
class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(std::int64_t axis) : axis_(axis) {}
  Tensor forward(const Tensor& x) override { return log_softmax(x, axis_); }

 private:
  std::int64_t axis_;
};
class GELU : public Module {  // exact
 public:
  Tensor forward(const Tensor& x) override { return gelu(x); }
};
class SiLU : public Module {
 public:
  Tensor forward(const Tensor& x) override { return silu(x); }
};
class Softplus : public Module {
 public:
  Tensor forward(const Tensor& x) override { return softplus(x); }
};
class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) override { return tanh(x); }
};
class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) override { return sigmoid(x); }
};
/// sin(frequency x).
class Sine : public Module {
 public:
  explicit Sine(double frequency = 1) : frequency_(frequency) {}
  Tensor forward(const Tensor& x) override { return sin(frequency_ == 1 ? x : x * frequency_); }

 private:
  double frequency_;
};

/// The names that `activation` knows: tanh relu relu2 leaky_relu elu softplus gelu silu sigmoid sine selu celu prelu
/// mish softsign hardsigmoid hardswish.
const std::vector<std::string>& activation_names();
/// The layer of that name, with default settings; throws for another name.
std::unique_ptr<Module> activation(std::string_view name);

}  // namespace sg::nn

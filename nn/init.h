// Init: the rules by which parameters get their first values.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/tensor.h"

namespace sg::nn::init {

/// The random numbers of one parameter: those of the seed, at the parameter's place in its network.
struct Stream {
  std::uint64_t seed = 0;
  std::uint64_t position = 0;
};

/// Makes a parameter's first value.
using Rule = std::function<Tensor(const Shape& shape, Dtype dtype, const Stream& stream)>;

/// The connections of one output and of one input of a weight [out, in, ...], the trailing extents multiplied to both.
struct Fans {
  std::int64_t in;
  std::int64_t out;
};
/// Throws for less than two axes.
Fans fans(const Shape& weight);

enum class Fan { in, out };

Rule constant(double value);
inline Rule zeros() { return constant(0); }
inline Rule ones() { return constant(1); }
/// Uniform in [-bound, bound).
Rule uniform(double bound);
Rule normal(double standard_deviation = 1);

/// Uniform with bound gain sqrt(3 / fan), gain = sqrt(2 / (1 + slope^2)) (He et al. 2015); slope 0 is for relu.
Rule kaiming_uniform(double slope = 0, Fan fan = Fan::in);
/// Normal with standard deviation gain / sqrt(fan).
Rule kaiming_normal(double slope = 0, Fan fan = Fan::in);
/// Uniform with bound gain sqrt(6 / (in + out)) (Glorot and Bengio 2010).
Rule xavier_uniform(double gain = 1);
/// Normal with standard deviation gain sqrt(2 / (in + out)).
Rule xavier_normal(double gain = 1);

/// PyTorch's default for weights of linear and convolution layers: kaiming_uniform with slope sqrt(5), that is bound 1
/// / sqrt(fan in).
Rule default_weight();
/// PyTorch's default for their biases: uniform with bound 1 / sqrt(fan in) of the weight; zeros where nothing comes in.
Rule default_bias(const Shape& weight);

/// Sitzmann et al. 2020, section 3.2, for sin(omega0 (W x + b)): bound 1 / in for the first layer, sqrt(6 / in) /
/// omega0 for others.
Rule sitzmann_first();
Rule sitzmann_hidden(double omega0);

}  // namespace sg::nn::init

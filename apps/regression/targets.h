// Targets: functions of one or two inputs with exact derivatives to second order.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace sg::regression {

/// A function's value and derivatives at one point; in one dimension only the first elements count.
struct Sample {
  double u = 0;
  std::array<double, 2> gradient{};
  std::array<double, 4> hessian{};  // row-major
};

struct Target {
  std::string name;
  std::string formula;
  std::int64_t inputs;
  double first, last;  // the interval along every axis
  Sample (*at)(const double* x);
};

/// waves2d, chirp, twotone, envelope, ackley, in the order in which --help names them.
const std::vector<Target>& targets();
/// Throws for a name that is not there.
const Target& target_named(std::string_view name);

/// u [N, 1], first derivatives [N, d], second derivatives [N, d d] at points [N, d] of any floating dtype; computed in
/// f64.
Tensors target_derivatives(const Target& target, const Tensor& points);

}  // namespace sg::regression

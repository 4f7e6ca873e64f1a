// Runge–Kutta: flows integrated with the pair of orders 5 and 4 of Dormand and Prince 1980, and a step that adapts.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace sg::theory {

/// The velocity at a state, of the state's shape; f64.
using Flow = std::function<Tensor(const Tensor& state)>;

struct Step {
  std::vector<double> state;     // at the step's end, by the formula of order 5
  std::vector<double> velocity;  // there, which the next step begins with
  std::vector<double> error;     // the difference from the formula of order 4
};
/// One step of length h from a state of this shape, at which the velocity is known.
Step dormand_prince_step(const Flow& flow, const Shape& shape, const std::vector<double>& state,
                         const std::vector<double>& velocity, double h);

struct Path {
  std::vector<double> times;
  std::vector<Tensor> states;  // one a time, leaves
  std::int64_t steps = 0, rejected = 0;
};
/// The states at the given times (from 0 on, ascending). The estimated error of each element in a step is at most
/// tolerance * (1 + |element|). Many starting points are one state: they share their steps. Throws sg::Error when the
/// step becomes too small, and Interrupted.
Path integrate(const Flow& flow, const Tensor& start, const std::vector<double>& times, double tolerance);

/// count times from 0 to last.
std::vector<double> even_times(double last, std::int64_t count);

}  // namespace sg::theory

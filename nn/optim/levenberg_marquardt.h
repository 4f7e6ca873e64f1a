// Levenberg-Marquardt: least squares by Gauss-Newton steps that are damped where the linear model does not hold.
#pragma once

#include <functional>
#include <string>

#include "nn/module.h"

namespace sg::nn {

struct LevenbergMarquardtOptions {
  double damping = 1e-3;                   // of the first step, relative to the curvature of J' J along the gradient
  double tolerance_gradient = 1e-14;       // on the gradient's largest entry, relative to the first step's
  double tolerance_change = 1e-12;         // on the step's length, relative to the parameters'
  std::int64_t dense_parameters = 2000;    // up to so many, the normal matrix is made and factored
  std::int64_t conjugate_gradients = 200;  // at most, for more parameters than that
  double conjugate_gradient_tolerance = 1e-3;  // of a step's residual, relative to the gradient
  std::int64_t trials = 20;                    // dampings tried in one step before it gives up
};

/// Minimises the sum of squares of a vector of residuals r (Nocedal and Wright 2006, section 10.3; the damping after
/// Nielsen, "Damping parameter in Marquardt's method", 1999): a step d solves (J' J + damping) d = -J' r, is taken when
/// the sum of squares falls, and tried again with more damping when it does not. For few parameters J is made in one
/// mapped forward pass and the normal matrix factored; for more, conjugate gradients need only products with J and J'
/// (jvp and grad). Use f64: the normal matrix has the square of J's condition number.
class LevenbergMarquardt {
 public:
  /// Builds the residuals, of any shape, for the parameters that the network holds at the moment of the call.
  using ResidualFunction = std::function<Tensor()>;

  explicit LevenbergMarquardt(Module& module, LevenbergMarquardtOptions options = {});

  /// One step. Returns the sum of squares before it. What the residuals throw is passed on; the parameters are then as
  /// they were.
  double step(const ResidualFunction& residuals);
  /// The sum of squares at the parameters that the last step left.
  double loss() const { return loss_; }
  std::int64_t steps() const { return steps_; }

  /// Why nothing more can be gained; `none` while steps are taken.
  enum class Stop { none, gradient, change, no_descent };
  Stop stop() const { return stop_; }
  /// The reason as a sentence's part: "the gradient vanishes", ...
  std::string stop_reason() const;

  /// All that the next step depends on, by name.
  NamedTensors state() const;
  /// Throws when it is not the state of this optimiser.
  void load_state(const NamedTensors& state);

 private:
  struct Linearised;

  void check_dtype() const;
  Linearised linearise(const ResidualFunction& residuals) const;
  /// Undefined where the damped normal matrix has no factor in this precision.
  Tensor solve_damped(const Linearised& at, double damping) const;
  void set_parameters(const Tensor& flat);

  std::vector<std::pair<std::string, Slot*>> parameters_;
  std::vector<Slot*> buffers_;
  LevenbergMarquardtOptions options_;
  std::int64_t size_ = 0;
  Dtype dtype_ = f32;
  double damping_ = -1;  // negative before the first step
  double growth_ = 2;    // of the damping after the next failure
  double first_gradient_ = 0;
  double loss_ = 0;
  std::int64_t steps_ = 0;
  Stop stop_ = Stop::none;
};

}  // namespace sg::nn

// L-BFGS with a strong Wolfe line search.
#pragma once

#include <deque>
#include <functional>
#include <string_view>

#include "nn/module.h"

namespace sg::nn {

struct LbfgsOptions {
  double learning_rate = 1;          // the first trial step length
  std::int64_t max_iterations = 20;  // of one call of `step`
  std::int64_t max_evaluations = 0;  // of one call of `step`; 0 stands for 5/4 of the iterations
  double tolerance_gradient = 1e-7;  // on the largest entry of the gradient
  double tolerance_change = 1e-9;    // on the largest change of a parameter, and on the change of the loss
  /// What is below a tolerance must also be below this part of the largest of its kind since the first iteration: a
  /// loss of the size 1e-6 is minimised like any other.
  double tolerance_relative = 1e-6;
  std::int64_t history = 10;
};

/// Why `LBFGS::step` returned.
enum class LbfgsStop {
  iterations,   // as many as were asked for
  evaluations,  // as many as were allowed
  gradient,     // it is below its tolerance
  slope,        // along the direction, it is below its tolerance
  step,         // the last one was below its tolerance
  change,       // of the loss, it was below its tolerance
  no_descent,   // the line search found no lower loss
  not_finite,   // the loss or its gradient at the point where the step began
};
/// `the gradient is below its tolerance`.
std::string_view describe(LbfgsStop stop);

/// Limited-memory BFGS (Nocedal and Wright 2006, algorithms 7.4 and 3.5 with cubic interpolation), with the arithmetic,
/// the safeguards and the stopping rules of torch.optim.LBFGS and its `strong_wolfe`, so that runs can be compared step
/// for step. Beyond that: a trial step whose loss or gradient is not finite is shortened, and the line search goes on
/// between the finite points; tolerances are relative as well.
class LBFGS {
 public:
  /// Builds the loss for the parameters that the network holds at the moment of the call.
  using LossFunction = std::function<Tensor()>;

  explicit LBFGS(Module& module, LbfgsOptions options = {});

  /// Up to `max_iterations` iterations. Returns the loss before the first of them.
  double step(const LossFunction& loss_function);
  /// The loss at the parameters that the last step left.
  double loss() const { return current_loss_; }
  /// Why the last step returned.
  LbfgsStop stop() const { return stop_; }
  std::int64_t iterations() const { return iterations_; }
  std::int64_t evaluations() const { return evaluations_; }

  /// All that the next step depends on, by name.
  NamedTensors state() const;
  /// Throws when it is not the state of this optimiser on this network.
  void load_state(const NamedTensors& state);

 private:
  /// A point of the line x + t d.
  struct Trial {
    double t = 0;
    double loss = 0;
    double slope = 0;    // the gradient times d
    double largest = 0;  // absolute entry of the gradient
    Tensor gradient;     // flat
    bool is_finite() const;
  };
  struct Pair {
    Tensor gradient_change, step, inverse_product;
  };

  /// The largest of each kind since the first iteration, to which the tolerances are relative.
  struct Scales {
    double gradient = 0, slope = 0, step = 0, change = 0, curvature = 0;
  };

  Trial evaluate(const LossFunction& loss_function, double t);
  bool is_small(double value, double tolerance, double& largest) const;
  Trial line_search(const LossFunction& loss_function, const Trial& start, double t);
  void update_history(const Tensor& gradient);
  Tensor two_loop_direction(const Tensor& gradient) const;
  Tensor flat_parameters() const;
  void set_parameters(const Tensor& flat);

  std::vector<std::pair<std::string, Slot*>> parameters_;
  std::vector<Slot*> buffers_;
  LbfgsOptions options_;
  std::int64_t size_ = 0;
  Dtype dtype_ = f32;

  Tensor origin_;  // where the line begins, flat
  Tensor direction_;
  double largest_direction_ = 0;
  double t_ = 0;
  std::deque<Pair> history_;
  Tensor scale_;  // of the initial inverse Hessian
  Tensor previous_gradient_;
  double current_loss_ = 0;
  Scales scales_;
  LbfgsStop stop_ = LbfgsStop::iterations;
  std::int64_t iterations_ = 0;
  std::int64_t evaluations_ = 0;
};

}  // namespace sg::nn

// Runge–Kutta: the steps and their control.
#include "apps/theory/runge_kutta.h"

#include <algorithm>
#include <cmath>

#include "apps/common/run_app.h"
#include "engine/error.h"
#include "engine/ops.h"

namespace sg::theory {

namespace {

constexpr int stages = 7;
/// The last row is the formula of order 5 as well.
constexpr double coefficients[stages][stages - 1] = {
    {},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};
/// Order 5 minus order 4.
constexpr double error_coefficients[stages] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                               -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

std::vector<double> velocity_at(const Flow& flow, const Shape& shape, const std::vector<double>& state) {
  return flow(tensor(state, shape, f64)).to_vector<double>();
}

}  // namespace

Step dormand_prince_step(const Flow& flow, const Shape& shape, const std::vector<double>& state,
                         const std::vector<double>& velocity, double h) {
  std::vector<double> slopes[stages];
  slopes[0] = velocity;
  Step step;
  for (int stage = 1; stage < stages; ++stage) {
    step.state = state;
    for (int before = 0; before < stage; ++before) {
      for (std::size_t i = 0; i < state.size(); ++i) {
        step.state[i] += h * coefficients[stage][before] * slopes[before][i];
      }
    }
    slopes[stage] = velocity_at(flow, shape, step.state);
  }
  step.velocity = slopes[stages - 1];
  step.error.assign(state.size(), 0.0);
  for (int stage = 0; stage < stages; ++stage) {
    for (std::size_t i = 0; i < state.size(); ++i) step.error[i] += h * error_coefficients[stage] * slopes[stage][i];
  }
  return step;
}

Path integrate(const Flow& flow, const Tensor& start, const std::vector<double>& times, double tolerance) {
  const Shape shape = start.shape();
  std::vector<double> state = start.to_vector<double>();
  std::vector<double> velocity = velocity_at(flow, shape, state);
  Path path;
  double now = 0, h = 0.01;
  for (const double time : times) {
    while (now < time) {
      if (apps::interrupted()) apps::stop_interrupted("theory", "");
      const bool last = now + h >= time * (1 - 1e-14);
      const double length = last ? time - now : h;
      Step step = dormand_prince_step(flow, shape, state, velocity, length);
      double error = 0;
      for (std::size_t i = 0; i < state.size(); ++i) {
        const double scale = tolerance * (1 + std::max(std::abs(state[i]), std::abs(step.state[i])));
        const double part = std::abs(step.error[i]) / scale;
        error = part <= error ? error : part;  // a NaN is kept
      }
      const double factor =
          std::isfinite(error) ? std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.2), 0.2, 5.0) : 0.2;
      if (error <= 1) {
        state = std::move(step.state);
        velocity = std::move(step.velocity);
        now = last ? time : now + length;
        ++path.steps;
        // A step cut short to meet an output says little about the next one.
        h = last ? std::max(h, length * factor) : length * factor;
      } else {
        ++path.rejected;
        h = length * std::min(factor, 0.9);
        if (h < 1e-12 * std::max(1.0, now)) {
          fail("--tolerance: the flow cannot be followed to {:g} beyond time {:g}; a larger one is needed", tolerance,
               now);
        }
      }
    }
    path.times.push_back(time);
    path.states.push_back(tensor(state, shape, f64));
  }
  return path;
}

std::vector<double> even_times(double last, std::int64_t count) {
  std::vector<double> times;
  for (std::int64_t i = 0; i < count; ++i) {
    times.push_back(last * static_cast<double>(i) / static_cast<double>(count - 1));
  }
  return times;
}

}  // namespace sg::theory

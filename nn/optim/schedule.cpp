// Schedules.
#include "nn/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace sg::nn {
namespace {

void check_steps(const char* name, std::int64_t steps) {
  if (steps < 1) fail("{}: needs at least one step: {}", name, steps);
}

/// From `first` to `last` along half a cosine as `part` goes from 0 to 1.
double along_cosine(double first, double last, double part) {
  return last + (first - last) / 2 * (1 + std::cos(std::numbers::pi * part));
}

}  // namespace

Schedule constant_schedule(double rate) {
  return [=](std::int64_t) { return rate; };
}

Schedule step_schedule(double rate, std::int64_t every, double gamma) {
  check_steps("step_schedule", every);
  return [=](std::int64_t step) { return rate * std::pow(gamma, static_cast<double>(step / every)); };
}

Schedule multi_step_schedule(double rate, std::vector<std::int64_t> milestones, double gamma) {
  std::sort(milestones.begin(), milestones.end());
  return [=](std::int64_t step) {
    const auto passed = std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin();
    return rate * std::pow(gamma, static_cast<double>(passed));
  };
}

Schedule exponential_schedule(double rate, double gamma) {
  return [=](std::int64_t step) { return rate * std::pow(gamma, static_cast<double>(step)); };
}

Schedule cosine_schedule(double rate, std::int64_t steps, double last) {
  check_steps("cosine_schedule", steps);
  return [=](std::int64_t step) {
    return along_cosine(rate, last, static_cast<double>(step) / static_cast<double>(steps));
  };
}

Schedule one_cycle_schedule(double peak, std::int64_t steps, double rising, double start_divisor, double end_divisor) {
  check_steps("one_cycle_schedule", steps);
  if (!(rising >= 0 && rising <= 1)) fail("one_cycle_schedule: the rising part has to lie in [0, 1]: {}", rising);
  if (!(start_divisor > 0 && end_divisor > 0)) {
    fail("one_cycle_schedule: the divisors have to be positive: {}, {}", start_divisor, end_divisor);
  }
  const double start = peak / start_divisor, end = start / end_divisor;
  const double top = rising * static_cast<double>(steps) - 1, last = static_cast<double>(steps) - 1;
  return [=](std::int64_t step) {
    const auto n = static_cast<double>(step);
    if (step >= steps) fail("one_cycle_schedule: step {} of {}", step, steps);
    if (n <= top) return along_cosine(start, peak, top > 0 ? n / top : 1.0);
    return along_cosine(peak, end, last > top ? (n - top) / (last - top) : 1.0);
  };
}

Schedule warm_up_schedule(double rate, std::int64_t steps, double first_factor) {
  check_steps("warm_up_schedule", steps);
  return warm_up_then(steps, first_factor, constant_schedule(rate));
}

Schedule warm_up_then(std::int64_t steps, double first_factor, Schedule schedule) {
  if (steps < 0) fail("warm_up_then: the number of steps has to be 0 or more: {}", steps);
  if (!schedule) fail("warm_up_then: the schedule is empty");
  return [=, schedule = std::move(schedule)](std::int64_t step) {
    if (step >= steps) return schedule(step - steps);
    return schedule(0) * (first_factor + (1 - first_factor) * static_cast<double>(step) / static_cast<double>(steps));
  };
}

}  // namespace sg::nn

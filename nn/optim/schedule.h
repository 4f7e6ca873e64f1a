// Schedules: the learning rate as a function of the step, in closed form, with PyTorch's values.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sg::nn {

/// The learning rate of step n, counted from 0.
using Schedule = std::function<double(std::int64_t step)>;

Schedule constant_schedule(double rate);
/// Times gamma every `every` steps.
Schedule step_schedule(double rate, std::int64_t every, double gamma);
/// Times gamma at each milestone, which may repeat.
Schedule multi_step_schedule(double rate, std::vector<std::int64_t> milestones, double gamma);
/// rate gamma^n.
Schedule exponential_schedule(double rate, double gamma);
/// Half a cosine from `rate` to `last` in `steps` steps (Loshchilov and Hutter 2017); goes on periodically.
Schedule cosine_schedule(double rate, std::int64_t steps, double last = 0);
/// Along half cosines from peak / start_divisor up to `peak` in the first `rising` part of `steps`, and down to
/// peak / start_divisor / end_divisor (Smith and Topin 2018). Throws past the last step.
Schedule one_cycle_schedule(double peak, std::int64_t steps, double rising = 0.3, double start_divisor = 25,
                            double end_divisor = 1e4);
/// Linearly from first_factor rate to rate in `steps` steps, then as it is.
Schedule warm_up_schedule(double rate, std::int64_t steps, double first_factor);
/// The given schedule from its step 0 on, after `steps` linear steps up to its first value. Throws for an empty
/// schedule and for a negative number of steps.
Schedule warm_up_then(std::int64_t steps, double first_factor, Schedule schedule);

}  // namespace sg::nn

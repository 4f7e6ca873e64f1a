// Diffusion: noise schedules, what the network predicts, and how much its error counts at each time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/ops.h"

namespace sg::nn {

/// The variances beta of the steps 0 .. timesteps - 1, in f64, by the schedule's name; at most 0.999. Throws for other
/// names.
/// - `linear` (Ho et al. 2020): from 1e-4 to 0.02, times 1000 / timesteps;
/// - `cosine` (Nichol and Dhariwal 2021): the cumulative alphas follow cos^2((u + 0.008) / 1.008 pi / 2), u = 0 .. 1;
/// - `sigmoid` (Jabri et al. 2022): they follow sigmoid(3) - sigmoid(6 u - 3), from start -3 to end 3 with tau 1.
std::vector<double> diffusion_betas(std::string_view schedule, std::int64_t timesteps);

/// A schedule's figures at times t = 0 .. timesteps - 1; a picture at time t is sqrt(a) x0 + sqrt(1 - a) noise with a =
/// alpha_cumprod(t).
class NoiseSchedule {
 public:
  NoiseSchedule(std::string_view schedule, std::int64_t timesteps);
  std::int64_t timesteps() const { return static_cast<std::int64_t>(betas_.size()); }
  /// Throws unless 0 <= t < timesteps.
  double beta(std::int64_t t) const;
  /// The product of 1 - beta up to t; 1 at t = -1, the picture without noise. Throws unless -1 <= t < timesteps, as all
  /// that takes times does.
  double alpha_cumprod(std::int64_t t) const;
  /// Signal to noise: a / (1 - a).
  double snr(std::int64_t t) const { return alpha_cumprod(t) / (1 - alpha_cumprod(t)); }

 private:
  std::vector<double> betas_, alphas_cumprod_;
};

/// What the network predicts: the picture, the noise, or v = sqrt(a) noise - sqrt(1 - a) x0 (Salimans and Ho 2022).
enum class Objective { x0, noise, v };
/// `pred_x0`, `pred_noise` or `pred_v`; throws for anything else.
Objective objective_of(std::string_view name);

/// The weight of a picture's error at its time, as a weight of the error of x0: 1 whatever the prediction, the signal
/// to noise ratio, or that ratio cut at 5 (Hang et al. 2023). For a prediction of the noise it is divided by snr, for v
/// by snr + 1.
enum class LossWeight { none, snr, min_snr };
/// `none`, `snr` or `min-snr`; throws for anything else.
LossWeight loss_weight_of(std::string_view name);

/// A schedule together with what is predicted. Pictures x [N, C, H, W] are in [-1, 1]; times hold one t for each of the
/// N.
class Diffusion {
 public:
  Diffusion(NoiseSchedule schedule, Objective objective, LossWeight weight = LossWeight::none);
  const NoiseSchedule& schedule() const { return schedule_; }
  Objective objective() const { return objective_; }

  /// x at the times: sqrt(a) x0 + sqrt(1 - a) noise.
  Tensor noised(const Tensor& x0, const Tensor& noise, const std::vector<std::int64_t>& times) const;
  /// What the network should say.
  Tensor target(const Tensor& x0, const Tensor& noise, const std::vector<std::int64_t>& times) const;
  /// The weight of the error at one time.
  double weight(std::int64_t t) const;
  /// prediction - target, times the square root of the weight of each picture's time: losses that are squares of it are
  /// weighted.
  Tensor residual(const Tensor& prediction, const Tensor& target, const std::vector<std::int64_t>& times) const;
  /// The picture that a prediction at x and one time for all means, clipped to [-1, 1].
  Tensor estimate_x0(const Tensor& x, const Tensor& prediction, std::int64_t t) const;
  /// The noise that turned x0 into x.
  Tensor noise_of(const Tensor& x, const Tensor& x0, std::int64_t t) const;

 private:
  NoiseSchedule schedule_;
  Objective objective_;
  LossWeight weight_;
};

/// The times as the network takes them: [N].
Tensor time_tensor(const std::vector<std::int64_t>& times, Dtype dtype);

}  // namespace sg::nn

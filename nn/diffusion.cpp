// Diffusion.
#include "nn/diffusion.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sg::nn {
namespace {

constexpr double largest_beta = 0.999, snr_cut = 5;

/// Betas from the values of the cumulative product at 0 .. timesteps.
template <class Function>
std::vector<double> betas_of(std::int64_t timesteps, Function cumulative) {
  std::vector<double> betas;
  for (std::int64_t t = 0; t < timesteps; ++t) {
    const double before = cumulative(static_cast<double>(t) / static_cast<double>(timesteps));
    const double after = cumulative(static_cast<double>(t + 1) / static_cast<double>(timesteps));
    betas.push_back(std::clamp(1 - after / before, 0.0, largest_beta));
  }
  return betas;
}

/// One number for each picture, as [N, 1, 1, 1].
template <class Function>
Tensor column(const std::vector<std::int64_t>& times, Dtype dtype, Function value) {
  std::vector<double> values;
  for (const std::int64_t t : times) values.push_back(value(t));
  return tensor(std::span<const double>(values), {static_cast<std::int64_t>(values.size()), 1, 1, 1}, dtype);
}

}  // namespace

std::vector<double> diffusion_betas(std::string_view schedule, std::int64_t timesteps) {
  if (timesteps < 1 || timesteps > 1'000'000) fail("diffusion_betas: needs 1 to 1,000,000 timesteps: {}", timesteps);
  const auto count = static_cast<double>(timesteps);
  if (schedule == "linear") {
    const double scale = 1000 / count, first = scale * 0.0001, last = scale * 0.02;
    std::vector<double> betas;
    for (std::int64_t t = 0; t < timesteps; ++t) {
      betas.push_back(std::min(largest_beta,
                               timesteps == 1 ? first : first + (last - first) * static_cast<double>(t) / (count - 1)));
    }
    return betas;
  }
  if (schedule == "cosine") {
    return betas_of(timesteps, [](double u) {
      const double root = std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2);
      return root * root;
    });
  }
  if (schedule != "sigmoid") fail("diffusion_betas: '{}' is none of sigmoid, cosine, linear", schedule);
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  return betas_of(timesteps, [&](double u) { return logistic(3) - logistic(6 * u - 3); });
}

NoiseSchedule::NoiseSchedule(std::string_view schedule, std::int64_t timesteps)
    : betas_(diffusion_betas(schedule, timesteps)) {
  double product = 1;
  for (const double beta : betas_) alphas_cumprod_.push_back(product *= 1 - beta);
}

double NoiseSchedule::beta(std::int64_t t) const {
  if (t < 0 || t >= timesteps()) fail("NoiseSchedule: time {} lies outside of the {} steps", t, timesteps());
  return betas_[static_cast<std::size_t>(t)];
}

double NoiseSchedule::alpha_cumprod(std::int64_t t) const {
  if (t < -1 || t >= timesteps()) fail("NoiseSchedule: time {} lies outside of the {} steps", t, timesteps());
  return t < 0 ? 1 : alphas_cumprod_[static_cast<std::size_t>(t)];
}

Objective objective_of(std::string_view name) {
  if (name == "pred_x0") return Objective::x0;
  if (name == "pred_noise") return Objective::noise;
  if (name == "pred_v") return Objective::v;
  fail("objective: '{}' is none of pred_x0, pred_noise, pred_v", name);
}

LossWeight loss_weight_of(std::string_view name) {
  if (name == "none") return LossWeight::none;
  if (name == "snr") return LossWeight::snr;
  if (name == "min-snr") return LossWeight::min_snr;
  fail("loss weight: '{}' is none of none, snr, min-snr", name);
}

Diffusion::Diffusion(NoiseSchedule schedule, Objective objective, LossWeight weight)
    : schedule_(std::move(schedule)), objective_(objective), weight_(weight) {}

Tensor Diffusion::noised(const Tensor& x0, const Tensor& noise, const std::vector<std::int64_t>& times) const {
  return column(times, x0.dtype(), [&](std::int64_t t) { return std::sqrt(schedule_.alpha_cumprod(t)); }) * x0 +
         column(times, x0.dtype(), [&](std::int64_t t) { return std::sqrt(1 - schedule_.alpha_cumprod(t)); }) * noise;
}

Tensor Diffusion::target(const Tensor& x0, const Tensor& noise, const std::vector<std::int64_t>& times) const {
  if (objective_ == Objective::x0) return x0;
  if (objective_ == Objective::noise) return noise;
  return column(times, x0.dtype(), [&](std::int64_t t) { return std::sqrt(schedule_.alpha_cumprod(t)); }) * noise -
         column(times, x0.dtype(), [&](std::int64_t t) { return std::sqrt(1 - schedule_.alpha_cumprod(t)); }) * x0;
}

double Diffusion::weight(std::int64_t t) const {
  if (weight_ == LossWeight::none) return 1;
  const double snr = schedule_.snr(t), counted = weight_ == LossWeight::min_snr ? std::min(snr, snr_cut) : snr;
  if (objective_ == Objective::x0) return counted;
  return counted / (objective_ == Objective::noise ? snr : snr + 1);
}

Tensor Diffusion::residual(const Tensor& prediction, const Tensor& target,
                           const std::vector<std::int64_t>& times) const {
  const Tensor plain = prediction - target;
  if (weight_ == LossWeight::none) return plain;
  return plain * column(times, plain.dtype(), [&](std::int64_t t) { return std::sqrt(weight(t)); });
}

Tensor Diffusion::estimate_x0(const Tensor& x, const Tensor& prediction, std::int64_t t) const {
  const double alpha = schedule_.alpha_cumprod(t), signal = std::sqrt(alpha), noisiness = std::sqrt(1 - alpha);
  if (objective_ == Objective::x0) return clamp(prediction, -1, 1);
  if (objective_ == Objective::noise) return clamp(x * (1 / signal) - prediction * (noisiness / signal), -1, 1);
  return clamp(x * signal - prediction * noisiness, -1, 1);
}

Tensor Diffusion::noise_of(const Tensor& x, const Tensor& x0, std::int64_t t) const {
  const double alpha = schedule_.alpha_cumprod(t);
  return (x - x0 * std::sqrt(alpha)) / std::sqrt(1 - alpha);
}

Tensor time_tensor(const std::vector<std::int64_t>& times, Dtype dtype) {
  return cast(tensor(std::span<const std::int64_t>(times), {static_cast<std::int64_t>(times.size())}), dtype);
}

}  // namespace sg::nn

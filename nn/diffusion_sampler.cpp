// Diffusion sampler.
#include "nn/diffusion_sampler.h"

#include <algorithm>
#include <cmath>

#include "engine/random.h"

namespace sg::nn {
namespace {

constexpr std::uint64_t sampling_stream = 0x5A3;  // tells these streams from those of other uses of a seed

/// x at the time `next` from x at `t`, by DDIM.
Tensor ddim_step(const Diffusion& diffusion, const Tensor& x, const Tensor& x0, std::int64_t t, std::int64_t next,
                 double eta, const std::function<Tensor()>& fresh_noise) {
  const double alpha = diffusion.schedule().alpha_cumprod(t), alpha_next = diffusion.schedule().alpha_cumprod(next);
  const double sigma = eta * std::sqrt(std::max(0.0, (1 - alpha / alpha_next) * (1 - alpha_next) / (1 - alpha)));
  const double kept = std::sqrt(std::max(0.0, 1 - alpha_next - sigma * sigma));
  const Tensor result = x0 * std::sqrt(alpha_next) + diffusion.noise_of(x, x0, t) * kept;
  return sigma > 0 ? result + fresh_noise() * sigma : result;
}

/// A draw from q(x_{t - 1} | x_t, x0).
Tensor ancestral_step(const Diffusion& diffusion, const Tensor& x, const Tensor& x0, std::int64_t t,
                      const std::function<Tensor()>& fresh_noise) {
  const NoiseSchedule& schedule = diffusion.schedule();
  const double alpha = schedule.alpha_cumprod(t), alpha_next = schedule.alpha_cumprod(t - 1), beta = schedule.beta(t);
  const double of_x0 = beta * std::sqrt(alpha_next) / (1 - alpha),
               of_x = (1 - alpha_next) * std::sqrt(1 - beta) / (1 - alpha);
  const double variance = beta * (1 - alpha_next) / (1 - alpha);
  return x0 * of_x0 + x * of_x + fresh_noise() * std::sqrt(variance);
}

}  // namespace

std::vector<std::int64_t> sampling_times(std::int64_t timesteps, std::int64_t steps) {
  if (steps < 1 || steps > timesteps) fail("sampling_times: needs 1 to {} steps: {}", timesteps, steps);
  std::vector<std::int64_t> times;
  // -1 + i T / S; between -1 and 0 cut towards zero.
  for (std::int64_t i = steps; i >= 0; --i) {
    times.push_back(i == 0 ? -1 : std::max<std::int64_t>(0, i * timesteps / steps - 1));
  }
  return times;
}

Tensor sampling_noise(const Shape& sample_shape, std::int64_t first, std::int64_t count, std::uint64_t seed,
                      std::int64_t time, Dtype dtype) {
  Tensors samples;
  for (std::int64_t i = first; i < first + count; ++i) {
    samples.push_back(random_normal(
        sample_shape, 0, 1, seed,
        stream_of({sampling_stream, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(time)}), dtype));
  }
  return stack(samples, 0).eval();
}

Tensor sample(const Diffusion& diffusion, const Predictor& predict, const Tensor& noise, const SamplerOptions& options,
              std::int64_t first, const std::function<void(const SamplingStep&)>& watch) {
  if (noise.rank() != 4) fail("sample: needs noise [N, C, H, W]: {}", noise.shape());
  if (!(options.eta >= 0 && options.eta <= 1)) fail("sample: eta has to lie between 0 and 1: {}", options.eta);
  const NoGrad no_grad;
  const std::int64_t timesteps = diffusion.schedule().timesteps(), count = noise.shape(0);
  const auto times = sampling_times(timesteps, options.ancestral ? timesteps : options.steps);
  Shape sample_shape = noise.shape();
  sample_shape.erase(sample_shape.begin());
  Tensor x = noise.detach();
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    const std::int64_t t = times[i], next = times[i + 1];
    const Tensor prediction =
        predict(x, time_tensor(std::vector<std::int64_t>(static_cast<std::size_t>(count), t), x.dtype()));
    Tensor x0 = diffusion.estimate_x0(x, prediction, t);
    const auto fresh_noise = [&] { return sampling_noise(sample_shape, first, count, options.seed, next, x.dtype()); };
    Tensor following = x0;
    if (next >= 0) {
      following = options.ancestral ? ancestral_step(diffusion, x, x0, t, fresh_noise)
                                    : ddim_step(diffusion, x, x0, t, next, options.eta, fresh_noise);
    }
    if (watch) {
      sg::eval({x0, following});
      watch({static_cast<std::int64_t>(i), static_cast<std::int64_t>(times.size()) - 1, x, x0.detach()});
    }
    x = following.eval().detach();
  }
  return x;
}

}  // namespace sg::nn

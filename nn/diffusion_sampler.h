// Diffusion sampler: from noise to pictures, by DDIM or by the whole ancestral chain of DDPM.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "nn/diffusion.h"

namespace sg::nn {

/// The times that S steps of DDIM visit: the integers of linspace(-1, T - 1, S + 1), cut towards zero, from T - 1 down
/// to -1.
std::vector<std::int64_t> sampling_times(std::int64_t timesteps, std::int64_t steps);

/// Normal numbers [count, sample...] of the samples first, first + 1, ...: those of one depend on the seed, its number
/// and the time alone. The time `timesteps` is that of the noise which sampling starts from.
Tensor sampling_noise(const Shape& sample_shape, std::int64_t first, std::int64_t count, std::uint64_t seed,
                      std::int64_t time, Dtype dtype);

struct SamplerOptions {
  bool ancestral = false;   // DDPM: every time, from T - 1 down to 0
  std::int64_t steps = 20;  // of DDIM
  double eta = 0;           // how much of the ancestral noise DDIM adds: 0 none, 1 all
  std::uint64_t seed = 0;   // of that noise
};

/// What happens at one step, for whoever watches.
struct SamplingStep {
  std::int64_t number;  // from 0
  std::int64_t count;   // of all steps
  Tensor x;             // the noisy pictures that the step started from
  Tensor x0;            // what the network took them for
};

/// The network: pictures [N, C, H, W] at times [N] to predictions.
using Predictor = std::function<Tensor(const Tensor& x, const Tensor& t)>;

/// From noise [N, C, H, W] to pictures in [-1, 1], without a graph for derivatives: Song et al. 2021, or Ho et al.
/// 2020. The first of them is sample number `first`, on which the noise added on the way depends.
Tensor sample(const Diffusion& diffusion, const Predictor& predict, const Tensor& noise, const SamplerOptions& options,
              std::int64_t first = 0, const std::function<void(const SamplingStep&)>& watch = {});

}  // namespace sg::nn

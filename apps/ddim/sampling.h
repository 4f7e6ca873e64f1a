// Sampling: pictures out of a network, batch after batch.
#pragma once

#include <cstdint>
#include <functional>

#include "apps/ddim/settings.h"
#include "nn/diffusion_sampler.h"

namespace sg::ddim {

struct SamplingJob {
  std::int64_t count = 64;
  std::int64_t batch_size = 16;  // pictures computed together, in whole groups; the results do not depend on it
  std::uint64_t seed = 0;
  Dtype dtype = f32;
  bool quiet = true;  // no progress
  Tensor noise;       // [count, C, H, W] to start from; undefined: by the seed
};

/// Called after each step of each batch with the number of its first picture.
using Watch = std::function<void(std::int64_t first, const nn::SamplingStep& step)>;

/// How many pictures the network is given at a time: by their size alone, so that a picture has the same bits in
/// whatever batch it is drawn.
std::int64_t group_size(const ModelSettings& model);

/// Pictures [count, C, H, W] in [0, 1]. Throws Interrupted after Ctrl-C, with nothing to resume.
Tensor draw_samples(nn::Unet& network, const ModelSettings& model, const SamplingSettings& settings,
                    const SamplingJob& job, const Watch& watch = {});

/// The grid's columns: as square as can be.
std::int64_t grid_columns(std::int64_t count);
/// A PNG file of pictures [N, C, H, W] in [0, 1] side by side, small ones enlarged.
std::string grid_png(const Tensor& pictures, std::int64_t columns);

}  // namespace sg::ddim

// Settings: the options that the commands of ddim share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/common/options.h"
#include "nn/diffusion.h"
#include "nn/models/unet.h"

namespace sg::ddim {

inline constexpr const char* kName = "ddim";
inline constexpr std::int64_t kDigitSide = 28;

/// A network and what it predicts.
struct ModelSettings {
  std::int64_t dim = 64;
  std::vector<std::int64_t> mults{1, 2, 4};
  std::int64_t channels = 3;
  std::int64_t size = 64;
  std::string schedule = "sigmoid";
  std::int64_t timesteps = 1000;
  std::string objective = "pred_x0";

  nn::UnetOptions unet() const { return {dim, mults, channels}; }
  Shape sample_shape() const { return {channels, size, size}; }
  nn::Diffusion diffusion(nn::LossWeight weight = nn::LossWeight::none) const {
    return {nn::NoiseSchedule(schedule, timesteps), nn::objective_of(objective), weight};
  }
};

/// Adds --dim, --mults, --channels, --size, --schedule, --timesteps and --objective.
void add_model_options(apps::OptionParser& parser, ModelSettings& model);
/// Throws when the mults do not divide the sides, or are none that a network takes.
void check_model(const ModelSettings& model);

/// How pictures are drawn from a network.
struct SamplingSettings {
  std::string sampler = "ddim";
  std::int64_t steps = 20;
  double eta = 0;
};
/// Adds --sampler, --sampling-steps and --eta.
void add_sampling_options(apps::OptionParser& parser, SamplingSettings& sampling,
                          apps::OnResume on_resume = apps::OnResume::same);
void check_sampling(const apps::OptionParser& parser, const SamplingSettings& sampling, std::int64_t timesteps);

}  // namespace sg::ddim

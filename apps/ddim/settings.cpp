// Settings.
#include "apps/ddim/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace sg::ddim {

void add_model_options(apps::OptionParser& parser, ModelSettings& model) {
  parser.add("--dim", model.dim, "width D of the network", apps::between<std::int64_t>(4, 4096));
  parser.add("--mults", model.mults, "widths of the resolutions, in D; each but the first halves the sides");
  parser.add("--channels", model.channels, "1: grey, 3: colour", apps::between<std::int64_t>(1, 64));
  parser.add("--size", model.size, "side of the pictures", apps::between<std::int64_t>(1, 4096));
  parser.add("--schedule", model.schedule, "how the noise grows: sigmoid, cosine or linear",
             apps::one_of({"sigmoid", "cosine", "linear"}));
  parser.add("--timesteps", model.timesteps, "times T of the diffusion", apps::between<std::int64_t>(1, 100'000));
  parser.add("--objective", model.objective, "what the network predicts: pred_x0, pred_noise or pred_v",
             apps::one_of({"pred_x0", "pred_noise", "pred_v"}));
}

void check_model(const ModelSettings& model) {
  if (model.dim % 2) fail("--dim: {}: an even number is needed", model.dim);
  if (model.mults.empty() || model.mults.size() > 12) {
    fail("--mults: needs 1 to 12 numbers, got {}", model.mults.size());
  }
  std::int64_t widest = 0;
  for (const std::int64_t mult : model.mults) {
    if (mult < 1 || mult > 64) fail("--mults: {} is not between 1 and 64", mult);
    widest = std::max(widest, mult * model.dim);
  }
  if (widest > 8192) fail("--mults: {} times --dim {} is wider than 8192", widest / model.dim, model.dim);
  const std::int64_t multiple = std::int64_t{1} << (model.mults.size() - 1);
  if (model.size % multiple) {
    fail("--size: {} mults need a side that is a multiple of {}: {} is not; fewer --mults or another --size",
         model.mults.size(), multiple, model.size);
  }
}

void add_sampling_options(apps::OptionParser& parser, SamplingSettings& sampling, apps::OnResume on_resume) {
  parser.add("--sampler", sampling.sampler, "ddim, or ddpm: the whole ancestral chain", apps::one_of({"ddim", "ddpm"}),
             on_resume);
  parser.add("--sampling-steps", sampling.steps, "steps of ddim", apps::at_least<std::int64_t>(1), on_resume);
  parser.add("--eta", sampling.eta, "noise that ddim adds on the way: 0 none, 1 as much as ddpm",
             apps::between<double>(0, 1), on_resume);
}

void check_sampling(const apps::OptionParser& parser, const SamplingSettings& sampling, std::int64_t timesteps) {
  for (const char* option : {"--sampling-steps", "--eta"}) {
    if (sampling.sampler != "ddpm" || !parser.given(option)) continue;
    fmt::print(stderr, "{}: note: {} is for --sampler ddim; ddpm takes all {} steps\n", kName, option, timesteps);
  }
  if (sampling.sampler == "ddim" && sampling.steps > timesteps) {
    fail("--sampling-steps: {} is more than the {} --timesteps", sampling.steps, timesteps);
  }
}

}  // namespace sg::ddim

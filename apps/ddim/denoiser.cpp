// Denoiser.
#include "apps/ddim/denoiser.h"

#include <fmt/format.h>

#include "apps/common/files.h"
#include "nn/optim/gradient_clipping.h"
#include "nn/safetensors.h"

namespace sg::ddim {

Denoiser::Denoiser(const TrainSettings& settings, BatchSource& source, const TestBatches& test, apps::Loss loss,
                   std::filesystem::path folder, bool fresh)
    : settings_(settings),
      source_(source),
      test_(test),
      loss_(std::move(loss)),
      folder_(std::move(folder)),
      diffusion_(settings.model.diffusion(nn::loss_weight_of(settings.loss_weight))),
      network_(settings.model.unet()) {
  network_.initialise(settings.common.seed);
  network_.to(settings.common.element_type());
  if (fresh && !settings.common.init.empty()) {
    nn::load_weights(network_, settings.common.init, "--init");
  }
  adam_ = std::make_unique<nn::Adam>(network_, nn::AdamOptions{.learning_rate = settings.common.lr});
  ema_ = std::make_unique<nn::Ema>(
      network_, nn::EmaOptions{.decay = settings.ema_decay, .every = settings.ema_every, .after = settings.ema_after});
}

Tensor Denoiser::loss(std::int64_t step, const data::BatchPart& part) {
  const TrainingBatch batch = source_.batch(step, part);
  if (batch.times.empty()) return {};
  const Tensor noisy = diffusion_.noised(batch.x0, batch.noise, batch.times);
  const Tensor prediction = network_(noisy, nn::time_tensor(batch.times, noisy.dtype()));
  const Tensor residual =
      diffusion_.residual(prediction, diffusion_.target(batch.x0, batch.noise, batch.times), batch.times);
  return apps::share_of_mean(apps::picture_loss(loss_, residual, settings_.common), part, source_.batch_size(step));
}

void Denoiser::apply(std::int64_t step, Tensors gradients, Tensors together) {
  if (settings_.clip > 0) gradients = nn::clip_by_global_norm(gradients, settings_.clip);
  adam_->step(std::move(gradients), std::move(together));
  ema_->update(step + 1);
}

std::vector<double> Denoiser::evaluate() {
  return with_averages([&](nn::Unet& network) {
    double error = 0, pixels = 0;
    for (const TrainingBatch& batch : test_.batches()) {
      const Tensor noisy = diffusion_.noised(batch.x0, batch.noise, batch.times);
      const Tensor prediction = network(noisy, nn::time_tensor(batch.times, noisy.dtype()));
      error += sum(square(prediction - diffusion_.target(batch.x0, batch.noise, batch.times))).item();
      pixels += static_cast<double>(batch.x0.size());
    }
    return std::vector<double>{error / pixels};
  });
}

void Denoiser::after_step(std::int64_t step) {
  if (settings_.sample_every == 0 || step % settings_.sample_every != 0) return;
  const SamplingJob job{
      .count = settings_.sample_count, .seed = settings_.common.seed, .dtype = settings_.common.element_type()};
  const Tensor samples =
      with_averages([&](nn::Unet& network) { return draw_samples(network, settings_.model, settings_.sampling, job); });
  apps::write_file_atomically(folder_ / grid_name(step), grid_png(samples, grid_columns(settings_.sample_count)));
}

std::string grid_name(std::int64_t step) { return fmt::format("samples-{:06}.png", step); }

}  // namespace sg::ddim

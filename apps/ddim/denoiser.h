// Denoiser: what one loss of a training run trains.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/compare_losses.h"
#include "apps/ddim/batch_source.h"
#include "apps/ddim/sampling.h"
#include "apps/ddim/settings.h"
#include "nn/optim/adam.h"
#include "nn/optim/ema.h"

namespace sg::ddim {

struct TrainSettings {
  apps::Options common;
  ModelSettings model;
  SamplingSettings sampling;
  std::string loss_weight = "none";
  double ema_decay = 0.995;
  std::int64_t ema_every = 10;
  std::int64_t ema_after = 100;
  double clip = 1;
  std::int64_t sample_every = 1000;
  std::int64_t sample_count = 16;
  std::string replay;
  bool fid = false;
  std::int64_t fid_count = 500;
};

/// The U-Net with Adam and the average of its weights, which is what is measured, sampled and kept as the model.
class Denoiser : public apps::Trainee {
 public:
  /// Everything given must outlive it. `folder` takes the grids of samples on the way. When it is `fresh` it takes the
  /// starting weights of --init; otherwise a checkpoint is to fill it.
  Denoiser(const TrainSettings& settings, BatchSource& source, const TestBatches& test, apps::Loss loss,
           std::filesystem::path folder, bool fresh);

  nn::Module& network() override { return network_; }
  nn::Optimizer& optimizer() override { return *adam_; }
  nn::NamedTensors model() override { return ema_->state(); }
  Tensor loss(std::int64_t step, const data::BatchPart& part) override;
  void apply(std::int64_t step, Tensors gradients, Tensors together) override;
  std::int64_t steps_per_epoch() const override { return source_.steps_per_epoch(); }
  std::vector<double> evaluate() override;
  void add_to_checkpoint(nn::Training& training) override { training.ema = ema_.get(); }
  void after_step(std::int64_t step) override;

  /// Calls `work` while the network holds the averages.
  template <class Work>
  auto with_averages(Work work) {
    struct Swap {
      nn::Ema& ema;
      explicit Swap(nn::Ema& e) : ema(e) { ema.swap(); }
      ~Swap() { ema.swap(); }
    };
    const Swap swap(*ema_);
    const NoGrad no_grad;
    return work(network_);
  }

 private:
  const TrainSettings& settings_;
  BatchSource& source_;
  const TestBatches& test_;
  apps::Loss loss_;
  std::filesystem::path folder_;
  nn::Diffusion diffusion_;
  nn::Unet network_;
  std::unique_ptr<nn::Adam> adam_;
  std::unique_ptr<nn::Ema> ema_;
};

/// The grid after so many steps: samples-001000.png.
std::string grid_name(std::int64_t step);

}  // namespace sg::ddim

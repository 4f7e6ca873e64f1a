// Normalisation layers. All are compositions of ops.h, so that they are differentiable to any order.
#pragma once

#include "nn/module.h"

namespace sg::nn {

/// [N, C, H, W]: each channel to mean 0 and variance 1, then times `weight` [C] plus `bias` [C] (Ioffe and Szegedy
/// 2015), as PyTorch does it: in training with the batch's mean and biased variance, which also move `running_mean` and
/// `running_var` (unbiased) by the momentum and count in `num_batches_tracked`; in evaluation with the running ones.
/// The new running values are computed together with the output, whoever asks for it.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, double epsilon = 1e-5, double momentum = 0.1);
  Tensor forward(const Tensor& x) override;
  Buffer& running_mean() { return running_mean_; }
  Buffer& running_var() { return running_var_; }
  Buffer& num_batches_tracked() { return num_batches_tracked_; }

 private:
  void track(const Tensor& mean, const Tensor& variance, std::int64_t count);

  Parameter weight_, bias_;
  Buffer running_mean_, running_var_, num_batches_tracked_;
  double epsilon_, momentum_;
};

/// Over the last axes, which have to be `shape`: to mean 0 and variance 1, then `weight` and `bias` of that shape (Ba
/// et al. 2016).
class LayerNorm : public Module {
 public:
  explicit LayerNorm(Shape shape, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) override;

 private:
  Parameter weight_, bias_;
  double epsilon_;
};

/// [N, C, ...]: over groups of C / groups channels and all that follows, then `weight` and `bias` [C] (Wu and He 2018).
class GroupNorm : public Module {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) override;

 private:
  Parameter weight_, bias_;
  std::int64_t groups_;
  double epsilon_;
};

/// [N, C, H, W]: x / max(|x|_2 over the channels, 1e-12) g sqrt(C), with `g` [1, C, 1, 1].
class RMSNorm2d : public Module {
 public:
  explicit RMSNorm2d(std::int64_t channels);
  Tensor forward(const Tensor& x) override;

 private:
  Parameter g_;
};

}  // namespace sg::nn

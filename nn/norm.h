// Normalisation layers. All are compositions of ops.h, so that they are differentiable to any order.
#pragma once

#include <string_view>

#include "nn/module.h"

namespace sg::nn {

/// Scale and shift after a normalisation: `weight` and `bias` of one shape, ones and zeros at first.
class Affine : public Module {
 public:
  bool has_weight() const { return has_weight_; }
  bool has_bias() const { return has_weight_; }
  /// Throw when the layer was made without them.
  Parameter& weight();
  Parameter& bias();
  const Parameter& weight() const { return const_cast<Affine*>(this)->weight(); }
  const Parameter& bias() const { return const_cast<Affine*>(this)->bias(); }

 protected:
  explicit Affine(const Shape& shape, bool has_weight = true);

 private:
  Parameter weight_, bias_;
  bool has_weight_;
};

/// [N, C, ...]: each channel to mean 0 and variance 1, then times `weight` [C] plus `bias` [C] (Ioffe and Szegedy
/// 2015), as PyTorch does it: in training with the batch's mean and biased variance, which also move `running_mean` and
/// `running_var` (unbiased) by the momentum and count in `num_batches_tracked`; in evaluation with the running ones.
/// The new running values are computed together with the output, whoever asks for it; where that throws, they are as
/// they were before the batch. Throws in training inside vmap, whose slices have no values.
class BatchNorm : public Affine {
 public:
  Tensor forward(const Tensor& x) override;
  Buffer& running_mean() { return running_mean_; }
  Buffer& running_var() { return running_var_; }
  Buffer& num_batches_tracked() { return num_batches_tracked_; }

 protected:
  /// `form` is what the input has to be, of `least` to `most` axes.
  BatchNorm(std::string_view form, std::size_t least, std::size_t most, std::int64_t channels, double epsilon,
            double momentum);

 private:
  void track(const Tensor& mean, const Tensor& variance, std::int64_t count);

  /// The layer's own name.
  std::string_view layer() const { return form_.substr(0, form_.find(':')); }

  std::string_view form_;
  std::size_t least_, most_;
  Buffer running_mean_, running_var_, num_batches_tracked_;
  double epsilon_, momentum_;
};

class BatchNorm1d : public BatchNorm {  // [N, C] or [N, C, L]
 public:
  explicit BatchNorm1d(std::int64_t channels, double epsilon = 1e-5, double momentum = 0.1)
      : BatchNorm("BatchNorm1d: needs [N, {0}] or [N, {0}, L]", 2, 3, channels, epsilon, momentum) {}
};
class BatchNorm2d : public BatchNorm {  // [N, C, H, W]
 public:
  explicit BatchNorm2d(std::int64_t channels, double epsilon = 1e-5, double momentum = 0.1)
      : BatchNorm("BatchNorm2d: needs [N, {}, H, W]", 4, 4, channels, epsilon, momentum) {}
};
class BatchNorm3d : public BatchNorm {  // [N, C, D, H, W]
 public:
  explicit BatchNorm3d(std::int64_t channels, double epsilon = 1e-5, double momentum = 0.1)
      : BatchNorm("BatchNorm3d: needs [N, {}, D, H, W]", 5, 5, channels, epsilon, momentum) {}
};

/// [N, C, ...]: each channel of each sample to mean 0 and variance 1 (Ulyanov et al. 2016), with `weight` and `bias`
/// [C] where it is affine; without running values, as PyTorch's default.
class InstanceNorm : public Affine {
 public:
  Tensor forward(const Tensor& x) override;

 protected:
  InstanceNorm(std::string_view form, std::size_t rank, std::int64_t channels, double epsilon, bool affine);

 private:
  std::string_view form_;
  std::size_t rank_;
  std::int64_t channels_;
  double epsilon_;
};

class InstanceNorm1d : public InstanceNorm {  // [N, C, L]
 public:
  explicit InstanceNorm1d(std::int64_t channels, double epsilon = 1e-5, bool affine = false)
      : InstanceNorm("InstanceNorm1d: needs [N, {}, L]", 3, channels, epsilon, affine) {}
};
class InstanceNorm2d : public InstanceNorm {  // [N, C, H, W]
 public:
  explicit InstanceNorm2d(std::int64_t channels, double epsilon = 1e-5, bool affine = false)
      : InstanceNorm("InstanceNorm2d: needs [N, {}, H, W]", 4, channels, epsilon, affine) {}
};
class InstanceNorm3d : public InstanceNorm {  // [N, C, D, H, W]
 public:
  explicit InstanceNorm3d(std::int64_t channels, double epsilon = 1e-5, bool affine = false)
      : InstanceNorm("InstanceNorm3d: needs [N, {}, D, H, W]", 5, channels, epsilon, affine) {}
};

/// Over the last axes, which have to be `shape`: to mean 0 and variance 1, then `weight` and `bias` of that shape (Ba
/// et al. 2016).
class LayerNorm : public Affine {
 public:
  explicit LayerNorm(Shape shape, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) override;

 private:
  Shape shape_;
  double epsilon_;
};

/// [N, C, ...]: over groups of C / groups channels and all that follows, then `weight` and `bias` [C] (Wu and He 2018).
class GroupNorm : public Affine {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) override;

 private:
  std::int64_t channels_, groups_;
  double epsilon_;
};

/// [N, C, H, W]: x / max(|x|_2 over the channels, 1e-12) g sqrt(C), with `g` [1, C, 1, 1].
class RMSNorm2d : public Module {
 public:
  explicit RMSNorm2d(std::int64_t channels);
  Tensor forward(const Tensor& x) override;
  Parameter& g() { return g_; }
  const Parameter& g() const { return g_; }

 private:
  Parameter g_;
};

}  // namespace sg::nn

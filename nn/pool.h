// Pooling and interpolation layers, on [N, C, H, W].
#pragma once

#include "nn/conv.h"

namespace sg::nn {

class MaxPool2d : public Module {
 public:
  /// The stride is the kernel's extents unless given.
  explicit MaxPool2d(Extent2d kernel) : MaxPool2d(kernel, kernel) {}
  MaxPool2d(Extent2d kernel, Extent2d stride, Extent2d padding = 0)
      : options_{kernel.array(), stride.array(), padding.array()} {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options_); }

 private:
  Pool2dOptions options_;
};

class AvgPool2d : public Module {
 public:
  /// The stride is the kernel's extents unless given.
  explicit AvgPool2d(Extent2d kernel) : AvgPool2d(kernel, kernel) {}
  AvgPool2d(Extent2d kernel, Extent2d stride, Extent2d padding = 0)
      : options_{kernel.array(), stride.array(), padding.array()} {}
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, options_); }

 private:
  Pool2dOptions options_;
};

/// Repeats each pixel `factor` times along both sides.
class UpsampleNearest2d : public Module {
 public:
  explicit UpsampleNearest2d(std::int64_t factor) : factor_(factor) {}
  Tensor forward(const Tensor& x) override { return upsample_nearest2d(x, factor_); }

 private:
  std::int64_t factor_;
};

/// Interpolates bilinearly, corners not aligned.
class UpsampleBilinear2d : public Module {
 public:
  explicit UpsampleBilinear2d(std::int64_t factor) : factor_(factor) {}
  Tensor forward(const Tensor& x) override { return upsample_bilinear2d(x, factor_); }

 private:
  std::int64_t factor_;
};

/// [N, C, f H, f W] -> [N, C f f, H, W]: each f x f square becomes channels, in the order channel, row, column.
class SpaceToDepth : public Module {
 public:
  explicit SpaceToDepth(std::int64_t factor) : factor_(factor) {}
  Tensor forward(const Tensor& x) override;

 private:
  std::int64_t factor_;
};

}  // namespace sg::nn

// Pooling and interpolation layers, along one, two or three axes.
#pragma once

#include "nn/conv.h"

namespace sg::nn {

class MaxPool1d : public Module {  // [N, C, L]
 public:
  /// The stride is the kernel's extents unless given.
  explicit MaxPool1d(std::int64_t kernel) : MaxPool1d(kernel, kernel) {}
  MaxPool1d(std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0, std::int64_t dilation = 1,
            bool ceil_mode = false)
      : options_{.kernel = kernel, .stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode} {
  }
  Tensor forward(const Tensor& x) override { return max_pool1d(x, options_); }

 private:
  Pool1dOptions options_;
};
class MaxPool2d : public Module {  // [N, C, H, W]
 public:
  /// The stride is the kernel's extents unless given.
  explicit MaxPool2d(Extent2d kernel) : MaxPool2d(kernel, kernel) {}
  MaxPool2d(Extent2d kernel, Extent2d stride, Extent2d padding = 0, Extent2d dilation = 1, bool ceil_mode = false)
      : options_{.kernel = kernel.array(),
                 .stride = stride.array(),
                 .padding = padding.array(),
                 .dilation = dilation.array(),
                 .ceil_mode = ceil_mode} {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options_); }

 private:
  Pool2dOptions options_;
};
class MaxPool3d : public Module {  // [N, C, D, H, W]
 public:
  /// The stride is the kernel's extents unless given.
  explicit MaxPool3d(Extent3d kernel) : MaxPool3d(kernel, kernel) {}
  MaxPool3d(Extent3d kernel, Extent3d stride, Extent3d padding = 0, Extent3d dilation = 1, bool ceil_mode = false)
      : options_{.kernel = kernel.array(),
                 .stride = stride.array(),
                 .padding = padding.array(),
                 .dilation = dilation.array(),
                 .ceil_mode = ceil_mode} {}
  Tensor forward(const Tensor& x) override { return max_pool3d(x, options_); }

 private:
  Pool3dOptions options_;
};
class AvgPool1d : public Module {  // [N, C, L]
 public:
  /// The stride is the kernel's extents unless given.
  explicit AvgPool1d(std::int64_t kernel) : AvgPool1d(kernel, kernel) {}
  AvgPool1d(std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0, bool ceil_mode = false,
            bool count_include_pad = true)
      : options_{.kernel = kernel,
                 .stride = stride,
                 .padding = padding,
                 .ceil_mode = ceil_mode,
                 .count_padding = count_include_pad} {}
  Tensor forward(const Tensor& x) override { return avg_pool1d(x, options_); }

 private:
  Pool1dOptions options_;
};
class AvgPool2d : public Module {  // [N, C, H, W]
 public:
  /// The stride is the kernel's extents unless given.
  explicit AvgPool2d(Extent2d kernel) : AvgPool2d(kernel, kernel) {}
  AvgPool2d(Extent2d kernel, Extent2d stride, Extent2d padding = 0, bool ceil_mode = false,
            bool count_include_pad = true)
      : options_{.kernel = kernel.array(),
                 .stride = stride.array(),
                 .padding = padding.array(),
                 .ceil_mode = ceil_mode,
                 .count_padding = count_include_pad} {}
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, options_); }

 private:
  Pool2dOptions options_;
};
class AvgPool3d : public Module {  // [N, C, D, H, W]
 public:
  /// The stride is the kernel's extents unless given.
  explicit AvgPool3d(Extent3d kernel) : AvgPool3d(kernel, kernel) {}
  AvgPool3d(Extent3d kernel, Extent3d stride, Extent3d padding = 0, bool ceil_mode = false,
            bool count_include_pad = true)
      : options_{.kernel = kernel.array(),
                 .stride = stride.array(),
                 .padding = padding.array(),
                 .ceil_mode = ceil_mode,
                 .count_padding = count_include_pad} {}
  Tensor forward(const Tensor& x) override { return avg_pool3d(x, options_); }

 private:
  Pool3dOptions options_;
};

/// To one element a channel and spatial axis by default, else to the extents of `size`.
class AdaptiveAvgPool1d : public Module {  // [N, C, L]
 public:
  explicit AdaptiveAvgPool1d(std::int64_t size = 1) : size_(size) {}
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool(x, {size_}); }

 private:
  std::int64_t size_;
};
class AdaptiveAvgPool2d : public Module {  // [N, C, H, W]
 public:
  explicit AdaptiveAvgPool2d(Extent2d size = 1) : size_(size) {}
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool(x, {size_.height, size_.width}); }

 private:
  Extent2d size_;
};
class AdaptiveMaxPool2d : public Module {  // [N, C, H, W]
 public:
  explicit AdaptiveMaxPool2d(Extent2d size = 1) : size_(size) {}
  Tensor forward(const Tensor& x) override { return adaptive_max_pool(x, {size_.height, size_.width}); }

 private:
  Extent2d size_;
};

/// To a size or by factors, as `interpolate`: `Upsample({.size = {32, 48}, .mode = Interpolation::linear})`.
class Upsample : public Module {
 public:
  explicit Upsample(InterpolateOptions options) : options_(std::move(options)) {}
  Tensor forward(const Tensor& x) override { return interpolate(x, options_); }

 private:
  InterpolateOptions options_;
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
  Tensor forward(const Tensor& x) override { return pixel_unshuffle(x, factor_); }

 private:
  std::int64_t factor_;
};
using PixelUnshuffle = SpaceToDepth;

/// Its inverse (Shi et al. 2016).
class PixelShuffle : public Module {
 public:
  explicit PixelShuffle(std::int64_t factor) : factor_(factor) {}
  Tensor forward(const Tensor& x) override { return pixel_shuffle(x, factor_); }

 private:
  std::int64_t factor_;
};

}  // namespace sg::nn

// Convolution layers.
#pragma once

#include "nn/module.h"

namespace sg::nn {

/// Extents along height and width; one number stands for both.
struct Extent2d {
  Extent2d(std::int64_t both) : height(both), width(both) {}  // NOLINT: implicit on purpose
  Extent2d(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  std::array<std::int64_t, 2> array() const { return {height, width}; }
  std::int64_t height, width;
};

struct ConvOptions {
  Extent2d stride = 1;
  Extent2d padding = 0;
  Extent2d output_padding = 0;  // of the transposed convolution
  Extent2d dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};

/// [N, in, H, W] -> [N, out, H', W'] as conv2d, with `weight` [out, in / groups, kh, kw] and `bias` [out].
class Conv2d : public Module {
 public:
  Conv2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options = {});
  Tensor forward(const Tensor& x) override;
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }
  /// Throws when the layer was made without one.
  Parameter& bias();
  const Parameter& bias() const { return const_cast<Conv2d*>(this)->bias(); }

 private:
  Parameter weight_, bias_;
  ConvOptions options_;
};

/// [N, in, H, W] -> [N, out, H', W'] as conv_transpose2d, with `weight` [in, out / groups, kh, kw] and `bias` [out].
class ConvTranspose2d : public Module {
 public:
  ConvTranspose2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options = {});
  Tensor forward(const Tensor& x) override;
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }
  /// Throws when the layer was made without one.
  Parameter& bias();
  const Parameter& bias() const { return const_cast<ConvTranspose2d*>(this)->bias(); }

 private:
  Parameter weight_, bias_;
  ConvOptions options_;
};

}  // namespace sg::nn

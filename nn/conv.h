// Convolution layers.
#pragma once

#include <string_view>

#include "nn/module.h"

namespace sg::nn {

/// Extents along height and width; one number stands for both.
struct Extent2d {
  Extent2d(std::int64_t both) : height(both), width(both) {}  // NOLINT: implicit on purpose
  Extent2d(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  std::array<std::int64_t, 2> array() const { return {height, width}; }
  std::int64_t height, width;
};

/// Extents along depth, height and width; one number stands for all.
struct Extent3d {
  Extent3d(std::int64_t all) : depth(all), height(all), width(all) {}  // NOLINT: implicit on purpose
  Extent3d(std::int64_t d, std::int64_t h, std::int64_t w) : depth(d), height(h), width(w) {}
  std::array<std::int64_t, 3> array() const { return {depth, height, width}; }
  std::int64_t depth, height, width;
};

/// Of a convolution along as many axes as Extent has.
template <class Extent>
struct ConvOptionsOf {
  Extent stride = 1;
  Extent padding = 0;
  Extent output_padding = 0;  // of the transposed convolution
  Extent dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};
using ConvOptions1d = ConvOptionsOf<std::int64_t>;
using ConvOptions = ConvOptionsOf<Extent2d>;
using ConvOptions3d = ConvOptionsOf<Extent3d>;

/// What all of them have: a weight, and a bias for each channel unless they were made without.
class Convolution : public Module {
 public:
  Parameter& weight() { return weight_; }
  const Parameter& weight() const { return weight_; }
  bool has_bias() const { return has_bias_; }
  /// Throws when the layer was made without one.
  Parameter& bias();
  const Parameter& bias() const { return const_cast<Convolution*>(this)->bias(); }

 protected:
  /// The weight is [first, second / groups, kernel...]. Throws for groups that do not divide the channels and for a
  /// kernel below 1.
  Convolution(std::string_view layer, std::int64_t first, std::int64_t second, const Shape& kernel, std::int64_t groups,
              std::int64_t out, bool bias);
  Tensor add_bias(const Tensor& y) const;

 private:
  std::string_view layer_;
  Parameter weight_, bias_;
  bool has_bias_;
};

/// [N, in, L] -> [N, out, L'] as conv1d, with `weight` [out, in / groups, k] and `bias` [out].
class Conv1d : public Convolution {
 public:
  Conv1d(std::int64_t in, std::int64_t out, std::int64_t kernel, ConvOptions1d options = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions1d options_;
};

/// [N, in, H, W] -> [N, out, H', W'] as conv2d, with `weight` [out, in / groups, kh, kw] and `bias` [out].
class Conv2d : public Convolution {
 public:
  Conv2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions options_;
};

/// [N, in, D, H, W] -> [N, out, D', H', W'] as conv3d, with `weight` [out, in / groups, kd, kh, kw] and `bias` [out].
class Conv3d : public Convolution {
 public:
  Conv3d(std::int64_t in, std::int64_t out, Extent3d kernel, ConvOptions3d options = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions3d options_;
};

/// [N, in, L] -> [N, out, L'] as conv_transpose1d, with `weight` [in, out / groups, k] and `bias` [out].
class ConvTranspose1d : public Convolution {
 public:
  ConvTranspose1d(std::int64_t in, std::int64_t out, std::int64_t kernel, ConvOptions1d options = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions1d options_;
};

/// [N, in, H, W] -> [N, out, H', W'] as conv_transpose2d, with `weight` [in, out / groups, kh, kw] and `bias` [out].
class ConvTranspose2d : public Convolution {
 public:
  ConvTranspose2d(std::int64_t in, std::int64_t out, Extent2d kernel, ConvOptions options = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions options_;
};

/// [N, in, D, H, W] -> [N, out, D', H', W'] as conv_transpose3d, with `weight` [in, out / groups, kd, kh, kw] and
/// `bias` [out].
class ConvTranspose3d : public Convolution {
 public:
  ConvTranspose3d(std::int64_t in, std::int64_t out, Extent3d kernel, ConvOptions3d options = {});
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions3d options_;
};

}  // namespace sg::nn

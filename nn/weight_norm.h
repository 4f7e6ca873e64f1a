// Weight normalisation and spectral normalisation: layers whose weight is computed from other parameters.
#pragma once

#include <type_traits>
#include <utility>

#include "engine/transforms.h"
#include "nn/conv.h"
#include "nn/linear.h"

namespace sg::nn {

/// g v / |v|, a norm for each index of the first axis: v of any shape, g [out, 1, ...].
Tensor normed_weight(const Tensor& g, const Tensor& v);
/// Of a weight as a matrix, `axis` its rows and all else its columns: one step of the power iteration for the largest
/// singular value. u [rows] and v [columns] come in as the last estimates and go out as new ones, without derivatives.
struct SingularVectors {
  Tensor u, v;
};
SingularVectors power_iteration(const Tensor& weight, std::int64_t axis, const SingularVectors& last);
/// The weight over u' W v.
Tensor divided_by_singular_value(const Tensor& weight, std::int64_t axis, const SingularVectors& vectors);
/// Normal numbers scaled to length 1.
init::Rule random_direction();

/// A layer with one weight, as g v / |v| (Salimans and Kingma 2016), by PyTorch's names `weight_g`, `weight_v` and
/// `bias`: `WeightNorm<Linear>(2, 64)`.
template <class Layer>
class WeightNorm : public Module {
 public:
  template <class... Arguments>
  explicit WeightNorm(Arguments&&... arguments)
      : layer_(std::forward<Arguments>(arguments)...),
        weight_v_(layer_.weight().shape(), layer_.weight().rule()),
        weight_g_(norms_shape(layer_.weight().shape()), {}) {
    if (layer_.has_bias()) this->add_parameter("bias", layer_.bias());
    this->add_parameter("weight_v", weight_v_);
    this->add_parameter("weight_g", weight_g_);
    // At first the weight is what the layer's rule gives.
    weight_g_.set_rule([this](const Shape& shape, Dtype, const init::Stream&) {
      const NoGrad no_grad;
      return reshape(norm(flatten(weight_v_, 1), 1), shape);
    });
  }
  Tensor weight() const { return normed_weight(weight_g_, weight_v_); }
  Parameter& weight_g() { return weight_g_; }
  Parameter& weight_v() { return weight_v_; }
  bool has_bias() const { return layer_.has_bias(); }
  Parameter& bias() { return layer_.bias(); }
  Tensor forward(const Tensor& x) override {
    const StandIn in_its_place(layer_.weight(), weight());
    return layer_(x);
  }

 private:
  static Shape norms_shape(const Shape& weight) {
    Shape shape(weight.size(), 1);
    shape[0] = weight[0];
    return shape;
  }

  Layer layer_;
  Parameter weight_v_, weight_g_;
};

/// A layer whose weight is divided by an estimate of its largest singular value (Miyato et al. 2018), by PyTorch's
/// names `weight_orig`, `weight_u`, `weight_v` and `bias`. Every call in training improves the estimate by one power
/// iteration; the rows of the matrix are the outputs.
template <class Layer>
class SpectralNorm : public Module {
 public:
  template <class... Arguments>
  explicit SpectralNorm(Arguments&&... arguments)
      : layer_(std::forward<Arguments>(arguments)...),
        weight_orig_(layer_.weight().shape(), layer_.weight().rule()),
        weight_u_({layer_.weight().shape()[axis]}, random_direction()),
        weight_v_({layer_.weight().size() / layer_.weight().shape()[axis]}, random_direction()) {
    if (layer_.has_bias()) this->add_parameter("bias", layer_.bias());
    this->add_parameter("weight_orig", weight_orig_);
    this->add_buffer("weight_u", weight_u_);
    this->add_buffer("weight_v", weight_v_);
  }
  Parameter& weight_orig() { return weight_orig_; }
  Buffer& weight_u() { return weight_u_; }
  Buffer& weight_v() { return weight_v_; }
  bool has_bias() const { return layer_.has_bias(); }
  Parameter& bias() { return layer_.bias(); }
  /// By the present estimate.
  Tensor weight() const { return divided_by_singular_value(weight_orig_, axis, {weight_u_, weight_v_}); }
  Tensor forward(const Tensor& x) override {
    const Tensor u = same_when_run_again([&] {
      if (training()) improve();
      return weight_u_.value();
    });
    const Tensor v = same_when_run_again([&] { return weight_v_.value(); });
    const StandIn in_its_place(layer_.weight(), divided_by_singular_value(weight_orig_, axis, {u, v}));
    return layer_(x);
  }

 private:
  static constexpr bool is_transposed = std::is_same_v<Layer, ConvTranspose1d> ||
                                        std::is_same_v<Layer, ConvTranspose2d> ||
                                        std::is_same_v<Layer, ConvTranspose3d>;
  static constexpr std::int64_t axis = is_transposed ? 1 : 0;

  void improve() {
    const SingularVectors next = power_iteration(weight_orig_, axis, {weight_u_, weight_v_});
    weight_u_.set(next.u);
    weight_v_.set(next.v);
  }

  Layer layer_;
  Parameter weight_orig_;
  Buffer weight_u_, weight_v_;
};

}  // namespace sg::nn

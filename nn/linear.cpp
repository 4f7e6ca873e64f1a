// Linear.
#include "nn/linear.h"

namespace sg::nn {
namespace {

Shape weight_shape(std::int64_t in, std::int64_t out) {
  if (in < 0 || out < 0) fail("Linear: a number of features is negative: {} to {}", in, out);
  return {out, in};
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, bool bias)
    : weight_(weight_shape(in, out), init::default_weight()),
      bias_({out}, init::default_bias({out, in})),
      has_bias_(bias) {
  add_parameter("weight", weight_);
  if (has_bias_) add_parameter("bias", bias_);
}

Parameter& Linear::bias() {
  if (!has_bias_) fail("Linear: the layer of weight {} was made without a bias", weight_.shape());
  return bias_;
}

Tensor Linear::forward(const Tensor& x) {
  const std::int64_t in = weight_.shape()[1];
  if (x.rank() == 0 || x.shape(-1) != in) fail("Linear: the input's last extent has to be {}: {}", in, x.shape());
  if (x.rank() == 1) return squeeze(forward(unsqueeze(x, 0)), 0);
  const Tensor product = matmul(x, transpose(weight_));
  return has_bias_ ? product + bias_ : product;
}

Tensor Unflatten::forward(const Tensor& x) {
  if (x.rank() != 2 || x.shape(1) != element_count(shape_)) {
    fail("Unflatten: needs [N, {}]: {}", element_count(shape_), x.shape());
  }
  Shape shape{x.shape(0)};
  for (std::int64_t extent : shape_) shape.push_back(extent);
  return reshape(x, shape);
}

}  // namespace sg::nn

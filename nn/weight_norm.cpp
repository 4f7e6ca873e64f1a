// Weight normalisation and spectral normalisation.
#include "nn/weight_norm.h"

namespace sg::nn {
namespace {

Tensor as_matrix(const Tensor& weight, std::int64_t axis) {
  Axes order{axis};
  for (std::size_t i = 0; i < weight.rank(); ++i) {
    if (static_cast<std::int64_t>(i) != axis) order.push_back(static_cast<std::int64_t>(i));
  }
  return reshape(transpose(weight, order), {weight.shape()[axis], -1});
}

Tensor unit(const Tensor& x) { return x / maximum(norm(x), 1e-12); }

}  // namespace

Tensor normed_weight(const Tensor& g, const Tensor& v) { return v * (g / reshape(norm(flatten(v, 1), 1), g.shape())); }

SingularVectors power_iteration(const Tensor& weight, std::int64_t axis, const SingularVectors& last) {
  const NoGrad no_grad;
  const Tensor matrix = as_matrix(weight, axis);
  const Tensor v = unit(matmul(transpose(matrix), last.u));
  return {unit(matmul(matrix, v)), v};
}

Tensor divided_by_singular_value(const Tensor& weight, std::int64_t axis, const SingularVectors& vectors) {
  return weight / sum(stop_gradient(vectors.u) * matmul(as_matrix(weight, axis), stop_gradient(vectors.v)));
}

init::Rule random_direction() {
  return [](const Shape& shape, Dtype dtype, const init::Stream& stream) {
    return unit(init::normal()(shape, dtype, stream));
  };
}

}  // namespace sg::nn

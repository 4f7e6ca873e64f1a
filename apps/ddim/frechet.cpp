// Frechet.
#include "apps/ddim/frechet.h"

#include <algorithm>

#include "engine/linalg.h"
#include "engine/ops.h"

namespace sg::ddim {
namespace {

/// The symmetric square root; eigenvalues that rounding made negative count as zero.
Tensor square_root(const Tensor& a) {
  const auto [values, vectors] = eigh(a);
  return matmul(vectors * sqrt(maximum(values, scalar(0, f64))), transpose(vectors));
}

Tensor matrix_of(const Gaussian& gaussian) {
  const auto n = static_cast<std::int64_t>(gaussian.mean.size());
  return tensor(gaussian.covariance, {n, n}, f64);
}

}  // namespace

Gaussian fit_gaussian(const Tensor& features) {
  if (features.rank() != 2 || features.shape(0) < 2) {
    fail("fit_gaussian: needs features [N, D] of at least 2 samples: {}", features.shape());
  }
  const Tensor values = cast(features, f64), center = mean(values, {0});
  const Tensor deviation = values - center;
  const Tensor covariance = matmul(transpose(deviation), deviation) / static_cast<double>(features.shape(0) - 1);
  return {center.to_vector<double>(), covariance.to_vector<double>()};
}

double frechet_distance(const Gaussian& a, const Gaussian& b) {
  if (b.mean.size() != a.mean.size()) {
    fail("frechet_distance: features of {} and of {} numbers", a.mean.size(), b.mean.size());
  }
  const auto n = static_cast<std::int64_t>(a.mean.size());
  double distance = sum(square(tensor(a.mean, {n}, f64) - tensor(b.mean, {n}, f64))).item();
  for (std::int64_t i = 0; i < n; ++i) distance += a.covariance[i * n + i] + b.covariance[i * n + i];
  // The trace of (C1 C2)^(1/2) is that of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2).
  const Tensor root = square_root(matrix_of(a));
  const Tensor values = eigh(matmul(matmul(root, matrix_of(b)), root)).first;
  return std::max(0.0, distance - 2 * sum(sqrt(maximum(values, scalar(0, f64)))).item());
}

}  // namespace sg::ddim

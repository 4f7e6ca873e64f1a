// Frechet.
#include "apps/ddim/frechet.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace sg::ddim {
namespace {

using Matrix = std::vector<double>;  // [n, n]

Matrix product(const Matrix& a, const Matrix& b, std::size_t n) {
  Matrix c(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
  }
  return c;
}

struct Eigen {
  std::vector<double> values;
  Matrix vectors;  // in columns
};

/// Eigenvalues and vectors of a symmetric matrix, by Jacobi's rotations.
Eigen symmetric_eigen(Matrix a, std::size_t n) {
  Matrix v(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  double size = 0;
  for (const double x : a) size += x * x;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) off += a[i * n + j] * a[i * n + j];
    }
    if (off <= 1e-30 * size) break;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q];
        if (apq == 0) continue;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = v[k * n + p], y = v[k * n + q];
          v[k * n + p] = c * x - s * y;
          v[k * n + q] = s * x + c * y;
        }
      }
    }
  }
  Eigen eigen{std::vector<double>(n), std::move(v)};
  for (std::size_t i = 0; i < n; ++i) eigen.values[i] = a[i * n + i];
  return eigen;
}

/// The symmetric square root; eigenvalues that rounding made negative count as zero.
Matrix square_root(const Matrix& a, std::size_t n) {
  const Eigen eigen = symmetric_eigen(a, n);
  Matrix root(n * n, 0);
  for (std::size_t k = 0; k < n; ++k) {
    const double value = std::sqrt(std::max(0.0, eigen.values[k]));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        root[i * n + j] += value * eigen.vectors[i * n + k] * eigen.vectors[j * n + k];
      }
    }
  }
  return root;
}

}  // namespace

Gaussian fit_gaussian(const Tensor& features) {
  if (features.rank() != 2 || features.shape(0) < 2) {
    fail("fit_gaussian: needs features [N, D] of at least 2 samples: {}", features.shape());
  }
  const auto count = static_cast<std::size_t>(features.shape(0)), n = static_cast<std::size_t>(features.shape(1));
  const std::vector<double> values = features.to_vector<double>();
  Gaussian result{std::vector<double>(n, 0), Matrix(n * n, 0)};
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < n; ++k) result.mean[k] += values[i * n + k] / static_cast<double>(count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      const double deviation = (values[i * n + k] - result.mean[k]) / static_cast<double>(count - 1);
      for (std::size_t j = 0; j < n; ++j) {
        result.covariance[k * n + j] += deviation * (values[i * n + j] - result.mean[j]);
      }
    }
  }
  return result;
}

double frechet_distance(const Gaussian& a, const Gaussian& b) {
  const std::size_t n = a.mean.size();
  if (b.mean.size() != n) fail("frechet_distance: features of {} and of {} numbers", n, b.mean.size());
  double distance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double difference = a.mean[i] - b.mean[i];
    distance += difference * difference + a.covariance[i * n + i] + b.covariance[i * n + i];
  }
  // The trace of (C1 C2)^(1/2) is that of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2).
  const Matrix root = square_root(a.covariance, n);
  Matrix middle = product(product(root, b.covariance, n), root, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      middle[i * n + j] = middle[j * n + i] = (middle[i * n + j] + middle[j * n + i]) / 2;
    }
  }
  for (const double value : symmetric_eigen(std::move(middle), n).values) {
    distance -= 2 * std::sqrt(std::max(0.0, value));
  }
  return std::max(0.0, distance);
}

}  // namespace sg::ddim

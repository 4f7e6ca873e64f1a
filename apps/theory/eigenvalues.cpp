// Eigenvalues: the calls of LAPACK, which comes with OpenBLAS.
#include "apps/theory/eigenvalues.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "engine/error.h"
#include "engine/kernels/blas_core.h"
#include "engine/ops.h"

namespace sg::theory {

namespace {

std::vector<std::complex<double>> eigenvalues_of(std::vector<double> matrix, int n) {
  if (n == 0) return {};
  // The rows are columns to LAPACK, and a matrix has its transpose's eigenvalues.
  std::vector<double> real(n), imaginary(n), work(static_cast<std::size_t>(8) * n);
  const int one = 1, work_size = 8 * n;
  double none = 0;
  int info = 0;
  kernels::blas().twice.geev("N", "N", &n, matrix.data(), &n, real.data(), imaginary.data(), &none, &one, &none, &one,
                             work.data(), &work_size, &info);
  if (info != 0) fail("eigenvalues: LAPACK's dgeev ended with {} for a matrix of {} rows", info, n);
  std::vector<std::complex<double>> values;
  for (int i = 0; i < n; ++i) values.emplace_back(real[i], imaginary[i]);
  std::sort(values.begin(), values.end(), [](const auto& a, const auto& b) {
    return a.real() != b.real() ? a.real() < b.real() : a.imag() < b.imag();
  });
  return values;
}

}  // namespace

std::vector<std::complex<double>> eigenvalues(const Tensor& matrix) {
  if (matrix.rank() != 2 || matrix.shape(0) != matrix.shape(1)) {
    fail("eigenvalues: needs a square matrix, got {}", to_string(matrix.shape()));
  }
  return eigenvalues_of(matrix.to_vector<double>(), static_cast<int>(matrix.shape(0)));
}

std::vector<std::vector<std::complex<double>>> batched_eigenvalues(const Tensor& matrices) {
  if (matrices.rank() != 3 || matrices.shape(1) != matrices.shape(2)) {
    fail("eigenvalues: needs square matrices [N, n, n], got {}", to_string(matrices.shape()));
  }
  const std::vector<double> all = matrices.to_vector<double>();
  const std::int64_t n = matrices.shape(1);
  std::vector<std::vector<std::complex<double>>> result;
  for (std::int64_t i = 0; i < matrices.shape(0); ++i) {
    result.push_back(eigenvalues_of({all.begin() + i * n * n, all.begin() + (i + 1) * n * n}, static_cast<int>(n)));
  }
  return result;
}

double condition_number(const std::vector<std::complex<double>>& values) {
  for (const auto& value : values) {
    if (!(value.real() > 0) || std::abs(value.imag()) > 1e-9 * std::abs(value)) {
      return std::numeric_limits<double>::infinity();
    }
  }
  return values.back().real() / values.front().real();
}

}  // namespace sg::theory

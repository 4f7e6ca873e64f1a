// Factorisations of dense matrices by LAPACK. Its matrices are column-major: what it sees of a row-major matrix is the
// transposed one.
#include "engine/kernels/lapack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "engine/error.h"
#include "engine/kernels/blas_core.h"

namespace sg::kernels {
namespace {

/// The extent as LAPACK takes it; the matrix must fit its integers.
int extent(std::int64_t n) {
  if (n > 46340) fail("linalg: a matrix of {} rows is too large for LAPACK", n);
  return static_cast<int>(n);
}

/// LU factors of what LAPACK sees as the transposed matrix. False when singular.
template <class T>
bool factorise(int n, T* a, std::vector<int>& pivots) {
  pivots.resize(n);
  int info = 0;
  blas().lapack<T>().getrf(&n, &n, a, &n, pivots.data(), &info);
  return info == 0;
}

}  // namespace

template <class T>
bool cholesky(std::int64_t n, T* a) {
  const int size = extent(n);
  if (size == 0) return true;
  int info = 0;
  // Its upper triangle is our lower one, and U' U = L L'.
  blas().lapack<T>().potrf("U", &size, a, &size, &info);
  for (std::int64_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
  return info == 0;
}

template <class T>
bool solve(std::int64_t n, std::int64_t k, T* work, T* b) {
  const int size = extent(n), columns = extent(k);
  if (size == 0 || columns == 0) return true;
  std::vector<int> pivots;
  if (!factorise(size, work, pivots)) return false;
  std::vector<T> transposed(n * k);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < k; ++j) transposed[j * n + i] = b[i * k + j];
  }
  int info = 0;
  blas().lapack<T>().getrs("T", &size, &columns, work, &size, pivots.data(), transposed.data(), &size, &info);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < k; ++j) b[i * k + j] = transposed[j * n + i];
  }
  return info == 0;
}

template <class T>
bool triangular_solve(bool lower, std::int64_t n, std::int64_t k, const T* a, T* b) {
  const int size = extent(n), columns = extent(k);
  if (size == 0 || columns == 0) return true;
  for (std::int64_t i = 0; i < n; ++i) {
    if (a[i * n + i] == T(0)) return false;
  }
  const CBLAS_UPLO triangle = lower ? CblasLower : CblasUpper;
  if constexpr (std::is_same_v<T, float>) {
    blas().strsm(CblasRowMajor, CblasLeft, triangle, CblasNoTrans, CblasNonUnit, size, columns, 1, a, size, b, columns);
  } else {
    blas().dtrsm(CblasRowMajor, CblasLeft, triangle, CblasNoTrans, CblasNonUnit, size, columns, 1, a, size, b, columns);
  }
  return true;
}

template <class T>
bool symmetric_eigenvalues(std::int64_t n, T* work, T* values, T* vectors) {
  const int size = extent(n);
  if (size == 0) return true;
  int info = 0, asked = -1, integers_wanted = 0;
  T wanted = 0;
  const auto call = [&](T* space, const int* space_size, int* integers, const int* integers_size) {
    blas().lapack<T>().syevd("V", "U", &size, work, &size, values, space, space_size, integers, integers_size, &info);
  };
  call(&wanted, &asked, &integers_wanted, &asked);
  const int space_size = static_cast<int>(wanted) + 1;
  std::vector<T> space(space_size);
  std::vector<int> integers(integers_wanted);
  call(space.data(), &space_size, integers.data(), &integers_wanted);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) vectors[i * n + j] = work[j * n + i];
  }
  return info == 0;
}

template <class T>
void log_determinant(std::int64_t n, T* work, T& sign, T& logarithm) {
  sign = 1;
  logarithm = 0;
  const int size = extent(n);
  if (size == 0) return;
  std::vector<int> pivots;
  factorise(size, work, pivots);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const T diagonal = work[i * n + i];
    if (pivots[i] != static_cast<int>(i) + 1) sign = -sign;
    if (diagonal < 0) sign = -sign;
    if (diagonal == T(0)) {
      sign = 0;
      logarithm = -std::numeric_limits<T>::infinity();
      return;
    }
    sum += std::log(std::abs(static_cast<double>(diagonal)));
  }
  logarithm = static_cast<T>(sum);
}

template bool cholesky(std::int64_t, float*);
template bool cholesky(std::int64_t, double*);
template bool solve(std::int64_t, std::int64_t, float*, float*);
template bool solve(std::int64_t, std::int64_t, double*, double*);
template bool triangular_solve(bool, std::int64_t, std::int64_t, const float*, float*);
template bool triangular_solve(bool, std::int64_t, std::int64_t, const double*, double*);
template bool symmetric_eigenvalues(std::int64_t, float*, float*, float*);
template bool symmetric_eigenvalues(std::int64_t, double*, double*, double*);
template void log_determinant(std::int64_t, float*, float&, float&);
template void log_determinant(std::int64_t, double*, double&, double&);

}  // namespace sg::kernels

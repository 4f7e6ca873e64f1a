// Factorisations of dense matrices by LAPACK, as OpenBLAS brings it. All matrices are row-major and square, [n, n],
// unless said otherwise; what a function calls `work` it overwrites.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// The lower factor L of a = L L', in the place of `a`, zeros above; reads a's lower triangle. False when `a` is not
/// positive definite.
template <class T>
bool cholesky(std::int64_t n, T* a);

/// The x of a x = b, in the place of b [n, k]. False when `a` is singular.
template <class T>
bool solve(std::int64_t n, std::int64_t k, T* work, T* b);

/// The x of a x = b, in the place of b [n, k], for a lower or upper triangular `a`, the other triangle not read. False
/// when there is a zero on the diagonal.
template <class T>
bool triangular_solve(bool lower, std::int64_t n, std::int64_t k, const T* a, T* b);

/// Eigenvalues in ascending order, and orthonormal eigenvectors as the columns of `vectors`, of a symmetric matrix, of
/// which the lower triangle is read. False when the iteration does not converge.
template <class T>
bool symmetric_eigenvalues(std::int64_t n, T* work, T* values, T* vectors);

/// The determinant's sign (-1, 0 or 1) and the logarithm of its absolute value (minus infinity when it is 0).
template <class T>
void log_determinant(std::int64_t n, T* work, T& sign, T& logarithm);

}  // namespace sg::kernels

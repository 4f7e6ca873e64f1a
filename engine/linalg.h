// Linear algebra on matrices in the last two axes, batched over all others; differentiable to any order. All throw
// sg::Error for shapes that do not fit, and at evaluation for a matrix that has no such factor.
#pragma once

#include <utility>

#include "engine/tensor.h"

namespace sg {

/// The x of a x = b: a [..., n, n], b [..., n, k] -> [..., n, k]; leading axes broadcast. Throws when a is singular.
Tensor solve(const Tensor& a, const Tensor& b);
/// The same for a triangular a, whose other triangle is not read (and has derivative 0).
Tensor triangular_solve(const Tensor& a, const Tensor& b, bool lower = true);
/// [..., n, n]. Prefer `solve` where the inverse is only multiplied with.
Tensor inverse(const Tensor& a);

/// The lower L with a = L L' of a symmetric positive definite a, of which the lower triangle is read; the derivative is
/// that by a symmetric matrix (Murray, "Differentiation of the Cholesky decomposition", 2016). Throws when a is not
/// positive definite.
Tensor cholesky(const Tensor& a);

/// [...], of [..., n, n]. Derivatives need an invertible matrix.
Tensor det(const Tensor& a);
/// The determinant's sign (derivative 0) and the logarithm of its absolute value, both [...].
std::pair<Tensor, Tensor> slogdet(const Tensor& a);

/// Eigenvalues [..., n] in ascending order and orthonormal eigenvectors, the columns of [..., n, n], of a symmetric
/// matrix, of which the lower triangle is read. Derivatives of the vectors, and so second ones of the eigenvalues, need
/// distinct eigenvalues; a vector's sign is arbitrary.
std::pair<Tensor, Tensor> eigh(const Tensor& a);

}  // namespace sg

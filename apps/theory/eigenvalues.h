// Eigenvalues of small matrices that are not symmetric, by LAPACK; eigh of engine/linalg.h is for the others.
#pragma once

#include <complex>
#include <vector>

#include "engine/tensor.h"

namespace sg::theory {

/// Of any square matrix [n, n], by their real parts from the smallest.
std::vector<std::complex<double>> eigenvalues(const Tensor& matrix);
/// The same of all matrices [N, n, n], one after the other.
std::vector<std::vector<std::complex<double>>> batched_eigenvalues(const Tensor& matrices);

/// The largest eigenvalue divided by the smallest: of eigenvalues that are real and positive; infinite otherwise.
double condition_number(const std::vector<std::complex<double>>& values);

}  // namespace sg::theory

// Frechet: the distance of two sets of features, each taken for a Gaussian.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace sg::ddim {

struct Gaussian {
  std::vector<double> mean;        // [D]
  std::vector<double> covariance;  // [D, D], divided by the count less one
};

/// The mean and the covariance of features [N, D], N at least 2.
Gaussian fit_gaussian(const Tensor& features);

/// |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)): the squared 2-Wasserstein distance (Dowson and Landau 1982), as the
/// FID of Heusel et al. 2017 takes it.
double frechet_distance(const Gaussian& a, const Gaussian& b);

}  // namespace sg::ddim

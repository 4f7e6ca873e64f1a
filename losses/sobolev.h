// Sobolev losses from derivatives: means over points of squared residuals of a function and of its derivatives.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace sg::losses {

/// The mean over all elements of (prediction - target)^2. Throws unless the shapes are the same.
Tensor mse(const Tensor& prediction, const Tensor& target);

/// The exact Sobolev loss of order k = prediction.size() - 1: the sum over j = 0..k of weights[j] times the mean over
/// points of the squared residual of the derivatives of order j, summed over their components. prediction[j] and
/// target[j] are of one shape, [N, components of order j] as `derivatives` of route.h gives them. Without weights, all
/// are 1; an order of weight 0 is left out.
Tensor sobolev(const Tensors& prediction, const Tensors& target, const std::vector<double>& weights = {});

/// The same loss as a flat vector of residuals, whose sum of squares it is: for Gauss-Newton steps.
Tensor sobolev_residuals(const Tensors& prediction, const Tensors& target, const std::vector<double>& weights = {});

/// |prediction - target| / |target| over all elements, Euclidean norms: the relative error that the applications print.
Tensor relative_error(const Tensor& prediction, const Tensor& target);

}  // namespace sg::losses

// Objective: the loss of a fit, and the errors that are printed for it.
#pragma once

#include "apps/regression/dataset.h"
#include "apps/regression/settings.h"
#include "losses/route.h"

namespace sg::regression {

/// The loss (l2, h1, h2, hs) of a network on the training points, or on the rows given by index (undefined: all of
/// them). Derivatives come from the engine's cheapest route, or from the data's estimator where it stands for both
/// sides.
Tensor fit_loss(const Settings& settings, const apps::Loss& loss, const Dataset& data, const losses::Network& network,
                const Tensor& rows = {});

/// Throws when the loss cannot be had on this data: hs away from a regular 1-D grid, weights that are too few.
void check_fit_loss(const Settings& settings, const apps::Loss& loss, const Dataset& data);

/// Relative errors of the values and of the first derivatives on the test points; NaN where the data have no
/// derivatives.
struct TestErrors {
  double l2, h1;
};
TestErrors test_errors(const losses::Network& network, const Tensor& points, const Tensors& values);

}  // namespace sg::regression

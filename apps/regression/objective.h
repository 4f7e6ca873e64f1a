// Objective: the loss of a fit, and the errors that are printed for it.
#pragma once

#include "apps/regression/dataset.h"
#include "apps/regression/settings.h"
#include "losses/route.h"

namespace sg::regression {

/// The weights of the orders 0..order in a loss on these targets: those of `weights`, or for `auto` 1 for values and
/// first derivatives and m_1 / m_k for order k above, m_k being the mean square of the target's derivatives of order k
/// over the training points. So the derivatives' parts are relative errors of one size (Huge and Savine 2020,
/// "Differential machine learning", divide all orders like this), and h1 is the plain sum, which measured better.
std::vector<double> order_weights(const std::string& weights, const Tensors& target, int order);

/// The loss (l2, h1, h2, hs) of a network on the training points, or on the rows given by index (undefined: all of
/// them). Derivatives come from the engine's cheapest route, or from the data's estimator where it stands for both
/// sides.
/// `weights` are those of the orders.
Tensor fit_loss(const Settings& settings, const apps::Loss& loss, const Dataset& data,
                const std::vector<double>& weights, const losses::Network& network, const Tensor& rows = {});
/// The same (not hs) as a flat vector of residuals, whose sum of squares it is.
Tensor fit_residuals(const apps::Loss& loss, const Dataset& data, const std::vector<double>& weights,
                     const losses::Network& network);
/// The weights that it takes for this loss.
std::vector<double> fit_weights(const Settings& settings, const apps::Loss& loss, const Dataset& data);

/// Throws for weights, empty where they are not given as numbers, that are too few for the loss or leave nothing of it.
void check_weights(const std::vector<double>& given, const apps::Loss& loss);
/// Throws when the loss cannot be had on this data: hs away from a regular 1-D grid, weights that are too few.
void check_fit_loss(const Settings& settings, const apps::Loss& loss, const Dataset& data);

/// Relative errors of the values and of the first derivatives on the test points; NaN where the data have no
/// derivatives.
struct TestErrors {
  double l2, h1;
};
TestErrors test_errors(const losses::Network& network, const Tensor& points, const Tensors& values);

}  // namespace sg::regression

// Mixed partial derivatives of any order in several variables, each once, by Taylor series along directions.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace sg::losses {

/// How often each of d variables is differentiated by; its order is the sum.
using MultiIndex = std::vector<int>;

/// All multi-indices of d variables and the given order, the first variable's count falling: for d = 2 and order 2
/// (2, 0), (1, 1), (0, 2). There are (d + order - 1)! / (order! (d - 1)!).
std::vector<MultiIndex> multi_indices(std::int64_t d, int order);

/// u [N, 1], where row n depends on row n of x [N, d] only -> for each order 0..order the partials [N, count], a column
/// a multi-index in the order of `multi_indices`. One Taylor series of length `order` along each of as many directions
/// as there are partials of the highest order, all in one mapped pass (Griewank, Utke and Walther, Math. Comp. 69,
/// 2000): every partial is a combination of the series' coefficients.
Tensors partials(const Tensor& u, const Tensor& x, int order);

/// The sum over i, j of d^4 u / dx_i^2 dx_j^2: [N, 1] of u [N, 1] and x [N, d], by Taylor series of order 4 along the d
/// axes and the d (d - 1) diagonals, in one mapped pass.
Tensor biharmonic(const Tensor& u, const Tensor& x);

/// A sum of pure derivatives estimated by random directions.
struct StochasticEstimate {
  Tensor mean;            // [N, 1]
  Tensor standard_error;  // [N, 1], of the mean over the directions
};
/// The Laplacian of u [N, 1] by x [N, d] from second derivatives along `directions` (at least 2) random directions of
/// independent normal components (Shi, Hu, Lin and Kawaguchi, "Stochastic Taylor derivative estimator", 2024):
/// unbiased, at a cost that does not grow with d. The standard error counts the directions' variance alone.
StochasticEstimate stochastic_laplacian(const Tensor& u, const Tensor& x, std::int64_t directions, std::uint64_t seed,
                                        std::uint64_t stream);

}  // namespace sg::losses

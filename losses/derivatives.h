// Derivatives estimated from values on a grid: each estimator is a linear map, applied as a matrix product along an
// axis.
#pragma once

#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace sg::losses {

enum class Estimator {
  fd2,        // finite differences of order 2 on a regular grid, one-sided of the same order at the ends
  fd4,        // of order 4
  chebyshev,  // exact for polynomials of degree n - 1, on Chebyshev points of the second kind
  fourier,    // exact for trigonometric polynomials, on a periodic grid (the last point is not the first one again)
};

/// fd2, fd4, chebyshev, fourier; throws for any other name.
Estimator estimator_named(std::string_view name);

/// The n points on [first, last] that the estimator needs, ascending: regular with both ends, Chebyshev's with both
/// ends, or regular without the last end. Throws when there are too few for it (fd2 4, fd4 6, the others 2).
std::vector<double> estimator_points(Estimator estimator, std::int64_t n, double first, double last);

/// The matrix [n, n] that takes values at the estimator's points to the derivative of the given order, 1 or 2, there.
/// Throws for more than 16,384 points.
Tensor differentiation_matrix(Estimator estimator, std::int64_t n, double first, double last, int derivative,
                              Dtype dtype);

/// The weights with which values at `points` give the derivative at `at` (Fornberg, Math. Comp. 51, 1988). Throws for
/// fewer points than the order plus one, and for a point that comes twice.
std::vector<double> finite_difference_weights(double at, const std::vector<double>& points, int derivative);

/// matrix [m, n] applied along `axis` of x, whose extent there is n and becomes m.
Tensor apply_along(const Tensor& matrix, const Tensor& x, std::int64_t axis);

/// One axis of a grid.
struct GridAxis {
  std::int64_t n;
  double first, last;
};

/// The grid of the estimator's points along each axis: [N, d] in row-major order.
Tensor grid_points(Estimator estimator, const std::vector<GridAxis>& axes, Dtype dtype);

/// The derivatives of functions on one grid, of the estimator's points along each axis; keeps the matrices.
class GridDerivatives {
 public:
  GridDerivatives(Estimator estimator, const std::vector<GridAxis>& axes, Dtype dtype);

  /// Values [N, 1] at the points -> u [N, 1], its first derivatives [N, d], its second derivatives [N, d d]
  /// (row-major), as far as `order` (0 to 2) asks.
  Tensors operator()(const Tensor& values, int order) const;

 private:
  Shape extents_;
  Tensors first_, second_;  // a matrix an axis
};

}  // namespace sg::losses

// Derivatives estimated from values on a grid.
#include "losses/derivatives.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/ops.h"

namespace sg::losses {

namespace {

using std::numbers::pi;

constexpr std::int64_t most_points = 16384;

std::int64_t fewest_points(Estimator estimator) {
  return estimator == Estimator::fd2 ? 4 : estimator == Estimator::fd4 ? 6 : 2;
}

/// Minus the sum of its row's other elements on the diagonal: a constant's derivative is then zero to rounding.
void close_rows(std::vector<double>& matrix, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) sum += matrix[i * n + j];
    }
    matrix[i * n + i] = -sum;
  }
}

std::vector<double> finite_differences(std::int64_t n, double spacing, int derivative, int order) {
  std::vector<double> matrix(n * n);
  const std::int64_t half = order / 2;  // central stencils of 2 half + 1 points reach the order for both derivatives
  for (std::int64_t i = 0; i < n; ++i) {
    const bool central = i >= half && i < n - half;
    const std::int64_t count = central ? 2 * half + 1 : order + derivative;
    const std::int64_t start = central ? i - half : std::clamp<std::int64_t>(i - count / 2, 0, n - count);
    std::vector<double> points(count);
    for (std::int64_t j = 0; j < count; ++j) points[j] = static_cast<double>(start + j - i);
    const std::vector<double> weights = finite_difference_weights(0, points, derivative);
    for (std::int64_t j = 0; j < count; ++j) matrix[i * n + start + j] = weights[j] / std::pow(spacing, derivative);
  }
  return matrix;
}

/// Trefethen, Spectral Methods in MATLAB, chapter 6; the second derivative by Welfert's recursion (SIAM J. Numer. Anal.
/// 34, 1997).
std::vector<double> chebyshev(std::int64_t n, double length, int derivative) {
  const double last = static_cast<double>(n - 1);
  std::vector<double> inverse(n * n), matrix(n * n);  // 1 / (x_i - x_j) on [-1, 1], ascending points
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (i == j) continue;
      // x_i - x_j as a product, which loses nothing where the points are close.
      const double plus = static_cast<double>(i + j), minus = static_cast<double>(i - j);
      inverse[i * n + j] = 1 / (2 * std::sin(plus * pi / (2 * last)) * std::sin(minus * pi / (2 * last)));
      const double ci = (i == 0 || i == n - 1) ? 2 : 1, cj = (j == 0 || j == n - 1) ? 2 : 1;
      matrix[i * n + j] = ci / cj * ((i + j) % 2 ? -1 : 1) * inverse[i * n + j];
    }
  }
  close_rows(matrix, n);
  if (derivative == 2) {
    std::vector<double> second(n * n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        if (i != j) second[i * n + j] = 2 * matrix[i * n + j] * (matrix[i * n + i] - inverse[i * n + j]);
      }
    }
    close_rows(second, n);
    matrix = std::move(second);
  }
  for (double& element : matrix) element *= std::pow(2 / length, derivative);
  return matrix;
}

/// Trefethen, chapter 3, and Weideman and Reddy, ACM TOMS 26 (2000), for odd n.
std::vector<double> fourier(std::int64_t n, double length, int derivative) {
  const double h = 2 * pi / static_cast<double>(n), scale = std::pow(2 * pi / length, derivative);
  std::vector<double> row(n);
  for (std::int64_t m = 1; m < n; ++m) {
    const double angle = static_cast<double>(m) * h / 2, sign = m % 2 ? -1 : 1;
    const double cosecant = 1 / std::sin(angle), other = n % 2 ? 1.0 : std::cos(angle);
    if (derivative == 1) {
      row[m] = 0.5 * sign * cosecant * other;
    } else {
      row[m] = -0.5 * sign * cosecant * cosecant * (n % 2 ? std::cos(angle) : 1.0);
    }
  }
  if (derivative == 2) row[0] = -pi * pi / (3 * h * h) + (n % 2 ? 1.0 / 12 : -1.0 / 6);
  std::vector<double> matrix(n * n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      // For odd n the first derivative's cosecant changes its sign over a period together with (-1)^m, so both are even
      // in m mod n.
      matrix[i * n + j] = scale * row[i >= j ? i - j : i - j + n];
    }
  }
  return matrix;
}

}  // namespace

Estimator estimator_named(std::string_view name) {
  if (name == "fd2") return Estimator::fd2;
  if (name == "fd4") return Estimator::fd4;
  if (name == "chebyshev") return Estimator::chebyshev;
  if (name == "fourier") return Estimator::fourier;
  fail("derivatives: no estimator is named `{}`: there are fd2, fd4, chebyshev, fourier", name);
}

std::vector<double> estimator_points(Estimator estimator, std::int64_t n, double first, double last) {
  if (n < fewest_points(estimator)) {
    fail("derivatives: too few points for the estimator: {} (needs {})", n, fewest_points(estimator));
  }
  if (!(first < last)) fail("derivatives: the interval is empty: [{}, {}]", first, last);
  std::vector<double> points(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const double count = static_cast<double>(estimator == Estimator::fourier ? n : n - 1),
                 index = static_cast<double>(i);
    const double fraction = estimator == Estimator::chebyshev ? (1 - std::cos(pi * index / count)) / 2 : index / count;
    points[i] = first + (last - first) * fraction;
  }
  if (estimator != Estimator::fourier) points.back() = last;
  return points;
}

std::vector<double> finite_difference_weights(double at, const std::vector<double>& points, int derivative) {
  const auto count = static_cast<std::int64_t>(points.size());
  if (derivative < 0 || count <= derivative) {
    fail("finite_difference_weights: derivative {} of {} points; needs one point more than the derivative's order",
         derivative, count);
  }
  std::vector<std::vector<double>> weight(derivative + 1, std::vector<double>(count));
  weight[0][0] = 1;
  double previous_product = 1, offset = points[0] - at;
  for (std::int64_t i = 1; i < count; ++i) {
    const std::int64_t top = std::min<std::int64_t>(i, derivative);
    const double previous_offset = offset;
    double product = 1;
    offset = points[i] - at;
    for (std::int64_t j = 0; j < i; ++j) {
      const double difference = points[i] - points[j];
      if (!(difference != 0))
        fail("finite_difference_weights: the point {} comes twice: numbers {} and {}", points[i], j, i);
      product *= difference;
      if (j == i - 1) {
        for (std::int64_t k = top; k > 0; --k) {
          weight[k][i] =
              previous_product * (static_cast<double>(k) * weight[k - 1][j] - previous_offset * weight[k][j]) / product;
        }
        weight[0][i] = -previous_product * previous_offset * weight[0][j] / product;
      }
      for (std::int64_t k = top; k > 0; --k) {
        weight[k][j] = (offset * weight[k][j] - static_cast<double>(k) * weight[k - 1][j]) / difference;
      }
      weight[0][j] = offset * weight[0][j] / difference;
    }
    previous_product = product;
  }
  return weight[derivative];
}

Tensor differentiation_matrix(Estimator estimator, std::int64_t n, double first, double last, int derivative,
                              Dtype dtype) {
  if (derivative != 1 && derivative != 2) fail("differentiation_matrix: derivative must be 1 or 2: {}", derivative);
  if (n < fewest_points(estimator)) {
    fail("differentiation_matrix: too few points for the estimator: {} (needs {})", n, fewest_points(estimator));
  }
  if (!(first < last)) fail("differentiation_matrix: the interval is empty: [{}, {}]", first, last);
  if (n > most_points) {
    fail("differentiation_matrix: too many points for a full matrix: {} (at most {})", n, most_points);
  }
  const double length = last - first;
  std::vector<double> matrix;
  switch (estimator) {
    case Estimator::fd2: matrix = finite_differences(n, length / static_cast<double>(n - 1), derivative, 2); break;
    case Estimator::fd4: matrix = finite_differences(n, length / static_cast<double>(n - 1), derivative, 4); break;
    case Estimator::chebyshev: matrix = chebyshev(n, length, derivative); break;
    case Estimator::fourier: matrix = fourier(n, length, derivative); break;
  }
  return tensor(matrix, {n, n}, dtype);
}

Tensor apply_along(const Tensor& matrix, const Tensor& x, std::int64_t axis) {
  if (matrix.rank() != 2) fail("apply_along: needs a matrix: shape {}", matrix.shape());
  axis = normalise_axis("apply_along", axis, x.rank());
  if (matrix.shape(1) != x.shape(axis)) {
    fail("apply_along: matrix {} does not fit axis {} of {}", matrix.shape(), axis, x.shape());
  }
  Shape result = x.shape();
  result[axis] = matrix.shape(0);
  if (axis + 1 == static_cast<std::int64_t>(x.rank())) {
    return reshape(matmul(reshape(x, {-1, x.shape(axis)}), transpose(matrix)), result);
  }
  std::int64_t before = 1, after = 1;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (static_cast<std::int64_t>(i) < axis) before *= x.shape()[i];
    if (static_cast<std::int64_t>(i) > axis) after *= x.shape()[i];
  }
  return reshape(matmul(matrix, reshape(x, {before, x.shape(axis), after})), result);
}

Tensor grid_points(Estimator estimator, const std::vector<GridAxis>& axes, Dtype dtype) {
  if (axes.empty()) fail("grid_points: the grid has no axis");
  std::vector<std::vector<double>> along;
  std::int64_t count = 1;
  for (const GridAxis& axis : axes) {
    along.push_back(estimator_points(estimator, axis.n, axis.first, axis.last));
    count *= axis.n;
  }
  std::vector<double> elements;
  for (std::int64_t point = 0; point < count; ++point) {
    std::int64_t stride = count;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      stride /= axes[i].n;
      elements.push_back(along[i][point / stride % axes[i].n]);
    }
  }
  return tensor(elements, {count, static_cast<std::int64_t>(axes.size())}, dtype);
}

GridDerivatives::GridDerivatives(Estimator estimator, const std::vector<GridAxis>& axes, Dtype dtype) {
  if (axes.empty()) fail("grid derivatives: the grid has no axis");
  for (const GridAxis& axis : axes) {
    extents_.push_back(axis.n);
    first_.push_back(differentiation_matrix(estimator, axis.n, axis.first, axis.last, 1, dtype));
    second_.push_back(differentiation_matrix(estimator, axis.n, axis.first, axis.last, 2, dtype));
  }
}

Tensors GridDerivatives::operator()(const Tensor& values, int order) const {
  const auto d = static_cast<std::int64_t>(extents_.size());
  if (order < 0 || order > 2) fail("grid derivatives: order must be 0, 1 or 2: {}", order);
  const std::int64_t points = element_count(extents_);
  if (values.shape() != Shape{points, 1}) fail("grid derivatives: values {} on a grid {}", values.shape(), extents_);
  const Tensor u = reshape(values, extents_);
  auto columns = [&](const Tensors& parts) {
    Tensors flat;
    for (const Tensor& part : parts) flat.push_back(reshape(part, {points, 1}));
    return flat.size() == 1 ? flat[0] : concat(flat, 1);
  };
  Tensors result{values}, first(d), second(d * d);
  if (order >= 1) {
    for (std::int64_t i = 0; i < d; ++i) first[i] = apply_along(first_[i], u, i);
    result.push_back(columns(first));
  }
  if (order >= 2) {
    for (std::int64_t i = 0; i < d; ++i) {
      second[i * d + i] = apply_along(second_[i], u, i);
      for (std::int64_t j = i + 1; j < d; ++j) {
        second[i * d + j] = second[j * d + i] = apply_along(first_[j], first[i], j);
      }
    }
    result.push_back(columns(second));
  }
  return result;
}

}  // namespace sg::losses

// Mixed partial derivatives by Taylor series along directions.
#include "losses/partials.h"

#include <cmath>

#include "engine/autodiff.h"
#include "engine/linalg.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "engine/transforms.h"

namespace sg::losses {

namespace {

void check_rows(std::string_view operation, const Tensor& u, const Tensor& x) {
  if (x.rank() != 2 || x.shape(1) < 1 || u.shape() != Shape{x.shape(0), 1}) {
    fail("{}: needs u [N, 1] and x [N, d], got {} and {}", operation, u.shape(), x.shape());
  }
}

void append_indices(MultiIndex& index, std::size_t variable, int left, std::vector<MultiIndex>& all) {
  if (variable + 1 == index.size()) {
    index[variable] = left;
    all.push_back(index);
    return;
  }
  for (int count = left; count >= 0; --count) {
    index[variable] = count;
    append_indices(index, variable + 1, left - count, all);
  }
}

/// The derivatives 1..order of u along each row of `directions` [D, d]: a tensor [D, N] an order.
Tensors along_directions(const Tensor& u, const Tensor& x, const Tensor& directions, int order) {
  const TensorFunction series = vmap([&](const Tensors& direction) {
    Tensors all = jet(u, x, broadcast_to(direction[0], x.shape()), order);
    all.erase(all.begin());
    for (Tensor& derivative : all) derivative = squeeze(derivative, 1);
    return all;
  });
  return series({directions});
}

double factorial(int n) { return std::tgamma(n + 1.0); }

/// [directions, partials]: what each partial of order `order` adds to the derivative of that order along a direction v,
/// the multinomial coefficient times v to the multi-index.
Tensor expansion(const std::vector<MultiIndex>& directions, double scale, const std::vector<MultiIndex>& indices) {
  std::vector<double> values;
  for (const MultiIndex& direction : directions) {
    for (const MultiIndex& index : indices) {
      int order = 0;
      double value = 1;
      for (std::size_t i = 0; i < index.size(); ++i) {
        value *= std::pow(direction[i] * scale, index[i]) / factorial(index[i]);
        order += index[i];
      }
      values.push_back(value * factorial(order));
    }
  }
  return tensor(std::span<const double>(values),
                {static_cast<std::int64_t>(directions.size()), static_cast<std::int64_t>(indices.size())}, f64);
}

}  // namespace

std::vector<MultiIndex> multi_indices(std::int64_t d, int order) {
  if (d < 1 || order < 0) fail("multi_indices: needs a variable and an order of at least 0: {} and {}", d, order);
  std::vector<MultiIndex> all;
  MultiIndex index(d, 0);
  append_indices(index, 0, order, all);
  return all;
}

Tensors partials(const Tensor& u, const Tensor& x, int order) {
  check_rows("partials", u, x);
  if (order < 0) fail("partials: the order is negative: {}", order);
  Tensors result{u};
  if (order == 0) return result;
  const std::int64_t d = x.shape(1);
  // The points of a simplex's lattice, on which a homogeneous polynomial of this order is known by its values.
  const std::vector<MultiIndex> lattice = multi_indices(d, order);
  const double scale = 1.0 / order;
  const Tensor directions = [&] {
    std::vector<double> values;
    for (const MultiIndex& point : lattice) {
      for (const int count : point) values.push_back(count * scale);
    }
    return tensor(std::span<const double>(values), {static_cast<std::int64_t>(lattice.size()), d}, x.dtype());
  }();
  const Tensors along = along_directions(u, x, directions, order);
  for (int k = 1; k <= order; ++k) {
    // Lower orders have fewer partials than directions: the least squares solution is exact.
    const Tensor a = expansion(lattice, scale, multi_indices(d, k)), transposed = transpose(a);
    const Tensor inverted = k == order ? inverse(a) : matmul(inverse(matmul(transposed, a)), transposed);
    result.push_back(matmul(transpose(along[k - 1]), cast(transpose(inverted), x.dtype()).detach()));
  }
  return result;
}

Tensor biharmonic(const Tensor& u, const Tensor& x) {
  check_rows("biharmonic", u, x);
  const std::int64_t d = x.shape(1);
  // Along v the fourth derivative of e_i + e_j and that of e_i - e_j add up to 2 u_iiii + 2 u_jjjj + 12 u_iijj. So
  // u_iijj twice is a sixth of both less a third of the pure ones; each axis is in 2 (d - 1) such pairs.
  std::vector<double> directions, weights;
  const auto add = [&](std::int64_t i, double at_i, std::int64_t j, double at_j, double weight) {
    std::vector<double> v(d, 0.0);
    v[i] += at_i;
    v[j] += at_j;
    directions.insert(directions.end(), v.begin(), v.end());
    weights.push_back(weight);
  };
  for (std::int64_t i = 0; i < d; ++i) add(i, 1, i, 0, 1 - static_cast<double>(d - 1) / 3);
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t j = i + 1; j < d; ++j) {
      add(i, 1, j, 1, 1.0 / 6);
      add(i, 1, j, -1, 1.0 / 6);
    }
  }
  const auto count = static_cast<std::int64_t>(weights.size());
  const Tensor fourth =
      along_directions(u, x, tensor(std::span<const double>(directions), {count, d}, x.dtype()), 4)[3];
  return matmul(transpose(fourth), tensor(std::span<const double>(weights), {count, 1}, x.dtype()));
}

StochasticEstimate stochastic_laplacian(const Tensor& u, const Tensor& x, std::int64_t directions, std::uint64_t seed,
                                        std::uint64_t stream) {
  check_rows("stochastic_laplacian", u, x);
  if (directions < 2) fail("stochastic_laplacian: needs at least two directions: {}", directions);
  const Tensor v = random_normal({directions, x.shape(1)}, 0, 1, seed, stream, x.dtype());
  const Tensor second = along_directions(u, x, v, 2)[1];
  const double count = static_cast<double>(directions);
  const Tensor spread = variance(second, {0}) * (count / (count - 1));
  return {unsqueeze(mean(second, {0}), 1), unsqueeze(sqrt(spread / count), 1)};
}

}  // namespace sg::losses

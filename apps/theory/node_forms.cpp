// Node forms: several ReLU nodes.
#include "apps/theory/node_forms.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "apps/theory/closed_forms.h"
#include "engine/ops.h"

namespace sg::theory {

using std::numbers::pi;

namespace {

/// The sum over j of pull(w_l, z_j): [..., K, d] x [..., M, d] -> [..., K, d].
template <class Pull>
Tensor pulls(const Pull& pull, const Tensor& w, const Tensor& z) {
  return sum(pull(unsqueeze(w, -2), unsqueeze(z, -3)), {-2});
}

}  // namespace

Tensor nodes_value_gradient(const Tensor& w, const Tensor& teacher) {
  return pulls(value_pull, w, w) - pulls(value_pull, w, teacher);
}

Tensor nodes_slope_gradient(const Tensor& w, const Tensor& teacher) {
  return pulls(slope_pull, w, w) - pulls(slope_pull, w, teacher);
}

Tensor nodes_gradient(Loss loss, const Tensor& w, const Tensor& teacher) {
  const Tensor value = nodes_value_gradient(w, teacher);
  return loss == Loss::l2 ? value : value + nodes_slope_gradient(w, teacher);
}

Tensor symmetric_flow(Loss loss, const Tensor& xy, std::int64_t nodes) {
  const auto k = static_cast<double>(nodes);
  const Tensor x = slice(xy, -1, 0, 1), y = slice(xy, -1, 1, 2);
  const Tensor length = sqrt(square(x) + (k - 1) * square(y));
  // Angles of w_l with w_j, with w*_l and with w*_j, each from half of its tangent. The lengths keep the sign of y >=
  // 0, so that at y = 0 the derivative is that from above.
  const Tensor across = 2 * atan(sqrt(square(x - y) + 1e-60) / sqrt(square(x + y) + 2 * (k - 2) * square(y)));
  const Tensor size_of_y = where(greater_equal(y, zeros_like(y)), y, -y);
  const Tensor own = 2 * atan(std::sqrt(k - 1) * size_of_y / (length + x));
  const Tensor other = 2 * atan(sqrt(square(x) + (k - 2) * square(y)) / (length + y));
  const Tensor others_x = (k - 1) * y, others_y = x + (k - 2) * y;  // sums of the other nodes' coordinates
  const Tensor shared_x = (pi - across) * others_x - (pi - own), shared_y = (pi - across) * others_y - (pi - other);
  const Tensor slope_x = pi * x + shared_x, slope_y = pi * y + shared_y;
  const Tensor turn = (k - 1) * sin(across) - (sin(own) + (k - 1) * sin(other)) / length;
  Tensor gx = slope_x + turn * x, gy = slope_y + turn * y;
  if (loss == Loss::h1) gx = gx + slope_x, gy = gy + slope_y;
  return concat({gx, gy}, -1) / (-2 * pi);
}

Tensor symmetric_weights(const Tensor& xy, std::int64_t nodes) {
  const Tensor x = unsqueeze(slice(xy, -1, 0, 1), -1), y = unsqueeze(slice(xy, -1, 1, 2), -1);
  const Tensor own = eye(nodes, f64);
  return x * own + y * (1 - own);
}

Tensor symmetric_linear(Loss loss, std::int64_t nodes) {
  const auto k = static_cast<double>(nodes);
  const Tensor base = tensor({pi, (k - 1) * pi / 2, pi / 2, k * pi / 2}, {2, 2}, f64);
  if (loss == Loss::l2) return (base + tensor({k - 1, 0, 0, 1}, {2, 2}, f64)) / (2 * pi);
  return (2 * base + tensor({k - 1, std::sqrt(k - 1), 0, 2}, {2, 2}, f64)) / (2 * pi);
}

double saddle(Loss loss, std::int64_t nodes) {
  const auto k = static_cast<double>(nodes);
  const double lean = std::acos(1 / std::sqrt(k));
  if (loss == Loss::l2) return (std::sqrt(k - 1) - lean + pi) / (pi * k);
  return (std::sqrt(k - 1) + 2 * pi - 2 * lean) / (2 * pi * k);
}

double saddle_rate(Loss loss, std::int64_t nodes) {
  return static_cast<double>(nodes) * (loss == Loss::l2 ? 0.5 : 1.0);
}

Tensor toeplitz(const Tensor& row) {
  const std::int64_t k = row.shape(-1);
  std::vector<std::int64_t> distance;
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t j = 0; j < k; ++j) distance.push_back(std::abs(i - j));
  }
  Shape shape = row.shape();
  shape.push_back(k);
  return reshape(take(row, tensor(distance, {k * k}), -1), shape);
}

Tensor toeplitz_linear(Loss loss, std::int64_t nodes) {
  // The sample-wise part, pi t_c + (pi / 2) (sum over the other rows' component c) + t_c (c > 1), is in both losses; L
  // adds K - 1 to the corner through the lengths of the nodes.
  std::vector<double> shared(static_cast<std::size_t>(nodes * nodes), 0.0);
  for (std::int64_t c = 0; c < nodes; ++c) {
    for (std::int64_t j = 0; j < nodes; ++j) shared[c * nodes + std::abs(j - c)] += j == 0 ? pi : pi / 2;
    if (c > 0) shared[c * nodes + c] += 1;
  }
  if (loss == Loss::h1) {
    for (double& entry : shared) entry *= 2;
  }
  shared[0] += static_cast<double>(nodes - 1);
  return tensor(shared, {nodes, nodes}, f64) / (2 * pi);
}

Tensor toeplitz_kink(Loss loss, const Tensor& shift) {
  const std::int64_t k = shift.shape(-1);
  if (loss == Loss::l2) return zeros_like(shift);
  const Tensor size = sqrt(sum(square(slice(shift, -1, 1, k)), {-1}, true) + 1e-60) / (2 * pi);
  return concat({size, zeros_like(slice(shift, -1, 1, k))}, -1);
}

}  // namespace sg::theory

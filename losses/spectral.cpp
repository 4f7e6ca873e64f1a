// The spectral Sobolev loss H^s.
#include "losses/spectral.h"

#include <cmath>
#include <limits>
#include <list>
#include <numbers>

#include "engine/ops.h"

namespace sg::losses {

namespace {

void check_weights(std::int64_t n, double s, Frequencies frequencies, Dtype dtype, double length) {
  const double largest = dtype == f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  for (std::int64_t k = 0; k < n; ++k) {
    const double weight = spectral_weight(k, n, s, frequencies, length);
    if (weight <= largest) continue;
    fail("spectral_matrix: with s = {} the weight of frequency {} of {} is {}, and {} holds at most {}", s, k, n,
         weight, name_of(dtype), largest);
  }
}

/// C's first column, c_m = 1/n sum over k of w_k cos(2 pi k m / n).
std::vector<double> circulant_column(std::int64_t n, double s, Frequencies frequencies, double length) {
  const double unit = 2 * std::numbers::pi / static_cast<double>(n);
  std::vector<double> weight(n), cosine(n), column(n);
  for (std::int64_t k = 0; k < n; ++k) {
    weight[k] = spectral_weight(k, n, s, frequencies, length) / static_cast<double>(n);
    cosine[k] = std::cos(unit * static_cast<double>(k));
  }
  // Half of the column is computed and mirrored, so that C is symmetric to the bit.
  for (std::int64_t m = 0; m <= n / 2; ++m) {
    double sum = 0;
    for (std::int64_t k = 0, angle = 0; k < n; ++k) {
      sum += weight[k] * cosine[angle];
      angle += m;
      if (angle >= n) angle -= n;
    }
    column[m] = column[(n - m) % n] = sum;
  }
  return column;
}

struct CachedMatrix {
  std::int64_t n;
  double s;
  Frequencies frequencies;
  Dtype dtype;
  double length;
  Tensor matrix;
};

constexpr std::size_t cached_matrices = 16;
constexpr std::int64_t most_samples = 16384;

}  // namespace

double spectral_weight(std::int64_t k, std::int64_t n, double s, Frequencies frequencies, double length) {
  const double unit = 2 * std::numbers::pi / static_cast<double>(n);
  const double xi = unit * static_cast<double>(frequencies == Frequencies::one_sided ? k : std::min(k, n - k)) * length;
  return std::pow(1 + xi * xi, s);
}

Tensor spectral_matrix(std::int64_t n, double s, Frequencies frequencies, Dtype dtype, double length) {
  if (n < 1 || n > most_samples) fail("spectral_matrix: needs 1 to {} samples: {}", most_samples, n);
  if (!std::isfinite(s)) fail("spectral_matrix: s must be a finite number: {}", s);
  if (!(length > 0) || !std::isfinite(length)) fail("spectral_matrix: length must be above 0: {}", length);
  if (!is_floating(dtype)) fail("spectral_matrix: needs f32 or f64, not {}", name_of(dtype));
  // Each thread keeps its own, because a graph belongs to one thread.
  thread_local std::list<CachedMatrix> cache;
  for (auto entry = cache.begin(); entry != cache.end(); ++entry) {
    if (entry->n != n || entry->s != s || entry->frequencies != frequencies || entry->dtype != dtype ||
        entry->length != length) {
      continue;
    }
    cache.splice(cache.begin(), cache, entry);
    return entry->matrix;
  }
  check_weights(n, s, frequencies, dtype, length);
  const std::vector<double> column = circulant_column(n, s, frequencies, length);
  std::vector<double> elements(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) elements[i * n + j] = column[i >= j ? i - j : i - j + n];
  }
  cache.push_front({n, s, frequencies, dtype, length, tensor(elements, {n, n}, dtype)});
  if (cache.size() > cached_matrices) cache.pop_back();
  return cache.front().matrix;
}

Tensor spectral_1d(const Tensor& residual, double s, Frequencies frequencies, double length) {
  if (residual.rank() < 1 || residual.size() == 0) {
    fail("spectral_1d: needs samples along the last axis: shape {}", residual.shape());
  }
  const std::int64_t n = residual.shape(-1);
  const Tensor rows = reshape(residual, {-1, n});
  return mean(rows * matmul(rows, spectral_matrix(n, s, frequencies, residual.dtype(), length)));
}

Tensor spectral_2d(const Tensor& residual, double s, Frequencies frequencies, double length) {
  if (residual.rank() < 2 || residual.size() == 0) {
    fail("spectral_2d: needs images [..., H, W]: shape {}", residual.shape());
  }
  const std::int64_t height = residual.shape(-2), width = residual.shape(-1);
  const Tensor along_rows =
      matmul(reshape(residual, {-1, width}), spectral_matrix(width, s, frequencies, residual.dtype(), length));
  const Tensor along_columns = matmul(spectral_matrix(height, s, frequencies, residual.dtype(), length), residual);
  return mean(residual * (reshape(along_rows, residual.shape()) + along_columns));
}

}  // namespace sg::losses

// Directions: making them, and the loss along them.
#include "apps/image_autoencoder/directions.h"

#include <cmath>
#include <numbers>

#include "data/streams.h"
#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::image_autoencoder {
namespace {

constexpr std::int64_t kWaves = 8;

/// cos(pi k (i + 1/2) / n) at [k, i].
std::vector<double> cosines(std::int64_t n) {
  std::vector<double> values(static_cast<std::size_t>(kWaves * n));
  for (std::int64_t k = 0; k < kWaves; ++k) {
    for (std::int64_t i = 0; i < n; ++i) {
      values[k * n + i] =
          std::cos(std::numbers::pi * static_cast<double>(k) * (static_cast<double>(i) + 0.5) / static_cast<double>(n));
    }
  }
  return values;
}

/// Adds random cosines to a channel of zeros.
void add_waves(std::span<double> channel, std::int64_t width, const std::vector<double>& along_rows,
               const std::vector<double>& along_columns, Philox& random) {
  const std::int64_t height = static_cast<std::int64_t>(channel.size()) / width;
  std::vector<double> row(static_cast<std::size_t>(width));
  for (std::int64_t k = 0; k < kWaves; ++k) {
    std::fill(row.begin(), row.end(), 0);
    for (std::int64_t l = 0; l < kWaves; ++l) {
      const double weight = random.normal() / static_cast<double>(1 + k * k + l * l);
      for (std::int64_t j = 0; j < width; ++j) row[j] += weight * along_columns[l * width + j];
    }
    for (std::int64_t i = 0; i < height; ++i) {
      for (std::int64_t j = 0; j < width; ++j) channel[i * width + j] += along_rows[k * height + i] * row[j];
    }
  }
}

}  // namespace

Tensor smooth_directions(const Shape& shape, std::uint64_t seed, std::int64_t step, std::int64_t index, Dtype dtype) {
  if (shape.size() != 4 || element_count(shape) == 0) fail("smooth_directions: needs [N, C, H, W]: {}", shape);
  const std::int64_t width = shape[3], plane = shape[2] * width, picture = shape[1] * plane;
  const std::vector<double> along_rows = cosines(shape[2]), along_columns = cosines(width);
  Philox random(seed, data::stream_of(data::Use::direction, step, index));
  std::vector<double> values(static_cast<std::size_t>(element_count(shape)));
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const std::span<double> all =
        std::span(values).subspan(static_cast<std::size_t>(n * picture), static_cast<std::size_t>(picture));
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      add_waves(all.subspan(static_cast<std::size_t>(c * plane), static_cast<std::size_t>(plane)), width, along_rows,
                along_columns, random);
    }
    double squares = 0;
    for (const double value : all) squares += value * value;
    const double scale = std::sqrt(static_cast<double>(picture) / squares);
    for (double& value : all) value *= scale;
  }
  return tensor(std::span<const double>(values), shape, dtype);
}

Tensor exact_directions_loss(const Tensor& output, const Tensor& input, const Tensors& directions) {
  if (directions.empty()) fail("exact_directions_loss: there are no directions");
  if (output.shape() != input.shape()) {
    fail("exact_directions_loss: output and input differ in shape: {} and {}", output.shape(), input.shape());
  }
  Tensor total;
  for (const Tensor& direction : directions) {
    const Tensor error = mean(square(jvp(output, {input}, {direction}) - direction));
    total = total ? total + error : error;
  }
  return total / static_cast<double>(directions.size());
}

}  // namespace sg::image_autoencoder

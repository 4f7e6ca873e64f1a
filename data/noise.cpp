// Noise: sine waves, and normal values by counting.
#include "data/noise.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "data/streams.h"
#include "engine/error.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"

namespace sg::data {

Tensor sine_noise(std::int64_t rows, std::int64_t columns, double amplitude, double frequency, Dtype dtype) {
  if (rows < 1 || columns < 1) fail("sine_noise: pictures of {} x {}", rows, columns);
  const auto coordinate = [](std::int64_t i, std::int64_t count) {
    return count == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(count - 1);
  };
  std::vector<double> values;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      values.push_back(amplitude * std::sin(2 * std::numbers::pi * frequency *
                                            (coordinate(column, columns) + coordinate(row, rows))));
    }
  }
  return tensor(std::span<const double>(values), {1, 1, rows, columns}, dtype);
}

Tensor gaussian_noise(const Shape& sample_shape, std::span<const std::int64_t> samples, double standard_deviation,
                      std::uint64_t seed, std::int64_t epoch, Dtype dtype) {
  if (!is_floating(dtype)) fail("gaussian_noise: the dtype must be f32 or f64, not {}", name_of(dtype));
  Shape shape = sample_shape;
  shape.insert(shape.begin(), static_cast<std::int64_t>(samples.size()));
  const auto each = static_cast<std::size_t>(element_count(sample_shape));
  const auto make = [&]<class T>(T) {
    std::vector<T> values(samples.size() * each);
    kernels::parallel_for(static_cast<std::int64_t>(samples.size()), [&](std::int64_t i) {
      const std::span<T> part = std::span(values).subspan(static_cast<std::size_t>(i) * each, each);
      fill_normal(part, seed, stream_of(Use::noise, epoch, samples[i]));
      for (T& value : part) value *= static_cast<T>(standard_deviation);
    });
    return tensor(std::span<const T>(values), shape, dtype);
  };
  return dtype == f32 ? make(float{}) : make(double{});
}

}  // namespace sg::data

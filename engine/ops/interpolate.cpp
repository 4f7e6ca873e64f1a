// Interpolation, sampling at points, and pixels shuffled between channels and space: compositions.
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/spatial.h"

namespace sg {

void check_spatial(std::string_view operation, const Tensor& x, std::size_t axes) {
  if (axes < 1 || axes > 3 || x.rank() != axes + 2) {
    fail("{}: needs [N, C, ...] with one to three spatial axes and an amount for each of them, got {} and {} amounts",
         operation, x.shape(), axes);
  }
}

Tensor multiply_along(const Tensor& matrix, const Tensor& x, std::size_t axis) {
  Shape shape = x.shape();
  const std::int64_t rows = matrix.shape()[0], extent = shape[axis];
  if (axis + 1 == shape.size()) return matmul(x, transpose(matrix));
  if (axis + 2 == shape.size()) return matmul(matrix, x);
  std::int64_t outer = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= shape[i];
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  shape[axis] = rows;
  return reshape(matmul(matrix, reshape(x, {outer, extent, inner})), shape);
}

namespace {

void check_picture(std::string_view operation, const Tensor& x) {
  if (x.rank() != 4) fail("{}: the input must have four axes, got {}", operation, x.shape());
}

/// Where sample i of the result lies among those of the input.
struct Positions {
  std::int64_t extent, count;
  double spacing;  // of two samples of the result
  bool align_corners;
  double operator()(std::int64_t i) const {
    const auto at = static_cast<double>(i);
    return align_corners ? at * spacing : (at + 0.5) * spacing - 0.5;
  }
};

/// The weights of the four samples around a fraction (Keys 1981, with a = -3/4 as PyTorch has it).
std::array<double, 4> cubic_weights(double fraction) {
  constexpr double a = -0.75;
  const auto near = [](double t) { return ((a + 2) * t - (a + 3)) * t * t + 1; };
  const auto far = [](double t) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; };
  return {far(1 + fraction), near(fraction), near(1 - fraction), far(2 - fraction)};
}

/// [count, extent]: row i weighs the samples around position i, those beyond the borders being the border's.
Tensor interpolation_matrix(const Positions& positions, Interpolation mode, Dtype dtype) {
  const std::int64_t extent = positions.extent;
  std::vector<double> weights(positions.count * extent, 0.0);
  for (std::int64_t i = 0; i < positions.count; ++i) {
    double position = positions(i);
    if (mode == Interpolation::linear) position = std::max(0.0, position);
    const double lower = std::floor(position), fraction = position - lower;
    const auto add = [&](std::int64_t offset, double weight) {
      const std::int64_t at = std::clamp<std::int64_t>(static_cast<std::int64_t>(lower) + offset, 0, extent - 1);
      weights[i * extent + at] += weight;
    };
    if (mode == Interpolation::linear) {
      add(0, 1 - fraction);
      add(1, fraction);
    } else {
      const auto four = cubic_weights(fraction);
      for (std::int64_t k = 0; k < 4; ++k) add(k - 1, four[k]);
    }
  }
  return tensor(std::span<const double>(weights), {positions.count, extent}, dtype);
}

Tensor nearest_along(const Tensor& x, const Positions& positions, std::size_t axis) {
  if (positions.count % positions.extent == 0 &&
      positions.spacing * static_cast<double>(positions.count) == static_cast<double>(positions.extent)) {
    // A whole factor: every sample is repeated.
    const std::int64_t factor = positions.count / positions.extent;
    if (factor == 1) return x;
    Shape apart = x.shape(), joined = x.shape();
    apart.insert(apart.begin() + axis + 1, 1);
    Shape wide = apart;
    wide[axis + 1] = factor;
    joined[axis] *= factor;
    return reshape(broadcast_to(reshape(x, apart), wide), joined);
  }
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < positions.count; ++i) {
    const auto index = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * positions.spacing));
    indices.push_back(std::min(index, positions.extent - 1));
  }
  return take(x, tensor(std::span<const std::int64_t>(indices), {positions.count}), static_cast<std::int64_t>(axis));
}

}  // namespace

Tensor interpolate(const Tensor& x, const InterpolateOptions& options) {
  const std::size_t axes = x.rank() < 2 ? 0 : x.rank() - 2;
  const bool by_factor = options.size.empty();
  std::vector<double> factors = options.factors;
  if (factors.size() == 1) factors.resize(axes, factors[0]);
  if (by_factor == factors.empty()) fail("interpolate: needs either a size or factors");
  check_spatial("interpolate", x, by_factor ? factors.size() : options.size.size());
  if (options.mode != Interpolation::nearest) need_floating("interpolate", x);
  if (options.mode == Interpolation::nearest && options.align_corners) {
    fail("interpolate: the nearest sample has no corners to align");
  }
  Tensor result = x;
  for (std::size_t i = 0; i < axes; ++i) {
    const std::int64_t extent = x.shape()[2 + i];
    if (by_factor && !(factors[i] > 0)) fail("interpolate: the factor must be positive, got {}", factors[i]);
    const double exact = by_factor ? static_cast<double>(extent) * factors[i] : static_cast<double>(options.size[i]);
    if (!(exact >= 1 && exact < 0x1p40) || extent < 1) {
      fail("interpolate: {} elements from {} along axis {} of {}", exact, extent, 2 + i, x.shape());
    }
    Positions positions{extent, static_cast<std::int64_t>(exact), 0, options.align_corners};
    const auto count = static_cast<double>(positions.count);
    if (options.align_corners) {
      positions.spacing = positions.count > 1 ? static_cast<double>(extent - 1) / (count - 1) : 0;
    } else {
      positions.spacing = by_factor ? 1 / factors[i] : static_cast<double>(extent) / count;
    }
    result = options.mode == Interpolation::nearest
                 ? nearest_along(result, positions, 2 + i)
                 : multiply_along(interpolation_matrix(positions, options.mode, x.dtype()), result, 2 + i);
  }
  return result;
}

Tensor upsample_nearest2d(const Tensor& x, std::int64_t factor) {
  check_picture("upsample_nearest2d", x);
  if (factor < 1) fail("upsample_nearest2d: the factor must be at least 1, got {}", factor);
  const Shape& s = x.shape();
  const Tensor spread =
      broadcast_to(reshape(x, {s[0], s[1], s[2], 1, s[3], 1}), {s[0], s[1], s[2], factor, s[3], factor});
  return reshape(spread,
                 {s[0], s[1], times("upsample_nearest2d", s[2], factor), times("upsample_nearest2d", s[3], factor)});
}

Tensor upsample_bilinear2d(const Tensor& x, std::int64_t factor) {
  check_picture("upsample_bilinear2d", x);
  if (factor < 1) fail("upsample_bilinear2d: the factor must be at least 1, got {}", factor);
  if (x.size() == 0) fail("upsample_bilinear2d: the input is empty: {}", x.shape());
  need_floating("upsample_bilinear2d", x);
  InterpolateOptions options;
  options.size = {times("upsample_bilinear2d", x.shape()[2], factor),
                  times("upsample_bilinear2d", x.shape()[3], factor)};
  options.mode = Interpolation::linear;
  return interpolate(x, options);
}

namespace {

/// Coordinates from -1..1 as numbers of pixels, brought back into the picture unless what lies outside is zero.
Tensor pixel_coordinates(const Tensor& from_minus_1_to_1, std::int64_t extent, const GridSampleOptions& options) {
  const auto n = static_cast<double>(extent);
  const Tensor at =
      options.align_corners ? (from_minus_1_to_1 + 1) * ((n - 1) / 2) : ((from_minus_1_to_1 + 1) * n - 1) * 0.5;
  if (options.outside == Outside::zeros) return at;
  if (options.outside == Outside::border) return clamp(at, 0, n - 1);
  // Mirrored at the centres of the outer pixels, or at the picture's edges.
  const double low = options.align_corners ? 0 : -0.5, length = options.align_corners ? n - 1 : n;
  if (length == 0) return at * 0;
  const Tensor distance = abs(at - low), period = literal_like(at, length);
  const Tensor rest = remainder(distance, period);
  const Tensor is_odd = remainder(floor(distance / length), literal_like(at, 2));
  return clamp(where(is_odd, length - rest, rest) + low, 0, n - 1);
}

}  // namespace

Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampleOptions& options) {
  check_picture("grid_sample", x);
  need_floating("grid_sample", x);
  const Shape& s = x.shape();
  if (grid.rank() != 4 || grid.shape()[0] != s[0] || grid.shape()[3] != 2 || grid.dtype() != x.dtype()) {
    fail("grid_sample: needs a grid {} [{}, H', W', 2], got {} {}", name_of(x.dtype()), s[0], name_of(grid.dtype()),
         grid.shape());
  }
  if (s[2] < 1 || s[3] < 1) fail("grid_sample: the input is empty: {}", s);
  if (options.mode == Interpolation::cubic) fail("grid_sample: samples by the nearest pixel or linearly");
  const Shape result{s[0], s[1], grid.shape()[1], grid.shape()[2]};
  const std::int64_t points = result[2] * result[3];
  const auto coordinate = [&](std::int64_t i, std::int64_t extent) {
    return pixel_coordinates(reshape(slice(grid, 3, i, i + 1), {s[0], points}), extent, options);
  };
  const Tensor column = coordinate(0, s[3]), row = coordinate(1, s[2]), pixels = flatten(x, 2);
  // The pixels at whole coordinates; zero outside of the picture.
  const auto pixel_at = [&](const Tensor& h, const Tensor& w) {
    const auto within = [](const Tensor& at, std::int64_t extent) {
      return mul(greater_equal(at, 0), less_equal(at, extent - 1));
    };
    const Tensor inside = mul(within(h, s[2]), within(w, s[3]));
    const Tensor index = cast(where(inside, h * s[3] + w, 0), i64);
    const Tensor found = gather(pixels, broadcast_to(unsqueeze(index, 1), {s[0], s[1], points}), 2);
    return where(broadcast_to(unsqueeze(inside, 1), found.shape()), found, 0);
  };
  if (options.mode == Interpolation::nearest) return reshape(pixel_at(round(row), round(column)), result);
  const Tensor top = floor(row), left = floor(column);
  const Tensor down = row - top, right = column - left;
  Tensor total;
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j) {
      const Tensor weight = mul(i ? down : 1 - down, j ? right : 1 - right);
      total = series::plus(total, unsqueeze(weight, 1) * pixel_at(top + i, left + j));
    }
  }
  return reshape(total, result);
}

Tensor pixel_shuffle(const Tensor& x, std::int64_t factor) {
  check_picture("pixel_shuffle", x);
  if (factor < 1 || x.shape()[1] % times("pixel_shuffle", factor, factor) != 0) {
    fail("pixel_shuffle: needs channels divisible by {} squared: {}", factor, x.shape());
  }
  const Shape& s = x.shape();
  const std::int64_t channels = s[1] / (factor * factor);
  const Tensor squares = transpose(reshape(x, {s[0], channels, factor, factor, s[2], s[3]}), {0, 1, 4, 2, 5, 3});
  return reshape(squares, {s[0], channels, times("pixel_shuffle", s[2], factor), times("pixel_shuffle", s[3], factor)});
}
Tensor pixel_unshuffle(const Tensor& x, std::int64_t factor) {
  check_picture("pixel_unshuffle", x);
  if (factor < 1 || x.shape()[2] % factor != 0 || x.shape()[3] % factor != 0) {
    fail("pixel_unshuffle: needs [N, C, H, W] with sides divisible by {}: {}", factor, x.shape());
  }
  const Shape& s = x.shape();
  const std::int64_t height = s[2] / factor, width = s[3] / factor;
  const Tensor squares = transpose(reshape(x, {s[0], s[1], height, factor, width, factor}), {0, 1, 3, 5, 2, 4});
  return reshape(squares, {s[0], s[1] * factor * factor, height, width});
}

}  // namespace sg

// Compositions of movements: parts, repetition, rolling, triangles, padding by other than zeros.
#include "engine/ops/elementwise.h"

namespace sg {

Tensors split(const Tensor& x, const Shape& sizes, std::int64_t axis) {
  axis = normalise_axis("split", axis, x.rank());
  std::int64_t total = 0;
  for (std::int64_t size : sizes) {
    if (size < 0) fail("split: negative size: {}", sizes);
    total += size;
  }
  if (total != x.shape()[axis]) fail("split: {} along axis {} of {}", sizes, axis, x.shape());
  Tensors parts;
  std::int64_t start = 0;
  for (std::int64_t size : sizes) {
    parts.push_back(slice(x, axis, start, start + size));
    start += size;
  }
  return parts;
}
Tensors chunk(const Tensor& x, std::int64_t count, std::int64_t axis) {
  axis = normalise_axis("chunk", axis, x.rank());
  if (count < 1) fail("chunk: needs at least one part, got {}", count);
  const std::int64_t extent = x.shape()[axis], size = std::max<std::int64_t>((extent + count - 1) / count, 1);
  Tensors parts;
  for (std::int64_t start = 0; start < std::max<std::int64_t>(extent, 1); start += size) {
    parts.push_back(slice(x, axis, start, std::min(start + size, extent)));
  }
  return parts;
}

Tensor tile(const Tensor& x, const Shape& repeats) {
  const std::size_t rank = std::max(x.rank(), repeats.size());
  // [a, b] repeated r and s times is [r, a, s, b], joined.
  Shape apart, wide, joined;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t missing_x = rank - x.rank(), missing_repeats = rank - repeats.size();
    const std::int64_t extent = i < missing_x ? 1 : x.shape()[i - missing_x];
    const std::int64_t repeat = i < missing_repeats ? 1 : repeats[i - missing_repeats];
    if (repeat < 0) fail("tile: negative number of repeats: {}", repeats);
    joined.push_back(times("tile", repeat, extent));
    if (repeat != 1) {
      apart.push_back(1);
      wide.push_back(repeat);
    }
    apart.push_back(extent);
    wide.push_back(extent);
  }
  return reshape(broadcast_to(reshape(x, apart), wide), joined);
}

Tensor roll(const Tensor& x, std::int64_t shift, std::int64_t axis) {
  axis = normalise_axis("roll", axis, x.rank());
  const std::int64_t extent = x.shape()[axis];
  if (extent == 0) return x;
  const std::int64_t by = ((shift % extent) + extent) % extent;
  if (by == 0) return x;
  return concat({slice(x, axis, extent - by, extent), slice(x, axis, 0, extent - by)}, axis);
}

/// Column less row, for each element of the last two axes.
static Tensor diagonal_number(std::string_view operation, const Tensor& x) {
  if (x.rank() < 2) fail("{}: needs two axes or more, got {}", operation, x.shape());
  const std::int64_t rows = x.shape(-2), columns = x.shape(-1);
  return reshape(arange(columns), {1, columns}) - reshape(arange(rows), {rows, 1});
}
Tensor tril(const Tensor& x, std::int64_t diagonal) {
  return where(cast(less_equal(diagonal_number("tril", x), diagonal), x.dtype()), x, 0);
}
Tensor triu(const Tensor& x, std::int64_t diagonal) {
  return where(cast(greater_equal(diagonal_number("triu", x), diagonal), x.dtype()), x, 0);
}

static Tensor diagonal_of(std::string_view operation, const Tensor& x, std::int64_t offset) {
  if (x.rank() < 2) fail("{}: needs two axes or more, got {}", operation, x.shape());
  const std::int64_t rows = x.shape(-2), columns = x.shape(-1);
  const std::int64_t row = std::max<std::int64_t>(-offset, 0), column = std::max<std::int64_t>(offset, 0);
  const std::int64_t count = std::max<std::int64_t>(std::min(rows - row, columns - column), 0);
  Shape flat(x.shape().begin(), x.shape().end() - 2);
  flat.push_back(rows * columns);
  if (count == 0) return slice(reshape(x, flat), -1, 0, 0);
  const std::int64_t start = row * columns + column;
  return slice(reshape(x, flat), -1, start, start + (count - 1) * (columns + 1) + 1, columns + 1);
}
Tensor diagonal(const Tensor& x, std::int64_t offset) { return diagonal_of("diagonal", x, offset); }
Tensor trace(const Tensor& x) { return sum(diagonal_of("trace", x, 0), {-1}); }

Tensor one_hot(const Tensor& index, std::int64_t count, Dtype dtype) {
  if (index.dtype() != i64) fail("one_hot: the index must be i64, got {}", name_of(index.dtype()));
  if (count < 0) fail("one_hot: negative number of classes: {}", count);
  return cast(equal(unsqueeze(index, -1), arange(count)), dtype);
}

Tensors meshgrid(const Tensors& axes) {
  Shape shape;
  for (const Tensor& axis : axes) {
    if (axis.rank() != 1) fail("meshgrid: needs one axis each, got {}", axis.shape());
    shape.push_back(axis.shape()[0]);
  }
  Tensors grids;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Shape column(axes.size(), 1);
    column[i] = shape[i];
    grids.push_back(broadcast_to(reshape(axes[i], column), shape));
  }
  return grids;
}

static void check_padding(const Tensor& x, const Shape& before, const Shape& after) {
  if (before.size() != x.rank() || after.size() != x.rank()) {
    fail("pad: {} and {} for a tensor of shape {}: one amount an axis is needed", before, after, x.shape());
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] < 0 || after[i] < 0) fail("pad: negative amount: {} and {}", before, after);
    constexpr std::int64_t most = std::int64_t{1} << 48;
    if (before[i] > most || after[i] > most) fail("pad: too many elements: {} and {}", before, after);
  }
}
Tensor pad(const Tensor& x, const Shape& before, const Shape& after, Number value) {
  check_padding(x, before, after);
  Tensor result = x;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i);
    Shape low = result.shape(), high = result.shape();
    low[i] = before[i];
    high[i] = after[i];
    Tensors parts;
    if (before[i] > 0) parts.push_back(literal(low, value, x.dtype(), "pad"));
    parts.push_back(result);
    if (after[i] > 0) parts.push_back(literal(high, value, x.dtype(), "pad"));
    result = concat(parts, axis);
  }
  return result;
}
Tensor pad(const Tensor& x, const Shape& before, const Shape& after, PadMode mode) {
  check_padding(x, before, after);
  Tensor result = x;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i);
    const std::int64_t extent = x.shape()[i], low = before[i], high = after[i];
    if (low == 0 && high == 0) continue;
    const std::int64_t most = mode == PadMode::reflect    ? std::max<std::int64_t>(0, extent - 1)
                              : mode == PadMode::circular ? extent
                                                          : low + high;
    if (extent == 0 || low > most || high > most) {
      fail("pad: {} and {} along axis {} of {}: at most {} can be taken from it", low, high, i, x.shape(), most);
    }
    const auto part = [&](std::int64_t start, std::int64_t stop) { return slice(result, axis, start, stop); };
    const auto repeated = [&](const Tensor& edge, std::int64_t count) {
      Shape shape = edge.shape();
      shape[i] = count;
      return broadcast_to(edge, shape);
    };
    Tensor first, last;
    switch (mode) {
      case PadMode::reflect:
        first = flip(part(1, 1 + low), {axis});
        last = flip(part(extent - 1 - high, extent - 1), {axis});
        break;
      case PadMode::replicate:
        first = repeated(part(0, 1), low);
        last = repeated(part(extent - 1, extent), high);
        break;
      case PadMode::circular:
        first = part(extent - low, extent);
        last = part(0, high);
        break;
    }
    Tensors parts;
    if (low > 0) parts.push_back(first);
    parts.push_back(result);
    if (high > 0) parts.push_back(last);
    result = concat(parts, axis);
  }
  return result;
}

Tensor stack(const Tensors& parts, std::int64_t axis) {
  if (parts.empty()) fail("stack: no parts");
  axis = normalise_axis("stack", axis, parts[0].rank() + 1);
  Tensors expanded;
  for (const Tensor& part : parts) expanded.push_back(unsqueeze(part, axis));
  return concat(expanded, axis);
}

Tensor flatten(const Tensor& x, std::int64_t first_axis) {
  first_axis = normalise_axis("flatten", first_axis, std::max<std::size_t>(x.rank(), 1));
  Shape shape(x.shape().begin(), x.shape().begin() + std::min<std::int64_t>(first_axis, x.rank()));
  std::int64_t rest = 1;
  for (std::size_t i = first_axis; i < x.rank(); ++i) rest *= x.shape()[i];
  shape.push_back(rest);
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, std::int64_t axis) {
  axis = normalise_axis("unsqueeze", axis, x.rank() + 1);
  Shape shape = x.shape();
  shape.insert(shape.begin() + axis, 1);
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, const Axes& axes) {
  Tensor result = x;
  for (std::int64_t axis : normalise_axes("unsqueeze", axes, x.rank() + axes.size())) result = unsqueeze(result, axis);
  return result;
}
Tensor squeeze(const Tensor& x, const Axes& unsorted) {
  const Axes axes = normalise_axes("squeeze", unsorted, x.rank());
  Tensor result = x;
  for (std::size_t i = axes.size(); i-- > 0;) result = squeeze(result, axes[i]);
  return result;
}

Tensor squeeze(const Tensor& x, std::int64_t axis) {
  axis = normalise_axis("squeeze", axis, x.rank());
  Shape shape = x.shape();
  if (shape[axis] != 1) fail("squeeze: axis {} of {} has extent {}, needs 1", axis, shape, shape[axis]);
  shape.erase(shape.begin() + axis);
  return reshape(x, shape);
}

}  // namespace sg

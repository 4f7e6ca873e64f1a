// Shape: the arithmetic on extents.
#include "engine/shape.h"

#include <fmt/format.h>

#include <span>

namespace sg {

void Shape::refuse_another_axis() { fail("shape: more than {} axes", max_rank); }

std::int64_t element_count(const Shape& shape) {
  // Without a sign: extents beside a 0 may be of any size.
  std::uint64_t count = 1;
  for (std::int64_t extent : shape) count *= static_cast<std::uint64_t>(extent);
  return static_cast<std::int64_t>(count);
}

void check_extents(std::string_view operation, const Shape& shape) {
  constexpr std::int64_t most = std::int64_t{1} << 48;
  std::int64_t count = 1;
  bool fits = true, is_empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) fail("{}: negative extent: {}", operation, shape);
    is_empty = is_empty || extent == 0;
    fits = fits && !__builtin_mul_overflow(count, extent, &count) && count <= most;
  }
  if (!fits && !is_empty) fail("{}: too many elements: {}", operation, shape);
}

std::int64_t times(std::string_view operation, std::int64_t extent, std::int64_t factor) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(extent, factor, &product))
    fail("{}: too many elements: {} times {}", operation, extent, factor);
  return product;
}

namespace {

/// `2, 3`. Not by fmt::join: fmt's formatters of all kinds of numbers would be compiled here.
std::string list_text(std::span<const std::int64_t> numbers) {
  std::string text;
  for (std::int64_t number : numbers) {
    if (!text.empty()) text += ", ";
    text += std::to_string(number);
  }
  return text;
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "[";
  text += list_text(shape);
  text += ']';
  return text;
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  std::uint64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 1;) {
    stride *= static_cast<std::uint64_t>(std::max<std::int64_t>(shape[i], 1));
    strides[i - 1] = static_cast<std::int64_t>(stride);
  }
  return strides;
}

Shape broadcast_shapes(std::string_view operation, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    std::int64_t& extent = result[offset + i];
    if (extent == 1) {
      extent = shorter[i];
    } else if (shorter[i] != 1 && shorter[i] != extent) {
      fail("{}: shapes do not broadcast: {} and {}", operation, a, b);
    }
  }
  return result;
}

std::int64_t normalise_axis(std::string_view operation, std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) fail("{}: no axis {} in a tensor of {} axes", operation, axis, rank);
  return axis < 0 ? axis + signed_rank : axis;
}

Axes normalise_axes(std::string_view operation, const Axes& axes, std::size_t rank) {
  Axes result;
  result.reserve(axes.size());
  for (std::int64_t axis : axes) result.push_back(normalise_axis(operation, axis, rank));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    fail("{}: an axis is named twice: [{}]", operation, list_text(axes));
  }
  return result;
}

}  // namespace sg

fmt::format_context::iterator fmt::formatter<sg::Shape>::format(const sg::Shape& shape,
                                                                fmt::format_context& context) const {
  const std::string text = sg::to_string(shape);
  return std::copy(text.begin(), text.end(), context.out());
}

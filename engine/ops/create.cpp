// Creation: one number everywhere, which takes no memory until somebody needs it there, and leaves.
#include <bit>
#include <cmath>

#include "engine/ops/elementwise.h"

namespace sg {

std::int64_t Number::integer(std::string_view operation) const {
  if (is_integer_) return integer_;
  if (value_ != std::trunc(value_) || std::abs(value_) >= 0x1p63) {
    fail("{}: {} is not an integer, and the tensor is i64: cast it to f32 or f64 first", operation, value_);
  }
  return static_cast<std::int64_t>(value_);
}
Number Number::operator-() const {
  if (is_integer_ && integer_ != std::numeric_limits<std::int64_t>::min()) return -integer_;
  return -value_;
}

namespace {

template <class Source>
Tensor from_values(std::span<const Source> values, const Shape& shape, Dtype dtype) {
  check_extents("tensor", shape);
  const std::int64_t count = element_count(shape);
  if (static_cast<std::int64_t>(values.size()) != count) {
    fail("tensor: {} values for shape {}, which needs {}", values.size(), shape, count);
  }
  auto buffer = std::make_shared<Buffer>(count * size_of(dtype));
  dispatch(dtype, [&](auto zero) {
    auto* target = static_cast<decltype(zero)*>(buffer->data());
    for (std::int64_t i = 0; i < count; ++i) {
      if constexpr (std::is_integral_v<decltype(zero)> && std::is_floating_point_v<Source>) {
        target[i] = Number(values[i]).integer("tensor");
      } else {
        target[i] = static_cast<decltype(zero)>(values[i]);
      }
    }
  });
  return make_leaf(std::move(buffer), shape, dtype);
}

/// The bits of the number, and whether it is a literal: not a variable, so that it may be folded away.
struct FullSettings {
  std::int64_t bits, literal;
};

struct Full final : Configured<FullSettings> {
  Full(double value, bool literal) : Configured({std::bit_cast<std::int64_t>(value), literal}) {}
  std::string_view name() const override { return "full"; }
  Kind kind() const override { return Kind::constant; }
  double immediate() const override { return std::bit_cast<double>(settings().bits); }
  bool is_literal() const { return settings().literal; }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
};

/// The numbers that derivatives are made of come up all the time: one instance each will do.
PrimitivePointer literal_primitive(double value) {
  static const auto zero = make_primitive<Full>(0, true), one = make_primitive<Full>(1, true),
                    two = make_primitive<Full>(2, true), minus_one = make_primitive<Full>(-1, true),
                    half = make_primitive<Full>(0.5, true);
  return value == 0 && !std::signbit(value) ? zero
         : value == 1                       ? one
         : value == 2                       ? two
         : value == -1                      ? minus_one
         : value == 0.5                     ? half
                                            : make_primitive<Full>(value, true);
}

Tensor make_full(std::string_view operation, const Shape& shape, Number number, Dtype dtype, bool literal) {
  double value = number.value();
  if (dtype == i64) {
    const std::int64_t integer = number.integer(operation);
    value = static_cast<double>(integer);
    // A plan's numbers are doubles: what does not fit one is a leaf.
    if (std::abs(value) > 0x1p53) {
      return broadcast_to(tensor(std::span<const std::int64_t>(&integer, 1), {}, i64), shape);
    }
  }
  return make_node(literal ? literal_primitive(value) : make_primitive<Full>(value, false), {}, shape, dtype);
}
}  // namespace
Tensor full(Shape shape, Number value, Dtype dtype) {
  check_extents("full", shape);
  return make_full("full", shape, value, dtype, false);
}

Tensor literal(const Shape& shape, Number value, Dtype dtype, std::string_view operation) {
  return make_full(operation, shape, value, dtype, true);
}
Tensor literal_like(const Tensor& x, Number value, std::string_view operation) {
  return literal(x.shape(), value, x.dtype(), operation);
}
std::optional<double> literal_value(const Tensor& x) {
  const Node* node = x.node();
  if (!node || !node->primitive() || node->primitive()->kind() != Primitive::Kind::constant) return {};
  const auto* made_by = dynamic_cast<const Full*>(node->primitive().get());
  return made_by && made_by->is_literal() ? std::optional(made_by->immediate()) : std::nullopt;
}
Tensor as_variable(const Tensor& x) {
  const auto value = literal_value(x);
  return value ? full(x.shape(), *value, x.dtype()) : x;
}

Tensor tensor(std::span<const double> values, Shape shape, Dtype dtype) { return from_values(values, shape, dtype); }
Tensor tensor(std::span<const float> values, Shape shape, Dtype dtype) { return from_values(values, shape, dtype); }
Tensor tensor(std::span<const std::int64_t> values, Shape shape, Dtype dtype) {
  return from_values(values, shape, dtype);
}
Tensor tensor(std::initializer_list<double> values, Shape shape, Dtype dtype) {
  return from_values(std::span<const double>(values.begin(), values.size()), shape, dtype);
}
Tensor scalar(Number value, Dtype dtype) {
  if (dtype == i64) {
    const std::int64_t integer = value.integer("scalar");
    return from_values(std::span<const std::int64_t>(&integer, 1), {}, dtype);
  }
  const double number = value.value();
  return from_values(std::span<const double>(&number, 1), {}, dtype);
}
Tensor zeros(Shape shape, Dtype dtype) { return full(shape, 0, dtype); }
Tensor ones(Shape shape, Dtype dtype) { return full(shape, 1, dtype); }
Tensor zeros_like(const Tensor& x) { return full(x.shape(), 0, x.dtype()); }
Tensor ones_like(const Tensor& x) { return full(x.shape(), 1, x.dtype()); }
Tensor full_like(const Tensor& x, Number value) { return full(x.shape(), value, x.dtype()); }

Tensor arange(std::int64_t count, Dtype dtype) {
  check_extents("arange", {count});
  std::vector<std::int64_t> values(count);
  for (std::int64_t i = 0; i < count; ++i) values[i] = i;
  return tensor(std::span<const std::int64_t>(values), {count}, dtype);
}

Tensor linspace(double first, double last, std::int64_t count, Dtype dtype) {
  check_extents("linspace", {count});
  std::vector<double> values(count);
  const double spacing = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0;
  // From both ends towards the middle, so that the last value is exact.
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] =
        2 * i < count ? first + spacing * static_cast<double>(i) : last - spacing * static_cast<double>(count - 1 - i);
  }
  return tensor(std::span<const double>(values), {count}, dtype);
}

Tensor eye(std::int64_t n, Dtype dtype) {
  check_extents("eye", {n, n});
  std::vector<double> values(n * n, 0.0);
  for (std::int64_t i = 0; i < n; ++i) values[i * n + i] = 1;
  return tensor(std::span<const double>(values), {n, n}, dtype);
}

}  // namespace sg

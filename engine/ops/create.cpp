// Creation: constants, which take no memory until somebody needs them there, and leaves.
#include <bit>
#include <cmath>

#include "engine/ops/elementwise.h"

namespace sg {
namespace {

void check_shape(std::string_view operation, const Shape& shape) {
  // The product must fit: a huge tensor is refused here and not by an overflow.
  std::int64_t count = 1;
  for (std::int64_t extent : shape) {
    if (extent < 0) fail("{}: negative extent: {}", operation, shape);
    if (__builtin_mul_overflow(count, extent, &count) || count > (std::int64_t{1} << 48)) {
      fail("{}: too many elements: {}", operation, shape);
    }
  }
}

template <class Source>
Tensor from_values(std::span<const Source> values, const Shape& shape, Dtype dtype) {
  check_shape("tensor", shape);
  const std::int64_t count = element_count(shape);
  if (static_cast<std::int64_t>(values.size()) != count) {
    fail("tensor: {} values for shape {}, which needs {}", values.size(), shape, count);
  }
  auto buffer = std::make_shared<Buffer>(count * size_of(dtype));
  dispatch(dtype, [&](auto zero) {
    auto* target = static_cast<decltype(zero)*>(buffer->data());
    for (std::int64_t i = 0; i < count; ++i) target[i] = static_cast<decltype(zero)>(values[i]);
  });
  return make_leaf(std::move(buffer), shape, dtype);
}

struct Full final : Configured<std::int64_t> {
  explicit Full(double value) : Configured(std::bit_cast<std::int64_t>(value)) {}
  std::string_view name() const override { return "full"; }
  Kind kind() const override { return Kind::constant; }
  double immediate() const override { return std::bit_cast<double>(settings()); }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
};
}  // namespace
Tensor full(Shape shape, double value, Dtype dtype) {
  check_shape("full", shape);
  // The numbers that derivatives are made of come up all the time: one instance each will do.
  static const auto zero = make_primitive<Full>(0), one = make_primitive<Full>(1), two = make_primitive<Full>(2),
                    minus_one = make_primitive<Full>(-1), half = make_primitive<Full>(0.5);
  auto primitive = value == 0 && !std::signbit(value) ? zero
                   : value == 1                       ? one
                   : value == 2                       ? two
                   : value == -1                      ? minus_one
                   : value == 0.5                     ? half
                                                      : make_primitive<Full>(value);
  return make_node(std::move(primitive), {}, shape, dtype);
}

std::optional<double> constant_value(const Tensor& x) {
  const Node* node = x.node();
  if (!node || !node->primitive || node->primitive->kind() != Primitive::Kind::constant) return {};
  return node->primitive->immediate();
}

Tensor tensor(std::span<const double> values, Shape shape, Dtype dtype) { return from_values(values, shape, dtype); }
Tensor tensor(std::span<const float> values, Shape shape, Dtype dtype) { return from_values(values, shape, dtype); }
Tensor tensor(std::span<const std::int64_t> values, Shape shape, Dtype dtype) {
  return from_values(values, shape, dtype);
}
Tensor tensor(std::initializer_list<double> values, Shape shape, Dtype dtype) {
  return from_values(std::span<const double>(values.begin(), values.size()), shape, dtype);
}
Tensor scalar(double value, Dtype dtype) { return from_values(std::span<const double>(&value, 1), {}, dtype); }
Tensor zeros(Shape shape, Dtype dtype) { return full(shape, 0, dtype); }
Tensor ones(Shape shape, Dtype dtype) { return full(shape, 1, dtype); }
Tensor zeros_like(const Tensor& x) { return full(x.shape(), 0, x.dtype()); }
Tensor ones_like(const Tensor& x) { return full(x.shape(), 1, x.dtype()); }
Tensor full_like(const Tensor& x, double value) { return full(x.shape(), value, x.dtype()); }

Tensor arange(std::int64_t count, Dtype dtype) {
  check_shape("arange", {count});
  std::vector<std::int64_t> values(count);
  for (std::int64_t i = 0; i < count; ++i) values[i] = i;
  return tensor(std::span<const std::int64_t>(values), {count}, dtype);
}

Tensor linspace(double first, double last, std::int64_t count, Dtype dtype) {
  check_shape("linspace", {count});
  std::vector<double> values(count);
  const double step = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0;
  // From both ends towards the middle, so that the last value is exact.
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] =
        2 * i < count ? first + step * static_cast<double>(i) : last - step * static_cast<double>(count - 1 - i);
  }
  return tensor(std::span<const double>(values), {count}, dtype);
}

Tensor eye(std::int64_t n, Dtype dtype) {
  check_shape("eye", {n, n});
  std::vector<double> values(n * n, 0.0);
  for (std::int64_t i = 0; i < n; ++i) values[i * n + i] = 1;
  return tensor(std::span<const double>(values), {n, n}, dtype);
}

}  // namespace sg

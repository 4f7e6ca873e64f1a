// Running sums, and the order of elements: cumsum, argsort, sort, topk.
#include <algorithm>
#include <numeric>
#include <type_traits>
#include <vector>

#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/indexing.h"

namespace sg {
namespace {

/// The extents before, along and after an axis.
struct Lines {
  std::int64_t outer = 1, length, inner = 1;
  Lines(const Shape& shape, std::int64_t axis) : length(shape[axis]) {
    for (std::int64_t i = 0; i < axis; ++i) outer *= shape[i];
    for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  }
};

struct CumsumSettings {
  std::int64_t axis, backward;
};

struct Cumsum final : Configured<CumsumSettings> {
  using Configured::Configured;
  std::string_view name() const override { return "cumsum"; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto [axis, backward] = settings();
    const Lines lines(*output.shape, axis);
    dispatch(output.dtype, [&, from_the_end = backward](auto zero) {
      using T = decltype(zero);
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;  // f32 is summed in f64
      kernels::parallel_for(lines.outer, [&](std::int64_t o) {
        const T* x = inputs[0].as<const T>() + o * lines.length * lines.inner;
        T* y = output.as<T>() + o * lines.length * lines.inner;
        std::vector<Sum> sums(lines.inner);
        for (std::int64_t k = 0; k < lines.length; ++k) {
          const std::int64_t row = (from_the_end ? lines.length - 1 - k : k) * lines.inner;
          for (std::int64_t i = 0; i < lines.inner; ++i) {
            y[row + i] = static_cast<T>(sums[i] += static_cast<Sum>(x[row + i]));
          }
        }
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    return make_node(make_primitive<Cumsum>(CumsumSettings{settings().axis, !settings().backward}), {cotangent},
                     inputs[0].shape(), cotangent.dtype());
  }
  Linearity linearity() const override { return Linearity::linear; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t) const override {
    return make_node(make_primitive<Cumsum>(CumsumSettings{settings().axis + 1, settings().backward}), inputs,
                     inputs[0].shape(), output.dtype());
  }
};
}  // namespace
Tensor cumsum(const Tensor& x, std::int64_t axis) {
  axis = normalise_axis("cumsum", axis, x.rank());
  return make_node(make_primitive<Cumsum>(CumsumSettings{axis, false}), {x}, x.shape(), x.dtype());
}

namespace {
struct ArgsortSettings {
  std::int64_t axis, descending;
};

struct Argsort final : Configured<ArgsortSettings> {
  using Configured::Configured;
  std::string_view name() const override { return "argsort"; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Lines lines(*inputs[0].shape, settings().axis);
    const bool descending = settings().descending;
    dispatch(inputs[0].dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::parallel_for(lines.outer * lines.inner, [&](std::int64_t line) {
        const std::int64_t first = line / lines.inner * lines.length * lines.inner + line % lines.inner;
        const T* x = inputs[0].as<const T>() + first;
        std::vector<std::int64_t> order(lines.length);
        std::iota(order.begin(), order.end(), 0);
        // NaN counts as the largest.
        const auto before = [&](std::int64_t i, std::int64_t j) {
          const T a = x[i * lines.inner], b = x[j * lines.inner];
          if (a != a || b != b) return descending ? a != a && b == b : a == a && b != b;
          return descending ? a > b : a < b;
        };
        std::stable_sort(order.begin(), order.end(), before);
        std::int64_t* to = output.as<std::int64_t>() + first;
        for (std::int64_t k = 0; k < lines.length; ++k) to[k * lines.inner] = order[k];
      });
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return make_node(make_primitive<Argsort>(ArgsortSettings{settings().axis + 1, settings().descending}), inputs,
                     inputs[0].shape(), i64);
  }
};
}  // namespace
static Tensor argsort_of(std::string_view operation, const Tensor& x, std::int64_t axis, bool descending) {
  axis = normalise_axis(operation, axis, x.rank());
  return make_node(make_primitive<Argsort>(ArgsortSettings{axis, descending}), {x}, x.shape(), i64);
}
Tensor argsort(const Tensor& x, std::int64_t axis, bool descending) {
  return argsort_of("argsort", x, axis, descending);
}
Sorted sort(const Tensor& x, std::int64_t axis, bool descending) {
  const Tensor index = argsort_of("sort", x, axis, descending);
  return {gather_inside(x, index, axis), index};
}
Sorted topk(const Tensor& x, std::int64_t count, std::int64_t axis, bool largest) {
  axis = normalise_axis("topk", axis, x.rank());
  if (count < 0 || count > x.shape()[axis]) fail("topk: {} elements of axis {} of {}", count, axis, x.shape());
  const Tensor index = slice(argsort_of("topk", x, axis, largest), axis, 0, count);
  return {gather_inside(x, index, axis), index};
}

}  // namespace sg

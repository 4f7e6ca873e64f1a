// Running sums, and the order of elements: cumsum, argsort, sort, topk.
#include <algorithm>
#include <array>
#include <bit>
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
    const Lines lines(*output.shape, settings().axis);
    constexpr std::int64_t most_columns = 64;  // of a task: neighbours in memory, which are added side by side
    const std::int64_t blocks = (lines.inner + most_columns - 1) / most_columns;
    const std::int64_t step = settings().backward ? -lines.inner : lines.inner;
    dispatch(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;  // f32 is summed in f64
      kernels::parallel_for(lines.outer * blocks, [&](std::int64_t task) {
        const std::int64_t column = task % blocks * most_columns;
        const std::int64_t columns = std::min(lines.inner - column, most_columns);
        std::int64_t place = task / blocks * lines.length * lines.inner + column;
        if (settings().backward) place += (lines.length - 1) * lines.inner;
        const T* x = inputs[0].as<const T>();
        T* y = output.as<T>();
        if (columns == 1) {
          Sum sum = 0;  // in a register
          for (std::int64_t k = 0; k < lines.length; ++k, place += step) y[place] = static_cast<T>(sum += x[place]);
          return;
        }
        std::array<Sum, most_columns> sums{};
        for (std::int64_t k = 0; k < lines.length; ++k, place += step) {
          for (std::int64_t i = 0; i < columns; ++i) y[place + i] = static_cast<T>(sums[i] += x[place + i]);
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
/// An element of a line in an order: `key`s are compared as unsigned integers.
template <class Key>
struct Entry {
  Key key;
  std::int64_t index;
};

/// Equal values have equal keys, -0 and 0 too; NaN counts as the largest.
template <class T>
auto key_of(T value, bool descending) {
  using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
  Key key = sign ^ std::bit_cast<Key>(value);
  if constexpr (std::is_floating_point_v<T>) {
    const Key bits = std::bit_cast<Key>(value + T(0));  // -0 + 0 is 0
    key = value != value ? ~Key{0} : (bits & sign) != 0 ? ~bits : bits | sign;
  }
  return descending ? static_cast<Key>(~key) : key;
}

/// By one byte of the keys after the other, from the lowest (radix sort; Knuth, The Art of Computer Programming 3,
/// 5.2.5). Stable; `other` has room for as many.
template <class Key>
void sort_entries(std::vector<Entry<Key>>& entries, std::vector<Entry<Key>>& other) {
  for (std::size_t shift = 0; shift < 8 * sizeof(Key); shift += 8) {
    const auto digit = [shift](const Entry<Key>& entry) { return entry.key >> shift & 255; };
    std::array<std::size_t, 256> places{};
    for (const Entry<Key>& entry : entries) ++places[digit(entry)];
    if (places[digit(entries[0])] == entries.size()) continue;  // all alike
    std::exclusive_scan(places.begin(), places.end(), places.begin(), std::size_t{0});
    for (const Entry<Key>& entry : entries) other[places[digit(entry)]++] = entry;
    entries.swap(other);
  }
}

struct ArgsortSettings {
  std::int64_t axis, descending;
  std::int64_t count;  // how many of each line are wanted
};

struct Argsort final : Configured<ArgsortSettings> {
  using Configured::Configured;
  std::string_view name() const override { return "argsort"; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Lines lines(*inputs[0].shape, settings().axis);
    const std::int64_t count = settings().count;
    dispatch(inputs[0].dtype, [&](auto zero) {
      using T = decltype(zero);
      using Key = decltype(key_of(zero, false));
      kernels::parallel_for(lines.outer * lines.inner, [&](std::int64_t line) {
        const std::int64_t outer = line / lines.inner, inner = line % lines.inner;
        const T* x = inputs[0].as<const T>() + outer * lines.length * lines.inner + inner;
        std::vector<Entry<Key>> order(lines.length);
        for (std::int64_t k = 0; k < lines.length; ++k) {
          order[k] = {key_of(x[k * lines.inner], settings().descending != 0), k};
        }
        const auto before = [](const Entry<Key>& a, const Entry<Key>& b) {
          return a.key != b.key ? a.key < b.key : a.index < b.index;
        };
        constexpr std::int64_t short_line = 128;  // up to which counting all 256 digits takes longer
        if (count <= lines.length / 8) {
          std::partial_sort(order.begin(), order.begin() + count, order.end(), before);
        } else if (count < lines.length) {
          std::nth_element(order.begin(), order.begin() + count, order.end(), before);
          std::sort(order.begin(), order.begin() + count, before);
        } else if (count <= short_line) {
          std::sort(order.begin(), order.end(), before);
        } else {
          std::vector<Entry<Key>> other(order.size());
          sort_entries(order, other);
        }
        std::int64_t* to = output.as<std::int64_t>() + outer * count * lines.inner + inner;
        for (std::int64_t k = 0; k < count; ++k) to[k * lines.inner] = order[k].index;
      });
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return first_in_order(inputs[0], {settings().axis + 1, settings().descending, settings().count});
  }
  static Tensor first_in_order(const Tensor& x, const ArgsortSettings& settings) {
    Shape shape = x.shape();
    shape[settings.axis] = settings.count;
    return make_node(make_primitive<Argsort>(settings), {x}, shape, i64);
  }
};
}  // namespace
Tensor argsort(const Tensor& x, std::int64_t axis, bool descending) {
  axis = normalise_axis("argsort", axis, x.rank());
  return Argsort::first_in_order(x, {axis, descending, x.shape()[axis]});
}
Sorted sort(const Tensor& x, std::int64_t axis, bool descending) {
  axis = normalise_axis("sort", axis, x.rank());
  const Tensor index = Argsort::first_in_order(x, {axis, descending, x.shape()[axis]});
  return {gather_inside(x, index, axis), index};
}
Sorted topk(const Tensor& x, std::int64_t count, std::int64_t axis, bool largest) {
  axis = normalise_axis("topk", axis, x.rank());
  if (count < 0 || count > x.shape()[axis]) fail("topk: {} elements of axis {} of {}", count, axis, x.shape());
  const Tensor index = Argsort::first_in_order(x, {axis, largest, count});
  return {gather_inside(x, index, axis), index};
}

}  // namespace sg

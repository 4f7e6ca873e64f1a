// Indexing: gather along an axis and whole lines of it, and the transposed of both.
#include "engine/ops/indexing.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"

namespace sg {
namespace {

/// The axis of an indexed operation between what stands before and after it.
struct Lines {
  std::int64_t outer = 1, inner = 1;
  Lines(const Shape& shape, std::int64_t axis) {
    for (std::int64_t i = 0; i < axis; ++i) outer *= shape[i];
    for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  }
};

std::int64_t checked_index(std::string_view operation, std::int64_t index, std::int64_t extent) {
  if (index < 0 || index >= extent) fail("{}: index {} is outside an axis of extent {}", operation, index, extent);
  return index;
}

void check_index(std::string_view operation, const Tensor& x, const Tensor& index, std::int64_t axis) {
  if (index.dtype() != i64) fail("{}: the index must be i64, got {}", operation, name_of(index.dtype()));
  if (index.rank() != x.rank()) {
    fail("{}: index {} and tensor {} differ in their number of axes", operation, index.shape(), x.shape());
  }
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (static_cast<std::int64_t>(i) != axis && index.shape()[i] > x.shape()[i]) {
      fail("{}: index {} is larger than tensor {} along axis {}", operation, index.shape(), x.shape(), i);
    }
  }
}

/// x cut to the index's extents in all axes but one.
Tensor cut_to(const Tensor& x, const Tensor& index, std::int64_t axis) {
  Tensor result = x;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (static_cast<std::int64_t>(i) != axis) result = slice(result, static_cast<std::int64_t>(i), 0, index.shape()[i]);
  }
  return result;
}

struct AlongAxis {
  std::int64_t axis;
  std::int64_t is_inside;  // every index is known to be
};

Tensor gather_along(const Tensor& x, const Tensor& index, AlongAxis settings);
Tensor scatter_add_along(const Tensor& x, const Tensor& index, const Tensor& source, AlongAxis settings);

AlongAxis behind_batch(const AlongAxis& settings) { return {settings.axis + 1, settings.is_inside}; }

struct Gather final : Configured<AlongAxis> {
  using Configured::Configured;
  std::string_view name() const override { return "gather"; }
  bool may_fail() const override { return !settings().is_inside; }
  Rows rows() const override { return settings().axis == 0 ? Rows::none : Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t from = (*inputs[0].shape)[settings().axis], to = (*output.shape)[settings().axis];
    const Lines lines(*output.shape, settings().axis);
    dispatch(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::parallel_for(lines.outer, [&](std::int64_t o) {
        const T* source = inputs[0].as<const T>() + o * from * lines.inner;
        const std::int64_t* index = inputs[1].as<const std::int64_t>() + o * to * lines.inner;
        T* target = output.as<T>() + o * to * lines.inner;
        for (std::int64_t k = 0; k < to; ++k) {
          for (std::int64_t i = 0; i < lines.inner; ++i) {
            target[k * lines.inner + i] =
                source[checked_index("gather", index[k * lines.inner + i], from) * lines.inner + i];
          }
        }
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    if (argument != 0) return {};
    return scatter_add_along(literal_like(inputs[0], 0), inputs[1], cotangent, settings());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    return gather_along(with_batch(inputs[0], mapped[0], n), with_batch(inputs[1], mapped[1], n),
                        behind_batch(settings()));
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    return tangents[0].defined() ? gather_along(tangents[0], inputs[1], settings()) : Tensor();
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      y.push_back(jvp({inputs[0][0], inputs[1][0]}, output, {series::at(inputs[0], k), {}}));
    }
    return y;
  }
};

Tensor gather_along(const Tensor& x, const Tensor& index, AlongAxis settings) {
  settings.axis = normalise_axis("gather", settings.axis, x.rank());
  check_index("gather", x, index, settings.axis);
  return make_node(make_primitive<Gather>(settings), {cut_to(x, index, settings.axis), index}, index.shape(),
                   x.dtype());
}
}  // namespace
Tensor gather(const Tensor& x, const Tensor& index, std::int64_t axis) { return gather_along(x, index, {axis, 0}); }
Tensor gather_inside(const Tensor& x, const Tensor& index, std::int64_t axis) {
  return gather_along(x, index, {axis, 1});
}

namespace {
struct ScatterAdd final : Configured<AlongAxis> {
  using Configured::Configured;
  std::string_view name() const override { return "scatter_add"; }
  bool may_fail() const override { return !settings().is_inside; }
  Rows rows() const override { return settings().axis == 0 ? Rows::none : Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t to = (*output.shape)[settings().axis], from = (*inputs[1].shape)[settings().axis];
    const Lines lines(*output.shape, settings().axis);
    dispatch(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      // Any number of terms may meet in one element: f32 is summed in f64, in the order of the source.
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
      const std::int64_t count = to * lines.inner;
      kernels::parallel_for(lines.outer, [&](std::int64_t o) {
        const T* begin = inputs[0].as<const T>() + o * count;
        std::vector<Sum> sums(begin, begin + count);
        const std::int64_t* index = inputs[1].as<const std::int64_t>() + o * from * lines.inner;
        const T* source = inputs[2].as<const T>() + o * from * lines.inner;
        for (std::int64_t k = 0; k < from; ++k) {
          for (std::int64_t i = 0; i < lines.inner; ++i) {
            sums[checked_index("scatter_add", index[k * lines.inner + i], to) * lines.inner + i] +=
                source[k * lines.inner + i];
          }
        }
        std::transform(sums.begin(), sums.end(), output.as<T>() + o * count,
                       [](Sum sum) { return static_cast<T>(sum); });
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    if (argument == 0) return cotangent;
    return argument == 2 ? gather_along(cotangent, inputs[1], settings()) : Tensor();
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    return scatter_add_along(with_batch(inputs[0], mapped[0], n), with_batch(inputs[1], mapped[1], n),
                             with_batch(inputs[2], mapped[2], n), behind_batch(settings()));
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    if (!tangents[2].defined()) return tangents[0];
    return scatter_add_along(tangents[0].defined() ? tangents[0] : literal_like(inputs[0], 0), inputs[1], tangents[2],
                             settings());
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      y.push_back(jvp({inputs[0][0], inputs[1][0], inputs[2][0]}, output,
                      {series::at(inputs[0], k), {}, series::at(inputs[2], k)}));
    }
    return y;
  }
};

Tensor scatter_add_along(const Tensor& x, const Tensor& index, const Tensor& source, AlongAxis settings) {
  const std::int64_t axis = settings.axis = normalise_axis("scatter_add", settings.axis, x.rank());
  check_index("scatter_add", x, index, axis);
  if (source.shape() != index.shape()) {
    fail("scatter_add: source {} and index {} differ", source.shape(), index.shape());
  }
  if (source.dtype() != x.dtype()) {
    fail("scatter_add: dtypes differ: {} and {}", name_of(x.dtype()), name_of(source.dtype()));
  }
  Shape after(x.rank(), 0);
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (static_cast<std::int64_t>(i) != axis) after[i] = x.shape()[i] - index.shape()[i];
  }
  // What the index does not reach takes zeros, so that the kernel sees lines of equal length.
  const Shape before(x.rank(), 0);
  const Tensor whole_index = pad(index, before, after), whole_source = pad(source, before, after);
  return make_node(make_primitive<ScatterAdd>(settings), {x, whole_index, whole_source}, x.shape(), x.dtype());
}
}  // namespace
Tensor scatter_add(const Tensor& x, const Tensor& index, const Tensor& source, std::int64_t axis) {
  return scatter_add_along(x, index, source, {axis, 0});
}

namespace {
struct ScatterTarget {
  std::int64_t axis, extent;
};

/// For each element of an axis of the given extent, the position in the index that names it last, or -1.
struct ScatterSource final : Configured<ScatterTarget> {
  using Configured::Configured;
  std::string_view name() const override { return "scatter_source"; }
  bool may_fail() const override { return true; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const auto [axis, extent] = settings();
    const std::int64_t from = (*inputs[0].shape)[axis];
    const Lines lines(*output.shape, axis);
    const std::int64_t count = extent;
    kernels::parallel_for(lines.outer, [&](std::int64_t o) {
      const std::int64_t* index = inputs[0].as<const std::int64_t>() + o * from * lines.inner;
      std::int64_t* source = output.as<std::int64_t>() + o * count * lines.inner;
      std::fill_n(source, count * lines.inner, -1);
      for (std::int64_t k = 0; k < from; ++k) {
        for (std::int64_t i = 0; i < lines.inner; ++i) {
          source[checked_index("scatter", index[k * lines.inner + i], count) * lines.inner + i] = k;
        }
      }
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
};
}  // namespace
Tensor scatter(const Tensor& x, const Tensor& index, const Tensor& source, std::int64_t axis) {
  axis = normalise_axis("scatter", axis, x.rank());
  check_index("scatter", x, index, axis);
  if (source.shape() != index.shape()) fail("scatter: source {} and index {} differ", source.shape(), index.shape());
  if (source.dtype() != x.dtype()) {
    fail("scatter: dtypes differ: {} and {}", name_of(x.dtype()), name_of(source.dtype()));
  }
  if (index.size() == 0) return x;
  Shape lines = index.shape(), after(x.rank(), 0);
  lines[axis] = x.shape()[axis];
  for (std::size_t i = 0; i < x.rank(); ++i) after[i] = x.shape()[i] - lines[i];
  const Shape before(x.rank(), 0);
  const Tensor from =
      pad(make_node(make_primitive<ScatterSource>(ScatterTarget{axis, x.shape()[axis]}), {index}, lines, i64), before,
          after, -1);
  const Tensor written = gather_inside(pad(source, before, after), maximum(from, 0), axis);
  return where(less(from, 0), x, written);
}

namespace {
struct TakeSettings {
  std::int64_t axis;
  std::int64_t extent;  // of what is taken from
};

Tensor take_lines(const Tensor& x, const Tensor& index, std::int64_t axis);
Tensor add_lines(const Tensor& lines, const Tensor& index, const TakeSettings& settings);

/// An index for the given axis of a batch as `gather` wants it: index [n, count] -> the shape of `lines`.
Tensor spread(const Tensor& index, std::int64_t axis, Shape shape) {
  Shape column(shape.size(), 1);
  column[0] = index.shape()[0];
  shape[axis] = column[axis] = index.shape()[1];
  return broadcast_to(reshape(index, column), shape);
}

/// What `take` and its transposed have in common: linear in the first input, with a derivative by that alone.
struct LinesByIndex : Configured<TakeSettings> {
  using Configured::Configured;
  bool may_fail() const final { return true; }
  Rows rows() const final { return settings().axis == 0 ? Rows::none : Rows::first; }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const final {
    return tangents[0].defined() ? apply(tangents[0], inputs[1]) : Tensor();
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const final {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      const Tensor x = series::at(inputs[0], k);
      y.push_back(x.defined() ? apply(x, inputs[1][0]) : x);
    }
    return y;
  }
  virtual Tensor apply(const Tensor& x, const Tensor& index) const = 0;
};

/// x [..., extent, ...] and index [count] -> [..., count, ...].
struct Take final : LinesByIndex {
  using LinesByIndex::LinesByIndex;
  std::string_view name() const override { return "take"; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t axis = settings().axis, extent = settings().extent;
    const Lines lines(*output.shape, axis);
    const std::int64_t count = (*output.shape)[axis];
    const auto* index = inputs[1].as<const std::int64_t>();
    for (std::int64_t k = 0; k < count; ++k) checked_index("take", index[k], extent);
    dispatch(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      const std::int64_t piece = std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(lines.inner, 1));
      const std::int64_t pieces = (count + piece - 1) / piece;
      kernels::parallel_for(lines.outer * pieces, [&](std::int64_t task) {
        const std::int64_t o = task / pieces, first = task % pieces * piece;
        const T* source = inputs[0].as<const T>() + o * extent * lines.inner;
        T* target = output.as<T>() + o * count * lines.inner;
        for (std::int64_t k = first; k < std::min(first + piece, count); ++k) {
          std::copy_n(source + index[k] * lines.inner, lines.inner, target + k * lines.inner);
        }
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return argument == 0 ? add_lines(cotangent, inputs[1], settings()) : Tensor();
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    const Tensor x = with_batch(inputs[0], mapped[0], n);
    const std::int64_t axis = settings().axis + 1;
    return mapped[1] ? gather(x, spread(inputs[1], axis, x.shape()), axis) : take_lines(x, inputs[1], axis);
  }
  Tensor apply(const Tensor& x, const Tensor& index) const override { return take_lines(x, index, settings().axis); }
};

/// The transposed map: lines [..., count, ...] are added up where the index [count] says, in [..., extent, ...].
struct AddLines final : LinesByIndex {
  using LinesByIndex::LinesByIndex;
  std::string_view name() const override { return "add_lines"; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const std::int64_t axis = settings().axis, extent = settings().extent;
    const Lines lines(*output.shape, axis);
    const std::int64_t count = (*inputs[0].shape)[axis];
    const auto* index = inputs[1].as<const std::int64_t>();
    // Which lines go into an element, in their order: `sources` from starts[i] to starts[i + 1].
    std::vector<std::int64_t> starts(extent + 1), sources(count);
    for (std::int64_t k = 0; k < count; ++k) ++starts[checked_index("take", index[k], extent) + 1];
    for (std::int64_t i = 0; i < extent; ++i) starts[i + 1] += starts[i];
    std::vector<std::int64_t> next = starts;
    for (std::int64_t k = 0; k < count; ++k) sources[next[index[k]]++] = k;
    dispatch(output.dtype, [&](auto zero) {
      using T = decltype(zero);
      // Any number of terms may meet in one element: f32 is summed in f64.
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
      constexpr std::int64_t most_columns = 256;
      const std::int64_t piece = std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(lines.inner, 1));
      const std::int64_t pieces = (extent + piece - 1) / piece;
      kernels::parallel_for(lines.outer * pieces, [&](std::int64_t task) {
        const std::int64_t o = task / pieces, first = task % pieces * piece;
        const T* source = inputs[0].as<const T>() + o * count * lines.inner;
        T* target = output.as<T>() + o * extent * lines.inner;
        std::array<Sum, most_columns> sums;
        for (std::int64_t i = first; i < std::min(first + piece, extent); ++i) {
          for (std::int64_t column = 0; column < lines.inner; column += most_columns) {
            const std::int64_t columns = std::min(lines.inner - column, most_columns);
            std::fill_n(sums.begin(), columns, Sum(0));
            for (std::int64_t s = starts[i]; s < starts[i + 1]; ++s) {
              const T* line = source + sources[s] * lines.inner + column;
              for (std::int64_t j = 0; j < columns; ++j) sums[j] += line[j];
            }
            T* to = target + i * lines.inner + column;
            for (std::int64_t j = 0; j < columns; ++j) to[j] = static_cast<T>(sums[j]);
          }
        }
      });
    });
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return argument == 0 ? take_lines(cotangent, inputs[1], settings().axis) : Tensor();
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    const Tensor lines = with_batch(inputs[0], mapped[0], n);
    const TakeSettings behind{settings().axis + 1, settings().extent};
    if (!mapped[1]) return add_lines(lines, inputs[1], behind);
    Shape shape = lines.shape();
    shape[behind.axis] = behind.extent;
    return scatter_add(zeros(shape, lines.dtype()), spread(inputs[1], behind.axis, shape), lines, behind.axis);
  }
  Tensor apply(const Tensor& x, const Tensor& index) const override { return add_lines(x, index, settings()); }
};

Tensor take_lines(const Tensor& x, const Tensor& index, std::int64_t axis) {
  Shape shape = x.shape();
  shape[axis] = index.size();
  return make_node(make_primitive<Take>(TakeSettings{axis, x.shape()[axis]}), {x, index}, shape, x.dtype());
}
Tensor add_lines(const Tensor& lines, const Tensor& index, const TakeSettings& settings) {
  Shape shape = lines.shape();
  shape[settings.axis] = settings.extent;
  return make_node(make_primitive<AddLines>(settings), {lines, index}, shape, lines.dtype());
}
}  // namespace
Tensor take(const Tensor& x, const Tensor& index, std::int64_t axis) {
  axis = normalise_axis("take", axis, x.rank());
  if (index.dtype() != i64) fail("take: the index must be i64, got {}", name_of(index.dtype()));
  const Tensor lines = take_lines(x, reshape(index, {index.size()}), axis);
  if (index.rank() == 1) return lines;
  Shape result(x.shape().begin(), x.shape().begin() + axis);
  for (std::int64_t extent : index.shape()) result.push_back(extent);
  for (std::size_t i = axis + 1; i < x.rank(); ++i) result.push_back(x.shape()[i]);
  return reshape(lines, result);
}

}  // namespace sg

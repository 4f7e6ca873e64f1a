// Reductions: sum, maximum, minimum and the position of the maximum.
#include <cmath>

#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"

namespace sg {

using kernels::TileOp;

namespace {
/// A reduction over axes that stay in the shape with extent 1.
class Reduction : public Primitive {
 public:
  using Primitive::Primitive;
  Kind kind() const final { return Kind::reduction; }
  std::span<const std::int64_t> axes() const final { return attributes(); }
  double flops(std::span<const Shape* const> inputs, const Shape&) const final {
    return static_cast<double>(element_count(*inputs[0]));
  }
};
}  // namespace

/// The axes of a reduction when a batch's axis stands before them.
static Axes behind_batch(std::span<const std::int64_t> axes) {
  Axes result;
  for (const std::int64_t axis : axes) result.push_back(axis + 1);
  return result;
}

Axes all_axes(const Tensor& x) { return Axes::up_to(x.rank()); }

static Shape kept_shape(const Shape& shape, const Axes& axes) {
  Shape kept = shape;
  for (std::int64_t axis : axes) kept[axis] = 1;
  return kept;
}

static Tensor without_axes(const Tensor& x, const Axes& axes) {
  Shape shape;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i))) shape.push_back(x.shape()[i]);
  }
  return reshape(x, shape);
}

/// The node of a reduction, its axes dropped unless `keepdims`.
template <class P>
static Tensor reduce(const Tensor& x, const Axes& unsorted, bool keepdims) {
  const Axes axes = normalise_axes(P::operation, unsorted, x.rank());
  const Shape kept = kept_shape(x.shape(), axes);
  Tensor result = x;
  // Over axes of extent 1 nothing is to be done.
  if (kept != x.shape()) result = make_node(make_primitive<P>(axes), {x}, kept, x.dtype());
  return keepdims ? result : without_axes(result, axes);
}

namespace {
struct Sum final : Reduction {
  static constexpr std::string_view operation = "sum";
  using Reduction::Reduction;
  std::string_view name() const override { return operation; }
  TileOp tile_op() const override { return TileOp::add; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    return broadcast_to(cotangent, inputs[0].shape());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return sum(inputs[0], behind_batch(axes()), true);
  }
  Linearity linearity() const override { return Linearity::linear; }
};
}  // namespace
Tensor sum(const Tensor& x, const Axes& axes, bool keepdims) { return reduce<Sum>(x, axes, keepdims); }
Tensor sum(const Tensor& x) { return sum(x, Axes::up_to(x.rank())); }

namespace {
/// The largest or the smallest: the derivative is shared among the elements that attain it.
class Extremum : public Reduction {
 public:
  using Reduction::Reduction;
  bool guarded() const final { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent, std::size_t) const final {
    return chain(broadcast_to(cotangent, inputs[0].shape()), shares(inputs[0], output));
  }
  Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const final {
    return sum(chain(tangents[0], shares(inputs[0], output)), Axes(axes().begin(), axes().end()), true);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const final {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      const Tensor x = series::at(inputs[0], k);
      y.push_back(x.defined() ? jvp({inputs[0][0]}, output, {x}) : x);
    }
    return y;
  }

 private:
  Tensor shares(const Tensor& x, const Tensor& output) const {
    const Tensor attains = equal(x, broadcast_to(output, x.shape()));
    const Tensor count = sum(attains, Axes(axes().begin(), axes().end()), true);
    return attains / broadcast_to(count, x.shape());
  }
};
}  // namespace

template <class P>
static Tensor extremum(const Tensor& x, const Axes& axes, bool keepdims) {
  for (std::int64_t axis : normalise_axes(P::operation, axes, x.rank())) {
    if (x.shape()[axis] == 0) fail("{}: nothing to choose from along axis {} of {}", P::operation, axis, x.shape());
  }
  return reduce<P>(x, axes, keepdims);
}

namespace {
struct Max final : Extremum {
  static constexpr std::string_view operation = "max";
  using Extremum::Extremum;
  std::string_view name() const override { return operation; }
  TileOp tile_op() const override { return TileOp::maximum; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return max(inputs[0], behind_batch(axes()), true);
  }
};
}  // namespace
Tensor max(const Tensor& x, const Axes& axes, bool keepdims) { return extremum<Max>(x, axes, keepdims); }
Tensor max(const Tensor& x) { return max(x, Axes::up_to(x.rank())); }

namespace {
struct Min final : Extremum {
  static constexpr std::string_view operation = "min";
  using Extremum::Extremum;
  std::string_view name() const override { return operation; }
  TileOp tile_op() const override { return TileOp::minimum; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return min(inputs[0], behind_batch(axes()), true);
  }
};
}  // namespace
Tensor min(const Tensor& x, const Axes& axes, bool keepdims) { return extremum<Min>(x, axes, keepdims); }
Tensor min(const Tensor& x) { return min(x, Axes::up_to(x.rank())); }

namespace {
struct AlongAxis {
  std::int64_t axis;
};

struct Argmax final : Configured<AlongAxis> {
  using Configured::Configured;
  std::string_view name() const override { return "argmax"; }
  Rows rows() const override { return settings().axis == 0 ? Rows::none : Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Shape& shape = *inputs[0].shape;
    std::int64_t outer = 1, inner = 1;
    for (std::int64_t i = 0; i < settings().axis; ++i) outer *= shape[i];
    for (std::size_t i = settings().axis + 1; i < shape.size(); ++i) inner *= shape[i];
    dispatch(inputs[0].dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::parallel_for(outer, [&](std::int64_t o) {
        const T* x = inputs[0].as<const T>() + o * shape[settings().axis] * inner;
        for (std::int64_t i = 0; i < inner; ++i) {
          std::int64_t best = 0;
          for (std::int64_t k = 1; k < shape[settings().axis]; ++k) {
            const T candidate = x[k * inner + i], largest = x[best * inner + i];
            // The first NaN wins: it compares unequal to itself, and nothing after it replaces it.
            if (candidate > largest || (candidate != candidate && largest == largest)) best = k;
          }
          output.as<std::int64_t>()[o * inner + i] = best;
        }
      });
    });
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor&, std::size_t) const override { return {}; }
  Tensor jvp(const Tensors&, const Tensor&, const Tensors&) const override { return {}; }
  Series jet(const std::vector<Series>&, const Tensor& output, int) const override { return {output}; }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return argmax(inputs[0], settings().axis + 1, true);
  }
};
}  // namespace
static Tensor argmax_of(std::string_view operation, const Tensor& x, std::int64_t axis, bool keepdims, bool last) {
  axis = normalise_axis(operation, axis, x.rank());
  const std::int64_t extent = x.shape()[axis];
  if (extent == 0) fail("{}: nothing to choose from along axis {} of {}", operation, axis, x.shape());
  Tensor index = make_node(make_primitive<Argmax>(AlongAxis{axis}), {last ? flip(x, {axis}) : x},
                           kept_shape(x.shape(), {axis}), i64);
  if (last) index = (extent - 1) - index;
  return keepdims ? index : without_axes(index, {axis});
}
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdims, bool last) {
  return argmax_of("argmax", x, axis, keepdims, last);
}
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdims, bool last) {
  // Of integers, -1 - x turns the order without leaving their range.
  return argmax_of("argmin", is_floating(x.dtype()) ? neg(x) : -1 - x, axis, keepdims, last);
}

}  // namespace sg

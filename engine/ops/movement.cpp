// Movement: the same elements in another order or among zeros. Most are views and copy nothing.
#include <algorithm>
#include <limits>
#include <optional>
#include <typeinfo>

#include "engine/kernels/copy.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/padded.h"

namespace sg {

namespace {
/// A linear primitive with a shape rule of its own: views and copies.
class Movement : public Primitive {
 public:
  using Primitive::Primitive;
  Linearity linearity() const final { return Linearity::linear; }
  double flops(std::span<const Shape* const>, const Shape&) const final { return 0; }
};
}  // namespace

Tensor with_batch(const Tensor& x, bool mapped, std::int64_t n) {
  if (mapped) return x;
  Shape shape = x.shape();
  shape.insert(shape.begin(), n);
  return broadcast_to(x, shape);
}

/// The shape behind the batch's axis.
static Shape batch_shape(std::int64_t n, const Shape& shape) {
  Shape result = shape;
  result.insert(result.begin(), n);
  return result;
}

/// The axes behind the batch's axis.
static Axes shifted(const Axes& axes) {
  Axes result;
  for (const std::int64_t axis : axes) result.push_back(axis + 1);
  return result;
}

/// Writes `input` into the part of the zeroed `output` that begins at element `offset` and has the given strides.
static void scatter_into(const Span& output, std::int64_t offset, const Shape& strides, const Span& input) {
  const std::int64_t element_size = size_of(output.dtype);
  kernels::scatter_strided(static_cast<char*>(output.data) + offset * element_size, input.data,
                           {input.shape->data(), input.shape->size()}, {strides.data(), strides.size()},
                           static_cast<int>(element_size));
}

static void fill_with_zeros(const Span& output) {
  const std::int64_t zero = 0;
  kernels::fill(output.data, &zero, element_count(*output.shape), static_cast<int>(size_of(output.dtype)));
}

namespace {
struct Reshape final : Movement {
  std::string_view name() const override { return "reshape"; }
  Kind kind() const override { return Kind::view; }
  bool view(const Shape& input_shape, const Layout& input, const Shape& output_shape, Layout& output) const override {
    if (is_contiguous(input_shape, input)) {
      output = {contiguous_strides(output_shape), input.offset};
      return true;
    }
    return strided_view(input_shape, input, output_shape, output);
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    return reshape(cotangent, inputs[0].shape());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t n) const override {
    return reshape(inputs[0], batch_shape(n, output.shape()));
  }

 private:
  /// Splits and joins axes of a strided input where the strides allow: groups of axes with equal products are matched
  /// from the front, and the axes joined within a group must follow each other in memory.
  static bool strided_view(const Shape& from, const Layout& input, const Shape& to, Layout& output) {
    if (element_count(from) == 0) return false;
    output.strides = Shape(to.size(), 0);
    output.offset = input.offset;
    std::size_t i = 0, o = 0;
    while (i < from.size() || o < to.size()) {
      std::int64_t from_count = i < from.size() ? from[i] : 1, to_count = o < to.size() ? to[o] : 1;
      std::size_t i_end = i < from.size() ? i + 1 : i, o_end = o < to.size() ? o + 1 : o;
      while (from_count != to_count) {
        if (from_count < to_count) {
          from_count *= from[i_end++];
        } else {
          to_count *= to[o_end++];
        }
      }
      std::int64_t stride = 0, run = 1;  // of the innermost axis of the group, and how far it reaches
      bool first = true;
      for (std::size_t k = i_end; k-- > i;) {
        if (from[k] == 1) continue;
        if (first) {
          stride = input.strides[k];
        } else if (input.strides[k] != stride * run) {
          return false;
        }
        first = false;
        run *= from[k];
      }
      std::int64_t step = stride;
      for (std::size_t k = o_end; k-- > o;) {
        output.strides[k] = step;
        step *= to[k];
      }
      i = i_end;
      o = o_end;
    }
    return true;
  }
};
}  // namespace
Tensor reshape(const Tensor& x, Shape shape) {
  std::int64_t known = 1;
  std::int64_t* free = nullptr;
  for (std::int64_t& extent : shape) {
    if (extent == -1) {
      if (free) fail("reshape: more than one extent of -1: {}", shape);
      free = &extent;
    } else if (extent < 0) {
      fail("reshape: negative extent: {}", shape);
    } else {
      known *= extent;
    }
  }
  const Shape asked = shape;
  if (free) *free = known == 0 ? 0 : x.size() / known;
  if (element_count(shape) != x.size()) fail("reshape: {} to {}: {} elements do not fit", x.shape(), asked, x.size());
  if (shape == x.shape()) return x;
  if (const auto value = literal_value(x)) return literal(shape, *value, x.dtype());
  return make_node(instance<Reshape>(), {x}, shape, x.dtype());
}

namespace {
struct Transpose final : Movement {
  using Movement::Movement;
  std::string_view name() const override { return "transpose"; }
  Kind kind() const override { return Kind::view; }
  bool view(const Shape&, const Layout& input, const Shape&, Layout& output) const override {
    output.strides = {};
    for (std::int64_t axis : attributes()) output.strides.push_back(input.strides[axis]);
    output.offset = input.offset;
    return true;
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    Axes inverse = Axes::up_to(attributes().size());
    for (std::size_t i = 0; i < inverse.size(); ++i) inverse[attributes()[i]] = static_cast<std::int64_t>(i);
    return transpose(cotangent, inverse);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    Axes axes = shifted(attributes());
    axes.insert(axes.begin(), 0);
    return transpose(inputs[0], axes);
  }
};
}  // namespace
Tensor transpose(const Tensor& x, const Axes& permutation) {
  if (permutation.size() != x.rank()) {
    fail("transpose: {} axes for a tensor of shape {}", permutation.size(), x.shape());
  }
  Axes axes;
  Shape shape;
  bool identity = true;
  for (std::int64_t axis : permutation) {
    axes.push_back(normalise_axis("transpose", axis, x.rank()));
    identity = identity && axes.back() == static_cast<std::int64_t>(axes.size()) - 1;
    shape.push_back(x.shape()[axes.back()]);
  }
  normalise_axes("transpose", axes, x.rank());  // refuses an axis that is named twice
  if (identity) return x;
  if (const auto value = literal_value(x)) return literal(shape, *value, x.dtype());
  return make_node(make_primitive<Transpose>(std::move(axes)), {x}, shape, x.dtype());
}
Tensor transpose(const Tensor& x) {
  if (x.rank() < 2) fail("transpose: needs two axes or more, got {}", x.shape());
  Axes axes = Axes::up_to(x.rank());
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return transpose(x, axes);
}

namespace {
struct BroadcastTo final : Movement {
  std::string_view name() const override { return "broadcast_to"; }
  Kind kind() const override { return Kind::view; }
  bool view(const Shape& input_shape, const Layout& input, const Shape& output_shape, Layout& output) const override {
    const std::size_t added = output_shape.size() - input_shape.size();
    output.strides = Shape(added, 0);
    for (std::size_t i = 0; i < input_shape.size(); ++i) {
      output.strides.push_back(input_shape[i] == output_shape[added + i] ? input.strides[i] : 0);
    }
    output.offset = input.offset;
    return true;
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    return sum_to(cotangent, inputs[0].shape());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t n) const override {
    // The axes that broadcasting puts in front stand behind the batch's.
    Shape shape = inputs[0].shape();
    while (shape.size() < output.rank() + 1) shape.insert(shape.begin() + 1, 1);
    return broadcast_to(reshape(inputs[0], shape), batch_shape(n, output.shape()));
  }
};
}  // namespace
Tensor broadcast_to(const Tensor& x, Shape shape) {
  if (x.shape() == shape) return x;
  check_extents("broadcast_to", shape);
  if (broadcast_shapes("broadcast_to", x.shape(), shape) != shape) {
    fail("broadcast_to: {} does not broadcast to {}", x.shape(), shape);
  }
  if (const auto value = literal_value(x)) return literal(shape, *value, x.dtype());
  return make_node(instance<BroadcastTo>(), {x}, shape, x.dtype());
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (broadcast_shapes("sum_to", shape, x.shape()) != x.shape()) {
    fail("sum_to: {} does not broadcast to {}", shape, x.shape());
  }
  const std::size_t added = x.rank() - shape.size();
  Axes axes;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (i < added || (shape[i - added] == 1 && x.shape()[i] != 1)) axes.push_back(static_cast<std::int64_t>(i));
  }
  return reshape(sum(x, axes, true), shape);
}

namespace {
struct SliceRange {
  std::int64_t axis, start, step;
};

struct Slice final : Configured<SliceRange, Movement> {
  using Configured::Configured;
  std::string_view name() const override { return "slice"; }
  Kind kind() const override { return Kind::view; }
  bool view(const Shape&, const Layout& input, const Shape&, Layout& output) const override {
    output = input;
    output.offset += settings().start * input.strides[settings().axis];
    output.strides[settings().axis] *= settings().step;
    return true;
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    const Shape& shape = inputs[0].shape();
    const std::int64_t count = cotangent.shape()[settings().axis];
    const std::int64_t covered = count == 0 ? 0 : (count - 1) * settings().step + 1;
    Shape before(shape.size(), 0), after(shape.size(), 0);
    before[settings().axis] = settings().start;
    after[settings().axis] = shape[settings().axis] - settings().start - covered;
    return pad(dilate(cotangent, settings().axis, settings().step, covered), before, after);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t) const override {
    const std::int64_t count = output.shape()[settings().axis];
    return slice(inputs[0], settings().axis + 1, settings().start,
                 count == 0 ? settings().start : settings().start + (count - 1) * settings().step + 1, settings().step);
  }
};
}  // namespace
Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  axis = normalise_axis("slice", axis, x.rank());
  const std::int64_t extent = x.shape()[axis];
  if (step == 0) fail("slice: the step must not be 0");
  if (step < 0) {  // the same elements of the turned axis
    if (step == std::numeric_limits<std::int64_t>::min()) fail("slice: the step {} is too long", step);
    const auto bound = [&](std::int64_t i) {
      return extent - 1 - std::clamp<std::int64_t>(i < 0 ? std::max(i, -extent - 1) + extent : i, -1, extent - 1);
    };
    return slice(flip(x, {axis}), axis, bound(start), bound(stop), -step);
  }
  const auto bound = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? std::max(i, -extent) + extent : i, 0, extent);
  };
  start = bound(start);
  stop = std::max(bound(stop), start);
  if (start == 0 && stop == extent && step == 1) return x;
  Shape shape = x.shape();
  shape[axis] = stop == start ? 0 : (stop - start - 1) / step + 1;
  if (const auto value = literal_value(x)) return literal(shape, *value, x.dtype());
  if (shape[axis] == 0) start = 0;
  return make_node(make_primitive<Slice>(SliceRange{axis, start, step}), {x}, shape, x.dtype());
}

namespace {
struct Flip final : Movement {
  using Movement::Movement;
  std::string_view name() const override { return "flip"; }
  Kind kind() const override { return Kind::view; }
  bool view(const Shape& shape, const Layout& input, const Shape&, Layout& output) const override {
    output = input;
    if (element_count(shape) == 0) return true;
    for (std::int64_t axis : attributes()) {
      output.offset += (shape[axis] - 1) * input.strides[axis];
      output.strides[axis] = -input.strides[axis];
    }
    return true;
  }
  Tensor vjp(const Tensors&, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    return flip(cotangent, attributes());
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return flip(inputs[0], shifted(attributes()));
  }
};
}  // namespace
Tensor flip(const Tensor& x, const Axes& axes) {
  Axes sorted = normalise_axes("flip", axes, x.rank());
  if (sorted.empty()) return x;
  return make_node(make_primitive<Flip>(std::move(sorted)), {x}, x.shape(), x.dtype());
}

namespace {
struct Pad final : Movement {
  using Movement::Movement;
  /// The amount before each axis.
  const Attributes& before() const { return attributes(); }
  std::string_view name() const override { return "pad"; }
  Rows rows() const override { return before().empty() || before()[0] != 0 ? Rows::none : Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    fill_with_zeros(output);
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < before().size(); ++i) offset += before()[i] * (*output.strides)[i];
    scatter_into(output, offset, *output.strides, inputs[0]);
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    Tensor result = cotangent;
    for (std::size_t i = 0; i < before().size(); ++i) {
      result = slice(result, static_cast<std::int64_t>(i), before()[i], before()[i] + inputs[0].shape()[i]);
    }
    return result;
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t) const override {
    Shape shifted_before{0}, after{0};
    for (std::size_t i = 0; i < before().size(); ++i) {
      shifted_before.push_back(before()[i]);
      after.push_back(output.shape()[i] - before()[i] - inputs[0].shape()[i + 1]);
    }
    return pad(inputs[0], shifted_before, after);
  }
};
}  // namespace
Tensor pad(const Tensor& x, const Shape& before, const Shape& after) {
  if (before.size() != x.rank() || after.size() != x.rank()) {
    fail("pad: {} and {} for a tensor of shape {}: one amount an axis is needed", before, after, x.shape());
  }
  Shape shape = x.shape();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (before[i] < 0 || after[i] < 0) fail("pad: negative amount: {} and {}", before, after);
    if (__builtin_add_overflow(shape[i], before[i], &shape[i]) ||
        __builtin_add_overflow(shape[i], after[i], &shape[i])) {
      fail("pad: too many elements: {} and {} beside {}", before, after, x.shape());
    }
  }
  if (shape == x.shape()) return x;
  return make_node(make_primitive<Pad>(Attributes(before.begin(), before.end())), {x}, shape, x.dtype());
}

bool is_padded(const Tensor& x) {
  const Node& node = *x.node();
  if (!node.primitive() || node.inputs().empty()) return false;
  const Primitive& primitive = *node.primitive();
  return typeid(primitive) == typeid(Pad);
}

/// A padded tensor's part along the one axis that it is padded along.
struct PaddedPart {
  std::int64_t axis, begin;
  Tensor part;
};

static std::optional<PaddedPart> part_of(const Tensor& padded) {
  const Tensor& part = padded.node()->inputs()[0];
  std::optional<PaddedPart> found;
  for (std::size_t axis = 0; axis < part.rank(); ++axis) {
    if (part.shape()[axis] == padded.shape()[axis]) continue;
    if (found) return {};
    found = {static_cast<std::int64_t>(axis), padded.node()->primitive()->attributes()[axis], part};
  }
  return found;
}

Tensor sum_of_padded(Tensors terms) {
  std::vector<PaddedPart> parts;
  for (const Tensor& term : terms) {
    std::optional<PaddedPart> part = part_of(term);
    if (part && (parts.empty() || part->axis == parts[0].axis)) parts.push_back(std::move(*part));
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const PaddedPart& a, const PaddedPart& b) { return a.begin < b.begin; });
  std::int64_t end = 0;
  Tensors joined;
  for (const PaddedPart& part : parts) {
    if (part.begin == end) joined.push_back(part.part);
    end = part.begin + part.part.shape()[part.axis];
  }
  if (joined.size() == terms.size() && end == terms[0].shape()[parts[0].axis]) return concat(joined, parts[0].axis);
  Tensor sum = terms[0];
  for (std::size_t i = 1; i < terms.size(); ++i) sum = sum + terms[i];
  return sum;
}

namespace {
struct Dilation {
  std::int64_t axis, step;
};

struct Dilate final : Configured<Dilation, Movement> {
  using Configured::Configured;
  std::string_view name() const override { return "dilate"; }
  Rows rows() const override { return settings().axis == 0 ? Rows::none : Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    fill_with_zeros(output);
    Shape strides = *output.strides;
    strides[settings().axis] *= settings().step;
    scatter_into(output, 0, strides, inputs[0]);
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t) const override {
    const std::int64_t count = inputs[0].shape()[settings().axis];
    return slice(cotangent, settings().axis, 0, count == 0 ? 0 : (count - 1) * settings().step + 1, settings().step);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor& output, std::int64_t) const override {
    return dilate(inputs[0], settings().axis + 1, settings().step, output.shape()[settings().axis]);
  }
};
}  // namespace
Tensor dilate(const Tensor& x, std::int64_t axis, std::int64_t step, std::int64_t extent) {
  axis = normalise_axis("dilate", axis, x.rank());
  const std::int64_t count = x.shape()[axis];
  const std::int64_t needed = count == 0 ? 0 : times("dilate", count - 1, step) + 1;
  if (step < 1 || extent < needed) {
    fail("dilate: {} elements at a step of {} need an extent of {}, got {}", count, step, needed, extent);
  }
  if (extent == count) return x;
  Shape shape = x.shape();
  shape[axis] = extent;
  return make_node(make_primitive<Dilate>(Dilation{axis, step}), {x}, shape, x.dtype());
}

namespace {
struct AlongAxis {
  std::int64_t axis;
};

struct Concat final : Configured<AlongAxis, Movement> {
  using Configured::Configured;
  std::string_view name() const override { return "concat"; }
  Rows rows() const override { return settings().axis == 0 ? Rows::none : Rows::each; }
  void run(std::span<const Span> inputs, const Span& output) const override {
    std::int64_t offset = 0;
    for (const Span& input : inputs) {
      scatter_into(output, offset, *output.strides, input);
      offset += (*input.shape)[settings().axis] * (*output.strides)[settings().axis];
    }
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    std::int64_t start = 0;
    for (std::size_t i = 0; i < argument; ++i) start += inputs[i].shape()[settings().axis];
    return slice(cotangent, settings().axis, start, start + inputs[argument].shape()[settings().axis]);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor&, std::int64_t n) const override {
    Tensors parts;
    for (std::size_t i = 0; i < inputs.size(); ++i) parts.push_back(with_batch(inputs[i], mapped[i], n));
    return concat(parts, settings().axis + 1);
  }
};
}  // namespace
Tensor concat(const Tensors& parts, std::int64_t axis) {
  if (parts.empty()) fail("concat: no parts");
  axis = normalise_axis("concat", axis, parts[0].rank());
  Shape shape = parts[0].shape();
  shape[axis] = 0;
  for (const Tensor& part : parts) {
    Shape expected = part.shape();
    if (part.dtype() != parts[0].dtype()) {
      fail("concat: dtypes differ: {} and {}", name_of(parts[0].dtype()), name_of(part.dtype()));
    }
    if (part.rank() == shape.size()) expected[axis] = shape[axis];
    if (expected != shape) fail("concat: {} does not fit {} along axis {}", part.shape(), parts[0].shape(), axis);
    shape[axis] += part.shape()[axis];
  }
  if (parts.size() == 1) return parts[0];
  return make_node(make_primitive<Concat>(AlongAxis{axis}), parts, shape, parts[0].dtype());
}

}  // namespace sg

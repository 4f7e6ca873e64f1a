// Cuts: how a plan's step can be cut into rows.
#include "engine/stream_cut.h"

#include <algorithm>

namespace sg {
namespace {

constexpr std::int64_t kMostWhole = 512 * 1024;  // of what every block of one step reads again
constexpr std::int64_t kMostRowBytes = 1 << 20;  // of one step's operands, a row: a picture of 64 x 64 and 32 channels

using Kind = PlanStep::Kind;

template <class Add>
void add_kernel_cuts(const PlanStep& step, const Add& add) {
  const Shape& output = step.outputs[0].shape;
  const std::size_t inputs = step.inputs.size();
  switch (step.primitive->rows()) {
    case Primitive::Rows::none: break;
    case Primitive::Rows::each:
      if (!output.empty()) add(std::vector<int>(inputs + 1, 0), output[0]);
      break;
    case Primitive::Rows::first: {
      std::vector<int> axes(inputs + 1, -1);
      axes.front() = axes.back() = 0;
      if (!output.empty()) add(std::move(axes), output[0]);
      break;
    }
    case Primitive::Rows::sum: {
      std::vector<int> axes(inputs + 1, 0);
      axes.back() = -1;
      if (!step.inputs[0].shape.empty()) add(std::move(axes), step.inputs[0].shape[0]);
      break;
    }
    case Primitive::Rows::product:
      if (output.size() > 2) {
        add({0, 0, 0}, output[0]);
      } else {
        add({0, -1, 0}, output[0]);
        add({1, 0, -1}, step.inputs[1].shape[0]);
      }
      break;
  }
}

/// Whether all operands have these rows, outermost in what is made, and one row is not too much for a block.
bool fits(const PlanStep& step, const Cut& cut, std::int64_t rows) {
  std::int64_t row_bytes = 0;
  for (std::size_t i = 0; i < operand_count(step); ++i) {
    const PlanStep::Operand& o = operand_of(step, i);
    const int axis = cut.axes[i];
    const std::int64_t bytes = element_count(o.shape) * size_of(o.dtype);
    if (axis < 0) {
      if (step.kind == Kind::primitive && bytes > kMostWhole) return false;
      continue;
    }
    if (o.shape.size() <= static_cast<std::size_t>(axis) || o.shape[axis] != rows * cut.width) return false;
    row_bytes += bytes / rows;
    if (i < step.inputs.size()) continue;
    for (int d = 0; d < axis; ++d) {
      if (o.shape[d] != 1) return false;
    }
  }
  return row_bytes <= kMostRowBytes;
}

}  // namespace

std::vector<Cut> possible_cuts(const PlanStep& step, std::int64_t rows) {
  std::vector<Cut> cuts;
  const std::size_t inputs = step.inputs.size();
  const auto add = [&](std::vector<int> axes, std::int64_t extent, int dimension = 0) {
    if (extent % rows == 0) cuts.push_back({std::move(axes), extent / rows, dimension});
  };
  if (step.kind == Kind::fused) {
    for (int d = 0; d < static_cast<int>(step.iteration.size()); ++d) {
      std::vector<int> axes(operand_count(step), d);
      const bool reduced = step.program->reduced_axes >> d & 1;
      for (std::size_t o = step.store_count; reduced && o < step.outputs.size(); ++o) axes[inputs + o] = -1;
      add(std::move(axes), step.iteration[d], d);
    }
  } else if (step.kind == Kind::copy) {
    for (int d = 0; d < static_cast<int>(step.inputs[0].shape.size()); ++d) add({d, d}, step.inputs[0].shape[d]);
  } else if (step.kind == Kind::primitive) {
    add_kernel_cuts(step, add);
  }
  std::erase_if(cuts, [&](const Cut& cut) { return !fits(step, cut, rows); });
  return cuts;
}

bool reads_rows(const PlanStep::Operand& o, int axis, std::int64_t width, std::int64_t row_elements) {
  if (axis < 0 || row_elements == 0) return false;
  const Shape& strides = o.place.layout.strides;
  if (width * strides[axis] != row_elements) return false;
  std::int64_t lowest = o.place.layout.offset, highest = lowest;
  for (std::size_t d = 0; d < o.shape.size(); ++d) {
    const std::int64_t extent = static_cast<int>(d) == axis ? width : o.shape[d], reach = (extent - 1) * strides[d];
    (reach < 0 ? lowest : highest) += reach;
  }
  return lowest >= 0 && highest < row_elements;
}

}  // namespace sg

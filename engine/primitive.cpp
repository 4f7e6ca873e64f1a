// Primitive: what holds for every primitive that does not say otherwise.
#include "engine/primitive.h"

#include <algorithm>

#include "engine/autodiff.h"
#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/series.h"

namespace sg {

kernels::TileOp Primitive::tile_op() const {
  assert(!"no instruction of the tile machine");
  return kernels::TileOp::copy;
}

bool Primitive::view(const Shape&, const Layout&, const Shape&, Layout&) const { return false; }

void Primitive::run(std::span<const Span>, const Span&) const { assert(!"no kernel"); }

bool Primitive::accepts_strides(const Shape&, const Shape&) const { return false; }

double Primitive::flops(std::span<const Shape* const>, const Shape& output) const {
  return static_cast<double>(element_count(output));
}

Tensor Primitive::apply(Tensors inputs, const Tensor& like) const {
  return make_node(like.node()->primitive(), std::move(inputs), like.shape(), like.dtype());
}

Tensor Primitive::batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor& output,
                        std::int64_t n) const {
  if (kind() == Kind::elementwise) {
    Shape shape = output.shape();
    shape.insert(shape.begin(), n);
    Tensors wide;
    for (const Tensor& input : inputs) wide.push_back(broadcast_to(input, shape));
    return make_node(output.node()->primitive(), std::move(wide), shape, output.dtype());
  }
  if (n == 0) {
    Shape shape = output.shape();
    shape.insert(shape.begin(), 0);
    return zeros(shape, output.dtype());
  }
  Tensors results;
  for (std::int64_t row = 0; row < n; ++row) {
    Tensors slices;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      slices.push_back(mapped[i] ? squeeze(slice(inputs[i], 0, row, row + 1), 0) : inputs[i]);
    }
    results.push_back(apply(std::move(slices), output));
  }
  return stack(results, 0);
}

Tensor Primitive::jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const {
  if (linearity() == Linearity::linear) {
    Tensors filled = tangents;
    for (std::size_t i = 0; i < filled.size(); ++i) {
      if (!filled[i].defined()) filled[i] = literal_like(inputs[i], 0);
    }
    return apply(std::move(filled), output);
  }
  if (linearity() == Linearity::bilinear) {
    Tensor left, right;
    if (tangents[0].defined()) left = apply({tangents[0], inputs[1]}, output);
    if (tangents[1].defined()) right = apply({inputs[0], tangents[1]}, output);
    return series::plus(left, right);
  }
  // u -> vjp(u) is linear; its own transposed map, applied to the tangents, is the derivative itself.
  const Tensor cotangent = zeros_like(output).detach();
  Tensor pairing;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!tangents[i].defined()) continue;
    const Tensor gradient = vjp(inputs, output, cotangent, i);
    if (gradient.defined()) pairing = series::plus(pairing, sum(chain(tangents[i], gradient)));
  }
  return pairing.defined() ? grad(pairing, cotangent, Unused::zeros) : pairing;
}

Series Primitive::jet(const std::vector<Series>& inputs, const Tensor& output, int order) const {
  Series result{output};
  if (linearity() == Linearity::linear) {
    for (int k = 1; k <= order; ++k) {
      Tensors terms, values;
      bool any = false;
      for (const Series& input : inputs) {
        terms.push_back(series::at(input, k));
        values.push_back(input[0]);
        any = any || terms.back().defined();
      }
      result.push_back(any ? jvp(values, output, terms) : Tensor());
    }
    return result;
  }
  if (linearity() == Linearity::bilinear) {
    for (int k = 1; k <= order; ++k) {
      Tensor sum;
      for (int i = 0; i <= k; ++i) {
        const Tensor left = series::at(inputs[0], i), right = series::at(inputs[1], k - i);
        if (left.defined() && right.defined()) sum = series::plus(sum, apply({left, right}, output));
      }
      result.push_back(sum);
    }
    return result;
  }
  // From y' = (the rule of jvp at x and y, along x'): y's coefficients to k - 1 give those of y' to k - 1, and so y's
  // k.
  Tensors variables, velocities;
  std::vector<Series> known;
  for (const Series& input : inputs) {
    Series velocity;
    for (int k = 1; k <= order; ++k) velocity.push_back(series::scale(series::at(input, k), k));
    const bool moves = std::any_of(velocity.begin(), velocity.end(), [](const Tensor& t) { return t.defined(); });
    if (moves) {
      // A node of its own, which stands for nothing else in the rule's result.
      const Tensor start = velocity[0].defined() ? velocity[0] : zeros_like(input[0]);
      velocity[0] = squeeze(unsqueeze(start, 0), 0);
      variables.push_back(velocity[0]);
      known.push_back(velocity);
    }
    variables.push_back(input[0]);
    known.push_back(input);
    velocities.push_back(moves ? velocity[0] : Tensor());
  }
  if (order == 0) return result;
  Tensors values;
  for (const Series& input : inputs) values.push_back(input[0]);
  const Tensor slope = jvp(values, output, velocities);
  variables.push_back(output);
  for (int k = 1; k <= order && slope.defined(); ++k) {
    known.resize(variables.size() - 1);
    known.push_back(result);
    const Series slopes = series::through(slope, variables, known, k - 1);
    result.push_back(series::scale(series::at(slopes, k - 1), 1.0 / k));
  }
  return result;
}

}  // namespace sg

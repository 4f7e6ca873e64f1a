// The Laplacian in one pass: each node carries its value, d first derivatives, and the sum of its second derivatives.
#include "engine/autodiff.h"
#include "engine/node.h"
#include "engine/ops.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/series.h"
#include "engine/primitive.h"
#include "engine/walk.h"

namespace sg {
namespace {

/// What travels beside a value; undefined tensors stand for zeros.
struct Channels {
  Tensors first;  // by each of the d columns
  Tensor sum;     // of the second derivatives
  bool any() const {
    for (const Tensor& t : first) {
      if (t.defined()) return true;
    }
    return sum.defined();
  }
};

Tensor push(const Node& node, const Tensors& tangents) {
  for (const Tensor& t : tangents) {
    if (t.defined()) return node.primitive()->jvp(node.inputs(), handle(const_cast<Node*>(&node)), tangents);
  }
  return {};
}

Channels through(Node& node, const std::vector<const Channels*>& inputs, std::size_t d) {
  const Tensor output = handle(&node);
  const auto& primitive = *node.primitive();
  const auto first_of = [&](std::size_t i) {
    Tensors tangents;
    for (const Channels* input : inputs) tangents.push_back(input ? input->first[i] : Tensor());
    return tangents;
  };
  Channels result;
  Tensors sums;
  for (const Channels* input : inputs) sums.push_back(input ? input->sum : Tensor());

  if (node.inputs().size() == 1 && primitive.kind() == Primitive::Kind::elementwise &&
      primitive.linearity() == Primitive::Linearity::none) {
    // The collapsed rule: f' times the sum, plus f'' times the sum of squares of the first derivatives.
    const Series f = primitive.jet({{node.inputs()[0], literal_like(node.inputs()[0], 1)}}, output, 2);
    const Tensor slope = series::at(f, 1), curvature = series::at(f, 2);
    Tensor squares;
    for (const Tensor& first : inputs[0]->first) {
      result.first.push_back(first.defined() && slope.defined() ? chain(first, slope) : Tensor());
      if (first.defined()) squares = series::plus(squares, square(first));
    }
    if (sums[0].defined() && slope.defined()) result.sum = chain(sums[0], slope);
    if (squares.defined() && curvature.defined()) result.sum = series::plus(result.sum, chain(squares, curvature) * 2);
    return result;
  }

  result.sum = push(node, sums);
  for (std::size_t i = 0; i < d; ++i) {
    const Tensors tangents = first_of(i);
    result.first.push_back(push(node, tangents));
    if (primitive.linearity() == Primitive::Linearity::linear) continue;
    std::vector<Series> lines;
    bool any = false;
    for (std::size_t k = 0; k < tangents.size(); ++k) {
      lines.push_back({node.inputs()[k], tangents[k]});
      any = any || tangents[k].defined();
    }
    if (!any) continue;
    const Tensor second = series::at(primitive.jet(lines, output, 2), 2);
    if (second.defined()) result.sum = series::plus(result.sum, second * 2);
  }
  return result;
}

}  // namespace

Tensor laplacian(const Tensor& y, const Tensor& x) {
  if (x.rank() != 2 || y.rank() < 1 || y.shape()[0] != x.shape()[0]) {
    fail("laplacian: needs y [N, ...] and x [N, d], got {} and {}", y.shape(), x.shape());
  }
  if (x.dtype() != y.dtype() || !is_floating(x.dtype())) {
    fail("laplacian: needs f32 or f64, got {} and {}", name_of(y.dtype()), name_of(x.dtype()));
  }
  const DerivativeScope scope;
  const std::int64_t n = x.shape()[0];
  const auto d = static_cast<std::size_t>(x.shape()[1]);
  const auto skip = [&](const Node& node) { return node.stops_derivatives() && &node != x.node(); };
  const auto expand = [&](const Node& node) { return &node != x.node(); };
  const Walk walk({y}, skip, expand);
  const std::vector<Node*>& nodes = walk.nodes();
  std::vector<std::vector<std::int64_t>> input_indices(nodes.size());
  if (walk.index_of(x.node()) < 0) {
    fail("laplacian: y does not depend on {}",
         x.name().empty() ? fmt::format("x of shape {}", x.shape()) : fmt::format("\"{}\"", x.name()));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const Tensor& input : nodes[i]->inputs()) input_indices[i].push_back(walk.index_of(input.node()));
  }
  const auto x_index = static_cast<std::size_t>(walk.index_of(x.node()));
  const auto y_index = static_cast<std::size_t>(walk.index_of(y.node()));

  std::vector<Channels> channels(nodes.size());
  Tensor columns = eye(static_cast<std::int64_t>(d), x.dtype());
  for (std::size_t i = 0; i < d; ++i) {
    channels[x_index].first.push_back(broadcast_to(
        slice(columns, 0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1), {n, x.shape()[1]}));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i == x_index || !expand(*nodes[i])) continue;
    std::vector<const Channels*> inputs;
    bool any = false;
    for (std::int64_t from : input_indices[i]) {
      const bool moves = from >= 0 && channels[from].any();
      inputs.push_back(moves ? &channels[from] : nullptr);
      any = any || moves;
    }
    if (!any) continue;
    channels[i] = through(*nodes[i], inputs, d);
  }
  const Tensor result = channels[y_index].sum;
  return scope.result(result.defined() ? as_variable(result) : zeros_like(y));
}

}  // namespace sg

// Random graphs: expressions composed of the public operations at random, that can be rebuilt, checked, reduced and
// printed as C++.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/ops.h"

namespace sg::test {

/// One value of an expression: a leaf with its elements, or an operation on earlier values.
struct GraphNode {
  std::string text;  // of an operation, in C++, with {0}, {1} for its operands
  std::function<Tensor(const Tensors&)> call;
  std::vector<std::size_t> operands;
  Shape shape;
  std::vector<double> elements;  // of a leaf

  bool is_leaf() const { return operands.empty(); }
};

/// Inputs before outputs; the last node is the result.
struct RandomGraph {
  std::vector<GraphNode> nodes;

  std::vector<std::size_t> leaves() const;
  /// Operations that the result depends on.
  std::size_t operations() const;
  /// The result's value for these leaves, in the order of `leaves`.
  Tensor build(const Tensors& leaf_values) const;
  Tensors leaf_values(Dtype dtype) const;
  /// A program that makes the leaves and the result, `y`.
  std::string as_cpp() const;
};

/// A graph of at most `depth` operations on top of each other, made from the seed alone; smooth where it is evaluated,
/// and of moderate values.
RandomGraph random_graph(std::uint64_t seed, int depth);

/// What a check finds wrong; empty when all is well.
using GraphCheck = std::function<std::string(const RandomGraph&)>;

/// The smallest graph found by putting operands or leaves in place of operations as long as the check still fails.
RandomGraph reduce(RandomGraph graph, const GraphCheck& check);

}  // namespace sg::test

// One row a primitive or function of ops.h: how to call it, where it is smooth, and what it should give.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/gradcheck.h"

namespace sg::test {

using Values = std::vector<double>;

struct PrimitiveCase {
  std::string name;
  Function function;              // of floating inputs
  std::vector<Shape> shapes;      // of those inputs
  double low = -1.5, high = 1.5;  // a domain on which the function is smooth
  /// Elementwise: the value at one element's inputs. Others: left empty, and `plain` says it.
  std::function<double(const Values&)> formula = {};
  /// The whole value, from the inputs' values in row-major order.
  std::function<Values(const std::vector<Values>&)> plain = {};
  /// Calls that must be refused, in the name of `speaker`: the row's own when it is empty.
  std::vector<std::function<Tensor()>> refused = {};
  std::string speaker = {};
  /// Other shapes, empty and of one element, and that of the result. Elementwise rows are tried with such by
  /// themselves.
  struct Edge {
    std::vector<Shape> shapes;
    Shape result;
  };
  std::vector<Edge> edges = {};
};

/// Every primitive's row; several rows may share a name.
const std::vector<PrimitiveCase>& primitive_cases();
/// The other functions of ops.h.
const std::vector<PrimitiveCase>& operation_cases();

}  // namespace sg::test

// One row a primitive: how to call it, where it is smooth, and what it should give.
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
  /// Calls that must be refused.
  std::vector<std::function<Tensor()>> refused = {};
};

/// Every primitive's row; several rows may share a name.
const std::vector<PrimitiveCase>& primitive_cases();

}  // namespace sg::test

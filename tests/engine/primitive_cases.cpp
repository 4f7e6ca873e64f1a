// All rows, from the files of their families, and what rows are written with.
#include "tests/engine/primitive_cases.h"

#include <algorithm>

#include "tests/engine/case_rows.h"

namespace sg::test {

PrimitiveCase plain(std::string name, Function function, std::vector<Shape> shapes,
                    std::function<Values(const std::vector<Values>&)> value, std::vector<Call> refused,
                    std::vector<PrimitiveCase::Edge> edges) {
  PrimitiveCase row{std::move(name),  std::move(function), std::move(shapes), -1.5, 1.5, {},
                    std::move(value), std::move(refused)};
  row.edges = std::move(edges);
  return row;
}

double total(const Values& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum;
}

double spread(const Values& x) {
  const double mean = total(x) / static_cast<double>(x.size());
  double sum = 0;
  for (double v : x) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(x.size());
}

Values pick(const Values& x, std::initializer_list<int> places) {
  Values result;
  for (int place : places) result.push_back(place < 0 ? 0.0 : x[place]);
  return result;
}

const std::vector<PrimitiveCase>& primitive_cases() {
  static const std::vector<PrimitiveCase> rows = [] {
    std::vector<PrimitiveCase> all;
    add_elementwise_primitives(all);
    add_movement_primitives(all);
    add_kernel_primitives(all);
    add_signal_primitives(all);
    return all;
  }();
  return rows;
}

const std::vector<PrimitiveCase>& operation_cases() {
  static const std::vector<PrimitiveCase> rows = [] {
    std::vector<PrimitiveCase> all;
    add_creation(all);
    add_elementwise(all);
    add_activations(all);
    add_reductions(all);
    add_movement(all);
    add_indexing(all);
    add_products_and_pictures(all);
    add_spatial(all);
    return all;
  }();
  return rows;
}

}  // namespace sg::test

// Helpers of the rows of primitive_cases*.cpp and operation_cases*.cpp.
#pragma once

#include "tests/engine/primitive_cases.h"

namespace sg::test {

using Call = std::function<Tensor()>;

/// What a refused call is made with.
inline Tensor some(const Shape& shape, Dtype dtype = f64) { return ones(shape, dtype); }
inline Tensor index(std::initializer_list<double> values, const Shape& shape) { return tensor(values, shape, i64); }

/// A row whose whole value is spelled out, by index arithmetic.
PrimitiveCase plain(std::string name, Function function, std::vector<Shape> shapes,
                    std::function<Values(const std::vector<Values>&)> value, std::vector<Call> refused = {},
                    std::vector<PrimitiveCase::Edge> edges = {});

double total(const Values& x);
/// The variance of what is given.
double spread(const Values& x);
/// The elements of x at these indices; 0 where one is negative.
Values pick(const Values& x, std::initializer_list<int> indices);

// The rows of operation_cases(), a family a file.
void add_creation(std::vector<PrimitiveCase>& rows);
void add_elementwise(std::vector<PrimitiveCase>& rows);
void add_activations(std::vector<PrimitiveCase>& rows);
void add_reductions(std::vector<PrimitiveCase>& rows);
void add_movement(std::vector<PrimitiveCase>& rows);
void add_indexing(std::vector<PrimitiveCase>& rows);
void add_products_and_pictures(std::vector<PrimitiveCase>& rows);
void add_spatial(std::vector<PrimitiveCase>& rows);

// The rows of primitive_cases(), a family of engine/ops a file.
void add_elementwise_primitives(std::vector<PrimitiveCase>& rows);
void add_movement_primitives(std::vector<PrimitiveCase>& rows);
void add_kernel_primitives(std::vector<PrimitiveCase>& rows);
void add_signal_primitives(std::vector<PrimitiveCase>& rows);

}  // namespace sg::test

// The batched matrix product.
#include "engine/kernels/gemm.h"
#include "engine/kernels/parallel.h"
#include "engine/ops/elementwise.h"

namespace sg {
namespace {

/// How a matrix lies in memory: row by row, or column by column (a transposed view).
struct MatrixLayout {
  bool transposed;
  std::int64_t leading;  // distance of rows, or of columns
};

std::optional<MatrixLayout> matrix_layout(const Shape& shape, const Shape& strides) {
  const std::size_t r = shape.size() - 2;
  const std::int64_t rows = shape[r], columns = shape[r + 1], row_stride = strides[r], column_stride = strides[r + 1];
  if ((column_stride == 1 || columns == 1) && (row_stride >= columns || rows == 1)) {
    return MatrixLayout{false, std::max({row_stride, columns, std::int64_t{1}})};
  }
  if ((row_stride == 1 || rows == 1) && (column_stride >= rows || columns == 1)) {
    return MatrixLayout{true, std::max({column_stride, rows, std::int64_t{1}})};
  }
  return {};
}

/// The one stride of all leading axes together, when there is one.
std::optional<std::int64_t> batch_stride(const Shape& shape, const Shape& strides) {
  std::int64_t stride = 0, run = 1;
  for (std::size_t i = shape.size() - 2; i-- > 0;) {
    if (shape[i] == 1) continue;
    if (run == 1) {
      stride = strides[i];
    } else if (strides[i] != stride * run) {
      return {};
    }
    run *= shape[i];
  }
  return stride < 0 ? std::nullopt : std::optional(stride);
}

/// Integers have no fused multiply-adds to make the most of: row by row, modulo 2^64.
void integer_matmul(const kernels::MatmulShape& s, const std::int64_t* a, const std::int64_t* b, std::int64_t* c) {
  kernels::parallel_for(s.batch * s.m, [&](std::int64_t task) {
    const std::int64_t batch = task / s.m, i = task % s.m;
    const std::int64_t* left = a + batch * s.batch_stride_a + i * (s.transpose_a ? 1 : s.lda);
    const std::int64_t* right = b + batch * s.batch_stride_b;
    std::int64_t* row = c + batch * s.batch_stride_c + i * s.ldc;
    const std::int64_t along_k = s.transpose_b ? 1 : s.ldb, along_n = s.transpose_b ? s.ldb : 1;
    std::fill_n(row, s.n, 0);
    for (std::int64_t k = 0; k < s.k; ++k) {
      const auto factor = static_cast<std::uint64_t>(left[k * (s.transpose_a ? s.lda : 1)]);
      for (std::int64_t j = 0; j < s.n; ++j) {
        const auto product = factor * static_cast<std::uint64_t>(right[k * along_k + j * along_n]);
        row[j] = static_cast<std::int64_t>(static_cast<std::uint64_t>(row[j]) + product);
      }
    }
  });
}

struct Matmul final : Primitive {
  std::string_view name() const override { return "matmul"; }
  Rows rows() const override { return Rows::product; }
  bool accepts_strides(const Shape& shape, const Shape& strides) const override {
    return matrix_layout(shape, strides) && batch_stride(shape, strides);
  }
  void run(std::span<const Span> inputs, const Span& output) const override {
    const Shape &a = *inputs[0].shape, &b = *inputs[1].shape;
    const std::size_t r = a.size() - 2;
    const MatrixLayout layout_a = *matrix_layout(a, *inputs[0].strides),
                       layout_b = *matrix_layout(b, *inputs[1].strides);
    kernels::MatmulShape shape{};
    shape.batch = 1;
    for (std::size_t i = 0; i < r; ++i) shape.batch *= a[i];
    shape.m = a[r];
    shape.k = a[r + 1];
    shape.n = b[r + 1];
    shape.transpose_a = layout_a.transposed;
    shape.transpose_b = layout_b.transposed;
    shape.lda = layout_a.leading;
    shape.ldb = layout_b.leading;
    shape.ldc = std::max<std::int64_t>(shape.n, 1);
    shape.batch_stride_a = *batch_stride(a, *inputs[0].strides);
    shape.batch_stride_b = *batch_stride(b, *inputs[1].strides);
    shape.batch_stride_c = shape.m * shape.n;
    if (output.dtype == i64) {
      integer_matmul(shape, inputs[0].as<const std::int64_t>(), inputs[1].as<const std::int64_t>(),
                     output.as<std::int64_t>());
    } else if (output.dtype == f32) {
      kernels::matmul(shape, inputs[0].as<const float>(), inputs[1].as<const float>(), output.as<float>());
    } else {
      kernels::matmul(shape, inputs[0].as<const double>(), inputs[1].as<const double>(), output.as<double>());
    }
  }
  double flops(std::span<const Shape* const> inputs, const Shape& output) const override {
    return 2.0 * static_cast<double>(element_count(output)) * static_cast<double>(inputs[0]->back());
  }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    return argument == 0 ? matmul(cotangent, transpose(inputs[1])) : matmul(transpose(inputs[0]), cotangent);
  }
  Tensor batch(const Tensors& inputs, const std::vector<bool>&, const Tensor&, std::int64_t) const override {
    return matmul(inputs[0], inputs[1]);  // the batch is one more leading axis, to which the other operand broadcasts
  }
  Linearity linearity() const override { return Linearity::bilinear; }
};
}  // namespace
Tensor matmul(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) {
    fail("matmul: dtypes differ: {} and {}", name_of(a.dtype()), name_of(b.dtype()));
  }
  if (a.rank() == 0 || b.rank() == 0) fail("matmul: needs at least one axis: {} x {}", a.shape(), b.shape());
  if (a.rank() == 1) return squeeze(matmul(unsqueeze(a, 0), b), b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  const std::int64_t inner_a = a.shape(-1), inner_b = b.shape(-2);
  if (inner_a != inner_b) {
    fail("matmul: inner dimensions differ: {} x {} ({} vs {})", a.shape(), b.shape(), inner_a, inner_b);
  }
  if (b.rank() == 2 && a.rank() > 2) {
    // One tall product instead of many; its gradient by b needs no sum over a batch.
    Shape shape = a.shape();
    shape.back() = b.shape(1);
    return reshape(matmul(reshape(a, {-1, inner_a}), b), shape);
  }
  const Shape batch = broadcast_shapes("matmul", Shape(a.shape().begin(), a.shape().end() - 2),
                                       Shape(b.shape().begin(), b.shape().end() - 2));
  Shape shape_a = batch, shape_b = batch, shape = batch;
  shape_a.push_back(a.shape(-2));
  shape_a.push_back(inner_a);
  shape_b.push_back(inner_b);
  shape_b.push_back(b.shape(-1));
  shape.push_back(a.shape(-2));
  shape.push_back(b.shape(-1));
  return make_node(instance<Matmul>(), {broadcast_to(a, shape_a), broadcast_to(b, shape_b)}, shape, a.dtype());
}

}  // namespace sg

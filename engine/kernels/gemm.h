// Matrix products: narrow ones by loops of our own, others tile by tile through OpenBLAS.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// C[b] = A[b] B[b] for each b of the batch: A is m x k, B is k x n, C is m x n, row-major; a transposed operand is
/// stored column by column. `ld*` is the distance between stored rows. A batch stride of 0 uses one matrix for the
/// whole batch.
struct MatmulShape {
  std::int64_t batch, m, n, k;
  bool transpose_a, transpose_b;
  std::int64_t lda, ldb, ldc;
  std::int64_t batch_stride_a, batch_stride_b, batch_stride_c;
};

/// T is float or double. C's rows must not overlap. Equal bits for any number of threads.
template <class T>
void matmul(const MatmulShape& shape, const T* a, const T* b, T* c);

}  // namespace sg::kernels

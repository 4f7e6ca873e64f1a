// Matrix products: narrow ones by loops of our own, others tile by tile through OpenBLAS.
#include "engine/kernels/gemm.h"

#include <algorithm>
#include <cstring>

#include "engine/kernels/blas_core.h"
#include "engine/kernels/gemm_narrow.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {
namespace {

constexpr std::int64_t kTile = 256;        // rows and columns of C in one task
constexpr std::int64_t kDepth = 256;       // of the inner dimension in one task, where C is small
constexpr std::int64_t kMostPieces = 16;   // of the inner dimension
constexpr double kSmall = 64.0 * 64 * 64;  // multiply-adds that are not worth a second thread

/// y += op(A) x, A stored rows x columns.
template <class T>
void gemv(bool transpose, std::int64_t rows, std::int64_t columns, const T* a, std::int64_t lda, const T* x,
          std::int64_t step_x, T* y, std::int64_t step_y) {
  const auto trans = transpose ? CblasTrans : CblasNoTrans;
  if constexpr (sizeof(T) == 4) {
    blas().sgemv(CblasRowMajor, trans, rows, columns, 1, a, lda, x, step_x, 1, y, step_y);
  } else {
    blas().dgemv(CblasRowMajor, trans, rows, columns, 1, a, lda, x, step_x, 1, y, step_y);
  }
}

template <class T>
void gemm(const MatmulShape& s, std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b, T* c,
          std::int64_t ldc) {
  // With a vector on one side OpenBLAS's general product is several times slower than its product of a matrix and a
  // vector. That one adds to zeros: not every version overwrites a NaN when it is told to scale the result by 0.
  if (n == 1) {
    for (std::int64_t row = 0; row < m; ++row) c[row * ldc] = T{};
    gemv(s.transpose_a, s.transpose_a ? k : m, s.transpose_a ? m : k, a, s.lda, b, s.transpose_b ? 1 : s.ldb, c, ldc);
    return;
  }
  if (m == 1) {
    std::fill_n(c, n, T{});
    gemv(!s.transpose_b, s.transpose_b ? n : k, s.transpose_b ? k : n, b, s.ldb, a, s.transpose_a ? s.lda : 1, c,
         std::int64_t{1});
    return;
  }
  MatmulShape part = s;
  part.m = m;
  part.n = n;
  part.k = k;
  part.ldc = ldc;
  if (is_small_sum(part, sizeof(T))) return matmul_small_sum(part, a, b, c);
  const auto trans_a = s.transpose_a ? CblasTrans : CblasNoTrans, trans_b = s.transpose_b ? CblasTrans : CblasNoTrans;
  if constexpr (sizeof(T) == 4) {
    blas().sgemm(CblasRowMajor, trans_a, trans_b, m, n, k, 1, a, s.lda, b, s.ldb, 0, c, ldc);
  } else {
    blas().dgemm(CblasRowMajor, trans_a, trans_b, m, n, k, 1, a, s.lda, b, s.ldb, 0, c, ldc);
  }
}

}  // namespace

template <class T>
void matmul(const MatmulShape& s, const T* a, const T* b, T* c) {
  if (s.batch == 0 || s.m == 0 || s.n == 0) return;
  if (s.k == 0) {
    for (std::int64_t i = 0; i < s.batch; ++i) {
      for (std::int64_t row = 0; row < s.m; ++row) std::fill_n(c + i * s.batch_stride_c + row * s.ldc, s.n, T{});
    }
    return;
  }
  if (is_narrow(s, sizeof(T))) return matmul_narrow(s, a, b, c);
  // Pieces depend on the shape alone, and the partial sums over k are added in their order: equal bits for any number
  // of threads.
  const std::int64_t tile_m = s.m > kTile ? std::max(kTile, (s.m + 15) / 16) : s.m,
                     tile_n = s.n > 2 * kTile ? kTile : s.n;
  const std::int64_t rows = (s.m + tile_m - 1) / tile_m, columns = (s.n + tile_n - 1) / tile_n;
  const double work =
      static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k) * static_cast<double>(s.batch);
  std::int64_t depths = 1;
  if (rows * columns * s.batch == 1 && work >= 2 * kSmall) {
    depths = std::min({s.k / kDepth, kMostPieces, static_cast<std::int64_t>(work / kSmall)});
    depths = depths < 2 ? 1 : (depths + 1) / 2 * 2;  // even, as threads mostly are
  }
  const std::int64_t tile_k = (s.k + depths - 1) / depths;
  const auto stored_a = [&](const T* base, std::int64_t row, std::int64_t inner) {
    return base + (s.transpose_a ? inner * s.lda + row : row * s.lda + inner);
  };
  const auto stored_b = [&](const T* base, std::int64_t inner, std::int64_t column) {
    return base + (s.transpose_b ? column * s.ldb + inner : inner * s.ldb + column);
  };
  if (depths > 1) {
    const Scratch scratch(depths * s.m * s.n * sizeof(T));
    T* partial = scratch.as<T>();
    parallel_for(depths, [&](std::int64_t d) {
      const std::int64_t first = d * tile_k, depth = std::min(tile_k, s.k - first);
      if (depth > 0) {
        gemm(s, s.m, s.n, depth, stored_a(a, 0, first), stored_b(b, first, 0), partial + d * s.m * s.n, s.n);
      } else {
        std::fill_n(partial + d * s.m * s.n, s.m * s.n, T{});
      }
    });
    for (std::int64_t row = 0; row < s.m; ++row) {
      T* const to = c + row * s.ldc;
      std::copy_n(partial + row * s.n, s.n, to);
      for (std::int64_t d = 1; d < depths; ++d) {
        const T* const from = partial + (d * s.m + row) * s.n;
        for (std::int64_t column = 0; column < s.n; ++column) to[column] += from[column];
      }
    }
    return;
  }
  const auto task = [&](std::int64_t i) {
    const std::int64_t batch = i / (rows * columns), row = i / columns % rows * tile_m, column = i % columns * tile_n;
    gemm(s, std::min(tile_m, s.m - row), std::min(tile_n, s.n - column), s.k,
         stored_a(a + batch * s.batch_stride_a, row, 0), stored_b(b + batch * s.batch_stride_b, 0, column),
         c + batch * s.batch_stride_c + row * s.ldc + column, s.ldc);
  };
  const std::int64_t tasks = s.batch * rows * columns;
  // Tasks of a few microseconds at least: waking a thread costs about one.
  const std::int64_t chunk =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(tasks) * kSmall / std::max(work, 1.0)));
  parallel_for((tasks + chunk - 1) / chunk, [&](std::int64_t piece) {
    for (std::int64_t i = piece * chunk; i < std::min(tasks, (piece + 1) * chunk); ++i) task(i);
  });
}

template void matmul<float>(const MatmulShape&, const float*, const float*, float*);
template void matmul<double>(const MatmulShape&, const double*, const double*, double*);

}  // namespace sg::kernels

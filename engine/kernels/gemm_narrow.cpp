// Products whose right side has few columns.
#include "engine/kernels/gemm_narrow.h"

#include <algorithm>
#include <optional>

#include "engine/kernels/cpu.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"

namespace sg::kernels {

template <>
const GemmKernels<float>& gemm_kernels<float>() {
  return SG_OF_ISA(gemm_kernels_f32);
}
template <>
const GemmKernels<double>& gemm_kernels<double>() {
  return SG_OF_ISA(gemm_kernels_f64);
}

namespace {

constexpr std::int64_t kMostColumns = 256;
constexpr std::int64_t kMostDepth = 512;
// Rows that are worth no library call at any depth. OpenBLAS's products of a few rows sum thousands of terms one after
// the other: with 4 rows and 3136 terms the error was 2.5 times that of sums in pieces of kDepth.
constexpr std::int64_t kFewRows = 32;
constexpr std::int64_t kMostPacked = 1 << 24;  // bytes of right sides that are packed
constexpr std::int64_t kRowsForPacking = 128;  // that make packing worth its time
constexpr std::int64_t kDepth = 256;  // of the inner dimension at once, so that a panel stays in the first-level cache
constexpr std::int64_t kTaskWork = 256 * 1024;  // multiply-adds that are worth a task
constexpr std::int64_t kStoreWork = 8;          // multiply-adds in the time of storing an element
constexpr std::int64_t kWholeTiles = 24;        // rows: a multiple of every register tile's

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A transposed B in panels; what lies behind its last column is not read.
template <class T>
void pack(const MatmulShape& s, std::int64_t width, const T* b, T* packed) {
  for (std::int64_t first = 0; first < s.n; first += width, packed += s.k * width) {
    const std::int64_t columns = std::min(width, s.n - first);
    for (std::int64_t j = 0; j < columns; ++j) {
      const T* const row = b + (first + j) * s.ldb;
      for (std::int64_t k = 0; k < s.k; ++k) packed[k * width + j] = row[k];
    }
  }
}

/// Fewer columns would leave most lanes of the only vector idle.
template <class T>
bool enough_columns(std::int64_t columns) {
  return columns * 4 >= gemm_kernels<T>().lanes;
}
bool enough_columns(std::int64_t columns, std::size_t element_size) {
  return element_size == 4 ? enough_columns<float>(columns) : enough_columns<double>(columns);
}

/// Rows [row, row + rows) of one product.
template <class T>
void block(const MatmulShape& s, const GemmKernels<T>& kernels, bool packed, std::int64_t row, std::int64_t rows,
           const T* a, const T* b, T* c) {
  const std::int64_t a_row = s.transpose_a ? 1 : s.lda, a_step = s.transpose_a ? s.lda : 1;
  const std::int64_t b_panel = packed ? s.k * kernels.width : kernels.width, b_step = packed ? kernels.width : s.ldb;
  for (std::int64_t k = 0; k < s.k; k += kDepth) {
    kernels.product({rows, s.n, std::min(kDepth, s.k - k), a + row * a_row + k * a_step, a_row, a_step, b + k * b_step,
                     b_panel, b_step, c + row * s.ldc, s.ldc, k > 0});
  }
}

}  // namespace

bool is_narrow(const MatmulShape& s, std::size_t element_size) {
  if (s.transpose_a || s.n > kMostColumns || s.m < 4 || !enough_columns(s.n, element_size)) return false;
  if (s.k > kMostDepth && s.m > kFewRows) return false;
  if (!s.transpose_b) return true;
  const std::int64_t width = element_size == 4 ? gemm_kernels<float>().width : gemm_kernels<double>().width;
  const std::int64_t matrices = s.batch_stride_b == 0 ? 1 : s.batch;
  return s.m * s.batch >= kRowsForPacking * matrices &&
         matrices * s.k * divide_up(s.n, width) * width * static_cast<std::int64_t>(element_size) <= kMostPacked;
}

template <class T>
void matmul_narrow(const MatmulShape& s, const T* a, const T* b, T* c) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const bool packed = s.transpose_b;
  std::int64_t batch_stride_b = s.batch_stride_b;
  std::optional<Scratch> scratch;
  if (packed) {
    const std::int64_t matrices = s.batch_stride_b == 0 ? 1 : s.batch,
                       size = s.k * divide_up(s.n, kernels.width) * kernels.width;
    scratch.emplace(matrices * size * sizeof(T));
    T* const packed_b = scratch->as<T>();
    parallel_for(matrices,
                 [&](std::int64_t i) { pack(s, kernels.width, b + i * s.batch_stride_b, packed_b + i * size); });
    b = packed_b;
    batch_stride_b = s.batch_stride_b == 0 ? 0 : size;
  }
  const std::int64_t row_work = s.n * (s.k + kStoreWork);
  const std::int64_t rows = std::min(s.m, divide_up(divide_up(kTaskWork, row_work), kWholeTiles) * kWholeTiles),
                     blocks = divide_up(s.m, rows);
  const std::int64_t tasks = s.batch * blocks, chunk = std::max<std::int64_t>(1, kTaskWork / (rows * row_work));
  parallel_for(divide_up(tasks, chunk), [&](std::int64_t piece) {
    for (std::int64_t i = piece * chunk; i < std::min(tasks, (piece + 1) * chunk); ++i) {
      const std::int64_t batch = i / blocks, row = i % blocks * rows;
      block(s, kernels, packed, row, std::min(rows, s.m - row), a + batch * s.batch_stride_a,
            b + batch * batch_stride_b, c + batch * s.batch_stride_c);
    }
  });
}

bool is_small_sum(const MatmulShape& s, std::size_t element_size) {
  return s.transpose_a && !s.transpose_b && s.n <= kMostColumns && s.m >= 4 && s.m <= kMostColumns &&
         enough_columns(s.n, element_size);
}

template <class T>
void matmul_small_sum(const MatmulShape& s, const T* a, const T* b, T* c) {
  block(s, gemm_kernels<T>(), false, 0, s.m, a, b, c);
}

template void matmul_small_sum<float>(const MatmulShape&, const float*, const float*, float*);
template void matmul_small_sum<double>(const MatmulShape&, const double*, const double*, double*);
template void matmul_narrow<float>(const MatmulShape&, const float*, const float*, float*);
template void matmul_narrow<double>(const MatmulShape&, const double*, const double*, double*);

}  // namespace sg::kernels

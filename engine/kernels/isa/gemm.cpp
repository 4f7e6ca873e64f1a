// Register tiles of narrow matrix products.
#include <algorithm>

#include "engine/kernels/isa/gemm_kernels.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {
namespace {

/// Accumulators fill 24 of AVX-512's 32 registers, or 12 of 16; a panel is as wide as leaves room for its row of B. On
/// [125, 64] x [64, 64] in cache, one core of 117 GFLOP/s: 6 rows of 4 vectors 114, 7 of 4 114, 12 of 2 113, 14 of 2
/// 109 GFLOP/s. Fewer rows also leave less to a last, lower tile.
constexpr int kVectors = kVectorBytes == 64 ? 4 : 2;
constexpr int kAccumulators = kVectorBytes == 64 ? 24 : 12;
template <int Vectors>
constexpr int kRows = std::min(kAccumulators / Vectors, 12);

/// The last vector of a partial tile has fewer columns than lanes.
template <class T, int Rows, int Vectors, bool Partial>
void tile(const NarrowProduct<T>& p, const T* a, const T* b, T* c, std::int64_t columns) {
  constexpr int lanes = kLanes<T>;
  using V = Vector<T, lanes>;
  V sums[Rows][Vectors] = {};
  const std::int64_t a_row = p.a_row, a_step = p.a_step, b_step = p.b_step, depth = p.depth;
  [[maybe_unused]] const std::int64_t last = columns - (Vectors - 1) * lanes;
#pragma GCC unroll 1
  for (std::int64_t k = 0; k < depth; ++k, a += a_step, b += b_step) {
    V vectors[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      vectors[v] = Partial && v + 1 == Vectors ? load_partial<V>(b + v * lanes, last) : load<V>(b + v * lanes);
    }
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
      const V left = splat<V>(a[r * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sums[r][v] = multiply_add(left, vectors[v], sums[r][v]);
    }
  }
  // Every index of `sums` is a constant once this is unrolled: only then do they stay in registers.
#pragma GCC unroll 12
  for (int r = 0; r < Rows; ++r, c += p.c_row) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      T* const to = c + v * lanes;
      if (Partial && v + 1 == Vectors) {
        store_partial(to, p.accumulate ? load_partial<V>(to, last) + sums[r][v] : sums[r][v], last);
      } else {
        store(to, p.accumulate ? load<V>(to) + sums[r][v] : sums[r][v]);
      }
    }
  }
}

template <class T, int Rows, int Vectors, bool Partial>
void last_rows(const NarrowProduct<T>& p, std::int64_t rows, const T* a, const T* b, T* c, std::int64_t columns) {
  if (rows == Rows) {
    tile<T, Rows, Vectors, Partial>(p, a, b, c, columns);
  } else if constexpr (Rows > 1) {
    last_rows<T, Rows - 1, Vectors, Partial>(p, rows, a, b, c, columns);
  }
}

template <class T, int Vectors, bool Partial>
void all_rows(const NarrowProduct<T>& p, const T* b, T* c, std::int64_t columns) {
  constexpr int rows = kRows<Vectors>;
  std::int64_t row = 0;
  for (; row + rows <= p.rows; row += rows) {
    tile<T, rows, Vectors, Partial>(p, p.a + row * p.a_row, b, c + row * p.c_row, columns);
  }
  if (row < p.rows) {
    last_rows<T, rows - 1, Vectors, Partial>(p, p.rows - row, p.a + row * p.a_row, b, c + row * p.c_row, columns);
  }
}

template <class T, int Vectors>
void panel(const NarrowProduct<T>& p, const T* b, T* c, std::int64_t columns) {
  const std::int64_t vectors = (columns + kLanes<T> - 1) / kLanes<T>;
  if (Vectors == 1 || vectors >= Vectors) {
    if (columns < Vectors * kLanes<T>) {
      all_rows<T, Vectors, true>(p, b, c, columns);
    } else {
      all_rows<T, Vectors, false>(p, b, c, columns);
    }
  } else if constexpr (Vectors > 1) {
    panel<T, Vectors - 1>(p, b, c, columns);
  }
}

/// A panel of B stays in the first-level cache while all rows pass.
template <class T>
void product(const NarrowProduct<T>& p) {
  constexpr int width = kVectors * kLanes<T>;
  const T* b = p.b;
  for (std::int64_t column = 0; column < p.columns; column += width, b += p.b_panel) {
    panel<T, kVectors>(p, b, p.c + column, p.columns - column);
  }
}

template <class T>
constexpr GemmKernels<T> kTable{kLanes<T>, kVectors* kLanes<T>, product<T>};

}  // namespace

const GemmKernels<float>& gemm_kernels_f32() { return kTable<float>; }
const GemmKernels<double>& gemm_kernels_f64() { return kTable<double>; }

}  // namespace sg::kernels::SG_ISA

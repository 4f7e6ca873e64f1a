// Register tiles of narrow matrix products.
#include "engine/kernels/isa/gemm_kernels.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {
namespace {

/// Two vectors a row and a broadcast: accumulators fill 12 of 16 registers, or 24 of 32 with AVX-512.
constexpr int kRows = kVectorBytes == 64 ? 12 : 6;

template <class T, int Lanes, int Rows, int Vectors>
void tile(const PanelProduct<T>& p, const T* a, const T* b, T* c, std::int64_t columns) {
  using V = Vector<T, Lanes>;
  V sums[Rows][Vectors] = {};
  const std::int64_t a_row = p.a_row, a_step = p.a_step, b_step = p.b_step, depth = p.depth;
#pragma GCC unroll 1
  for (std::int64_t k = 0; k < depth; ++k, a += a_step, b += b_step) {
    V vectors[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) vectors[v] = load<V>(b + v * Lanes);
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
      const V left = splat<V>(a[r * a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) sums[r][v] = multiply_add(left, vectors[v], sums[r][v]);
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    T* to = c + v * Lanes;
    const std::int64_t count = columns - v * Lanes;
    if (count >= Lanes) {
#pragma GCC unroll 12
      for (int r = 0; r < Rows; ++r, to += p.c_row) store(to, p.accumulate ? load<V>(to) + sums[r][v] : sums[r][v]);
    } else {
#pragma GCC unroll 12
      for (int r = 0; r < Rows; ++r, to += p.c_row) {
        store_partial(to, p.accumulate ? load_partial<V>(to, count) + sums[r][v] : sums[r][v], count);
      }
    }
  }
}

template <class T, int Lanes, int Rows, int Vectors>
void last_rows(const PanelProduct<T>& p, std::int64_t rows, const T* a, const T* b, T* c, std::int64_t columns) {
  if (rows == Rows) {
    tile<T, Lanes, Rows, Vectors>(p, a, b, c, columns);
  } else if constexpr (Rows > 1) {
    last_rows<T, Lanes, Rows - 1, Vectors>(p, rows, a, b, c, columns);
  }
}

template <class T, int Lanes, int Vectors>
void panel(const PanelProduct<T>& p, const T* b, T* c, std::int64_t columns) {
  std::int64_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) {
    tile<T, Lanes, kRows, Vectors>(p, p.a + row * p.a_row, b, c + row * p.c_row, columns);
  }
  if (row < p.rows) {
    last_rows<T, Lanes, kRows - 1, Vectors>(p, p.rows - row, p.a + row * p.a_row, b, c + row * p.c_row, columns);
  }
}

/// A panel of B stays in the first-level cache while all rows pass.
template <class T, int Lanes>
void product(const PanelProduct<T>& p) {
  const T* b = p.b;
  for (std::int64_t column = 0; column < p.columns; column += 2 * Lanes, b += p.b_panel) {
    const std::int64_t columns = p.columns - column;
    if (columns > Lanes) {
      panel<T, Lanes, 2>(p, b, p.c + column, columns);
    } else {
      panel<T, Lanes, 1>(p, b, p.c + column, columns);
    }
  }
}

}  // namespace

const GemmKernels<float>& gemm_kernels_f32() {
  static constexpr GemmKernels<float> table{2 * kLanes<float>, product<float, kLanes<float>>};
  return table;
}
const GemmKernels<double>& gemm_kernels_f64() {
  static constexpr GemmKernels<double> table{2 * kLanes<double>, product<double, kLanes<double>>};
  return table;
}

}  // namespace sg::kernels::SG_ISA

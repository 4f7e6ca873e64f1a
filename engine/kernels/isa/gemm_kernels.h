// The table of loops that narrow matrix products need from each instruction set.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// c[i * c_row + j] (+)= sum over k of a[i * a_row + k * a_step] * b(k, j). B lies in panels of `width` columns: b(k,
/// j) is b[j / width * b_panel + k * b_step + j % width]. Nothing beyond the last column is read.
template <class T>
struct NarrowProduct {
  std::int64_t rows, columns, depth;
  const T* a;
  std::int64_t a_row, a_step;
  const T* b;
  std::int64_t b_panel, b_step;
  T* c;
  std::int64_t c_row;
  bool accumulate;
};

template <class T>
struct GemmKernels {
  int lanes;  // columns of a vector
  int width;  // columns of a panel
  void (*product)(const NarrowProduct<T>&);
};

namespace baseline {
const GemmKernels<float>& gemm_kernels_f32();
const GemmKernels<double>& gemm_kernels_f64();
}  // namespace baseline
namespace avx2 {
const GemmKernels<float>& gemm_kernels_f32();
const GemmKernels<double>& gemm_kernels_f64();
}  // namespace avx2
namespace avx512 {
const GemmKernels<float>& gemm_kernels_f32();
const GemmKernels<double>& gemm_kernels_f64();
}  // namespace avx512

}  // namespace sg::kernels

// The table of loops for 3 x 3 convolutions of 2 x 2 pixels, from each instruction set.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// result[row][pixel][image] (+)= sum over d < depth and pixels of source[d][pixel][image] * weight[row * weight_row +
/// d * weight_depth + tap], an image in each lane, for the 16 pairs of pixels; `reversed` takes tap 8 - t for t.
template <class T>
struct TwoByTwoProduct {
  std::int64_t rows, depth;
  const T* weight;
  std::int64_t weight_row, weight_depth;
  bool reversed;
  const T* source;
  T* result;
  bool accumulate;
};

template <class T>
struct TwoByTwoKernels {
  int lanes;
  void (*product)(const TwoByTwoProduct<T>&);
};

namespace baseline {
const TwoByTwoKernels<float>& two_by_two_kernels_f32();
const TwoByTwoKernels<double>& two_by_two_kernels_f64();
}  // namespace baseline
namespace avx2 {
const TwoByTwoKernels<float>& two_by_two_kernels_f32();
const TwoByTwoKernels<double>& two_by_two_kernels_f64();
}  // namespace avx2
namespace avx512 {
const TwoByTwoKernels<float>& two_by_two_kernels_f32();
const TwoByTwoKernels<double>& two_by_two_kernels_f64();
}  // namespace avx512

}  // namespace sg::kernels

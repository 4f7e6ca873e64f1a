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

/// result[row * result_row + channel * 9 + tap] = sum over images and pairs of pixels of cotangent[image][row][pixel] *
/// source[image][pixel][channel], a channel in each lane.
template <class T>
struct TwoByTwoWeightGradient {
  std::int64_t images, rows, channels;  // channels up to a vector's lanes
  const T* cotangent;
  const T* source;
  T* result;
  std::int64_t result_row;
};

template <class T>
struct TwoByTwoKernels {
  int lanes;
  void (*product)(const TwoByTwoProduct<T>&);
  void (*weight_gradient)(const TwoByTwoWeightGradient<T>&);
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

// The table of loops for convolutions with a channel in each lane, from each instruction set.
#pragma once

#include <cstdint>

namespace sg::kernels {

/// Where a term of a panel's product begins in both factors.
struct PanelTerm {
  std::int64_t a, b;
};

/// c[r * c_row + v * c_vector + lane] (+)= sum over terms and d < depth of a[term.a + r * a_row + d * a_depth] *
/// b[term.b + d * b_row + v * lanes + lane], for r < rows and v < vectors (1, 2 or 4). One of a_row and a_depth is 1.
template <class T>
struct PanelProduct {
  const T* a;
  std::int64_t a_row, a_depth;
  const T* b;
  std::int64_t b_row;
  const PanelTerm* terms;
  std::int64_t term_count, depth;
  std::int64_t rows;
  T* c;
  std::int64_t c_row, c_vector;
  int vectors;
  bool accumulate;
};

template <class T>
struct PanelKernels {
  int lanes;
  /// Turns channels into lanes: to[offsets[p] + channel] = from[channel * channel_stride + p] for p < pixels, zero for
  /// lanes that are no channels. Without offsets, pixel p goes to p * lanes.
  void (*load_pixels)(T* to, const std::int32_t* offsets, const T* from, std::int64_t channel_stride,
                      std::int64_t channels, std::int64_t pixels);
  /// The reverse: to[channel * channel_stride + p] = from[p * from_stride + channel].
  void (*store_pixels)(T* to, std::int64_t channel_stride, std::int64_t channels, const T* from,
                       std::int64_t from_stride, std::int64_t pixels);
  void (*product)(const PanelProduct<T>&);
};

namespace baseline {
const PanelKernels<float>& panel_kernels_f32();
const PanelKernels<double>& panel_kernels_f64();
}  // namespace baseline
namespace avx2 {
const PanelKernels<float>& panel_kernels_f32();
const PanelKernels<double>& panel_kernels_f64();
}  // namespace avx2
namespace avx512 {
const PanelKernels<float>& panel_kernels_f32();
const PanelKernels<double>& panel_kernels_f64();
}  // namespace avx512

}  // namespace sg::kernels

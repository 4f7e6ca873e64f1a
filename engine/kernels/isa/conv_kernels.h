// The table of loops that the convolutions need from each instruction set.
#pragma once

#include <cstdint>
#include <type_traits>

namespace sg::kernels {

/// The elements of a packet are one vector of neighbouring output pixels. A product computes, for each row m and each
/// packet s, c[m * c_row + c_offset[s] + lane] (+)= sum over k of a[m * a_row + k] * b[packets[s] + offsets[k] + lane],
/// lane < counts[s]. All of b[packets[s] + offsets[k] + lane] must be readable, for each lane of the vector.
template <class T>
struct ConvProduct {
  const T* a;
  std::int64_t a_row;
  std::int64_t rows;
  const std::int32_t* offsets;
  std::int64_t depth;
  const T* b;
  const std::int32_t* packets;
  std::int64_t packet_count;
  T* c;
  const std::int64_t* c_offsets;
  const std::int32_t* counts;
  std::int64_t c_row;
  bool accumulate;
};

/// Sums over packets: c[m * c_row + k] (+)= sum over s and lanes of a[m * a_row + a_packets[s] + lane] * b[packets[s] +
/// offsets[k] + lane].
template <class T>
struct ConvReduction {
  const T* a;
  std::int64_t a_row;
  const std::int64_t* a_packets;
  std::int64_t rows;
  const std::int32_t* offsets;
  std::int64_t depth;
  const T* b;
  const std::int32_t* packets;
  std::int64_t packet_count;
  T* c;
  std::int64_t c_row;
  bool accumulate;
};

/// A packed copy of rows x columns elements: element (y, x) is the source's at (y * row_stride + row_begin, x *
/// column_stride + column_begin), zero where that is outside of row_size x column_size.
struct ConvPackedRows {
  std::int64_t rows, columns;
  std::int64_t row_begin, row_stride, row_size;
  std::int64_t column_begin, column_stride, column_size;
};

template <class T>
struct ConvKernels {
  int lanes;  // elements of a vector
  int rows;   // rows of a register tile
  void (*product)(const ConvProduct<T>&);
  void (*reduction)(const ConvReduction<T>&);
  /// to[i] = from[begin + i * stride] for i < count; zero where that index is outside of [0, size).
  void (*pack_row)(T* to, std::int64_t count, const T* from, std::int64_t begin, std::int64_t stride,
                   std::int64_t size);
  void (*pack_rows)(T* to, const ConvPackedRows&, const T* from);
  /// Column x of each row goes to column x / phases of phase x % phases: to[(x % phases) * to_phase + y * to_row + x /
  /// phases].
  void (*split_rows)(T* to, std::int64_t to_phase, std::int64_t to_row, const T* from, std::int64_t rows,
                     std::int64_t columns, std::int64_t phases);
  /// Copies rows of `columns` elements next to each other. Reads and writes whole vectors: at most lanes - 1 elements
  /// more.
  void (*join_rows)(T* to, const T* from, std::int64_t from_row, std::int64_t rows, std::int64_t columns);
  /// to[i * stride] = from[i]
  void (*scatter_row)(T* to, std::int64_t stride, const T* from, std::int64_t count);
  /// to[2 i] = even[i] for 2 i < count, to[2 i + 1] = odd[i]
  void (*interleave_row)(T* to, const T* even, const T* odd, std::int64_t count);
  /// to[i] = sum over k < terms of from[shifts[k] + i], for i < count.
  void (*sum_shifted)(T* to, const T* from, const std::int64_t* shifts, std::int64_t terms, std::int64_t count);
  /// Where values[i] is larger than largest[i], or NaN and the other is not, or places[i] is negative (none yet), it
  /// takes its place: largest[i] = values[i] and places[i] = first + i * step, for i < count.
  using Place = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  void (*take_larger)(std::int64_t count, const T* values, Place first, Place step, T* largest, Place* places);
};

namespace baseline {
const ConvKernels<float>& conv_kernels_f32();
const ConvKernels<double>& conv_kernels_f64();
}  // namespace baseline
namespace avx2 {
const ConvKernels<float>& conv_kernels_f32();
const ConvKernels<double>& conv_kernels_f64();
}  // namespace avx2
namespace avx512 {
const ConvKernels<float>& conv_kernels_f32();
const ConvKernels<double>& conv_kernels_f64();
}  // namespace avx512

}  // namespace sg::kernels

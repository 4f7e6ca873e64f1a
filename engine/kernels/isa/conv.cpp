// The loops of the convolutions that move rows of pixels, and the tables of all their loops.
#include "engine/kernels/isa/conv_tiles.h"

namespace sg::kernels::SG_ISA {
namespace {

inline std::int64_t lower(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

template <class T>
inline void zero_row(T* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = 0;
}

template <class T, int Lanes>
inline void copy_row(T* __restrict to, const T* __restrict from, std::int64_t count) {
  using V = Vector<T, Lanes>;
  if (count < Lanes) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
    return;
  }
  // The last vector overlaps its neighbour.
  for (std::int64_t i = 0; i + Lanes < count; i += Lanes) store(to + i, load<V>(from + i));
  store(to + count - Lanes, load<V>(from + count - Lanes));
}

template <class V, int... Lane>
inline V even_lanes(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (2 * Lane)...);
}

template <class T, int Lanes>
inline void copy_every_second(T* __restrict to, const T* __restrict from, std::int64_t count) {
  using V = Vector<T, Lanes>;
  std::int64_t i = 0;
  // Two vectors are read for one, so the last element read must still be one that is needed.
  for (; i + Lanes < count; i += Lanes) {
    store(to + i, even_lanes(load<V>(from + 2 * i), load<V>(from + 2 * i + Lanes), std::make_integer_sequence<int, Lanes>{}));
  }
  for (; i < count; ++i) to[i] = from[2 * i];
}

template <class T, int Lanes>
void pack_row(T* to, std::int64_t count, const T* from, std::int64_t begin, std::int64_t stride, std::int64_t size) {
  // Elements [first, last) lie inside.
  std::int64_t first = 0, last;
  if (stride == 1) {
    if (begin < 0) first = lower(-begin, count);
    last = lower(size - begin, count);
  } else {
    if (begin < 0) first = lower((-begin + stride - 1) / stride, count);
    last = begin < size ? lower((size - 1 - begin) / stride + 1, count) : 0;
  }
  if (last < first) last = first;
  zero_row(to, first);
  zero_row(to + last, count - last);
  const T* const source = from + begin + first * stride;
  if (stride == 1) copy_row<T, Lanes>(to + first, source, last - first);
  else if (stride == 2) copy_every_second<T, Lanes>(to + first, source, last - first);
  else {
    for (std::int64_t i = 0; i < last - first; ++i) to[first + i] = source[i * stride];
  }
}

template <class T>
void scatter_row(T* to, std::int64_t stride, const T* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i * stride] = from[i];
}

template <class V, int... Lane>
inline V interleave(V even, V odd, std::integer_sequence<int, Lane...>, int half) {
  constexpr int lanes = kLanesOf<V>;
  return half == 0 ? __builtin_shufflevector(even, odd, (Lane / 2 + (Lane % 2) * lanes)...)
                   : __builtin_shufflevector(even, odd, (lanes / 2 + Lane / 2 + (Lane % 2) * lanes)...);
}

template <class T, int Lanes>
void interleave_row(T* __restrict to, const T* __restrict even, const T* __restrict odd, std::int64_t count) {
  using V = Vector<T, Lanes>;
  const auto sequence = std::make_integer_sequence<int, Lanes>{};
  std::int64_t i = 0;
  for (; 2 * (i + Lanes) <= count; i += Lanes) {
    const V a = load<V>(even + i), b = load<V>(odd + i);
    store(to + 2 * i, interleave(a, b, sequence, 0));
    store(to + 2 * i + Lanes, interleave(a, b, sequence, 1));
  }
  for (; 2 * i < count; ++i) {
    to[2 * i] = even[i];
    if (2 * i + 1 < count) to[2 * i + 1] = odd[i];
  }
}

template <class T, int Lanes>
constexpr ConvKernels<T> make_kernels() {
  return {Lanes, kTileRows, product<T, Lanes>, reduction<T, Lanes>, pack_row<T, Lanes>, scatter_row<T>, interleave_row<T, Lanes>};
}

}  // namespace

const ConvKernels<float>& conv_kernels_f32() {
  static constexpr ConvKernels<float> table = make_kernels<float, kLanes<float>>();
  return table;
}
const ConvKernels<double>& conv_kernels_f64() {
  static constexpr ConvKernels<double> table = make_kernels<double, kLanes<double>>();
  return table;
}

}  // namespace sg::kernels::SG_ISA

// The loops of the convolutions that move rows of pixels, and the tables of all their loops.
#include "engine/kernels/isa/conv_tiles.h"

namespace sg::kernels::SG_ISA {
namespace {

inline std::int64_t lower(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

template <class T>
inline void zero_row(T* to, std::int64_t count) {
  if (count > 64) {
    __builtin_memset(to, 0, static_cast<std::size_t>(count) * sizeof(T));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = 0;
    asm("");  // a margin of one or two elements is not worth a vector loop
  }
}

template <class T, int Lanes>
inline void copy_row(T* __restrict to, const T* __restrict from, std::int64_t count) {
  using V = Vector<T, Lanes>;
  if (count < Lanes) {
    if constexpr (Lanes > 1) copy_row<T, Lanes / 2>(to, from, count);
    return;
  }
  // The last vector overlaps its neighbour.
#pragma GCC unroll 1
  for (std::int64_t i = 0; i + Lanes < count; i += Lanes) store(to + i, load<V>(from + i));
  store(to + count - Lanes, load<V>(from + count - Lanes));
}

template <class V, int... Lane>
inline V even_lanes(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (2 * Lane)...);
}
/// The same where b begins one element earlier.
template <class V, int... Lane>
inline V even_then_odd_lanes(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (2 * Lane + (2 * Lane >= static_cast<int>(sizeof...(Lane))))...);
}

template <class T, int Lanes>
inline void copy_every_second(T* __restrict to, const T* __restrict from, std::int64_t count) {
  if constexpr (Lanes == 1) {
    if (count > 0) to[0] = from[0];
  } else {
    using V = Vector<T, Lanes>;
    if (count < Lanes) {
      copy_every_second<T, Lanes / 2>(to, from, count);
      return;
    }
    const auto sequence = std::make_integer_sequence<int, Lanes>{};
#pragma GCC unroll 1
    for (std::int64_t i = 0; i + Lanes < count; i += Lanes) {
      store(to + i, even_lanes(load<V>(from + 2 * i), load<V>(from + 2 * i + Lanes), sequence));
    }
    // The last vector overlaps its neighbour, and reads nothing behind the last element that is needed.
    to += count - Lanes;
    from += 2 * (count - Lanes);
    store(to, even_then_odd_lanes(load<V>(from), load<V>(from + Lanes - 1), sequence));
  }
}

/// The part [first, last) of a packed row whose source lies inside.
struct Inside {
  std::int64_t first, last;
  Inside(std::int64_t count, std::int64_t begin, std::int64_t stride, std::int64_t size) : first(0) {
    if (stride == 1) {
      if (begin < 0) first = lower(-begin, count);
      last = lower(size - begin, count);
    } else {
      if (begin < 0) first = lower((-begin + stride - 1) / stride, count);
      last = begin < size ? lower((size - 1 - begin) / stride + 1, count) : 0;
    }
    if (last < first) last = first;
  }
};

template <class T, int Lanes>
inline void pack_inside(T* to, std::int64_t count, const T* source, Inside inside, std::int64_t stride) {
  zero_row(to, inside.first);
  to += inside.first;
  const std::int64_t length = inside.last - inside.first;
  if (stride == 1) {
    copy_row<T, Lanes>(to, source, length);
  } else if (stride == 2) {
    copy_every_second<T, Lanes>(to, source, length);
  } else {
    for (std::int64_t i = 0; i < length; ++i) to[i] = source[i * stride];
  }
  zero_row(to + length, count - inside.last);
}

template <class T, int Lanes>
void pack_row(T* to, std::int64_t count, const T* from, std::int64_t begin, std::int64_t stride, std::int64_t size) {
  const Inside inside(count, begin, stride, size);
  pack_inside<T, Lanes>(to, count, from + begin + inside.first * stride, inside, stride);
}

template <class T, int Lanes>
void pack_rows(T* to, const ConvPackedRows& p, const T* from) {
  const Inside rows(p.rows, p.row_begin, p.row_stride, p.row_size);
  const Inside inside(p.columns, p.column_begin, p.column_stride, p.column_size);
  zero_row(to, rows.first * p.columns);
  const T* source = from + (p.row_begin + rows.first * p.row_stride) * p.column_size + p.column_begin +
                    inside.first * p.column_stride;
  const std::int64_t step = p.row_stride * p.column_size;
  if (p.column_stride == 1 && inside.last - inside.first == p.columns && step == p.columns) {
    copy_row<T, Lanes>(to + rows.first * p.columns, source, (rows.last - rows.first) * p.columns);
  } else {
#pragma GCC unroll 1
    for (std::int64_t y = rows.first; y < rows.last; ++y, source += step) {
      pack_inside<T, Lanes>(to + y * p.columns, p.columns, source, inside, p.column_stride);
    }
  }
  zero_row(to + rows.last * p.columns, (p.rows - rows.last) * p.columns);
}

template <class V, int... Lane>
inline V odd_lanes(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (2 * Lane + 1)...);
}

/// Calls body(lanes, i) for vectors that cover [0, count): whole ones, of which the last overlaps its neighbour, or
/// narrower ones where none fits. `lanes` is a constant.
template <int Lanes, class Body>
inline void for_each_vector(std::int64_t count, const Body& body) {
  if constexpr (Lanes > 1) {
    if (count < Lanes) {
      for_each_vector<Lanes / 2>(count, body);
      return;
    }
  }
#pragma GCC unroll 1
  for (std::int64_t i = 0; i < count; i += Lanes) body(std::integral_constant<int, Lanes>{}, lower(i, count - Lanes));
}

/// even[i] = from[2 i], odd[i] = from[2 i + 1] for i < count.
template <class T, int Lanes>
inline void split_pairs(T* __restrict even, T* __restrict odd, const T* __restrict from, std::int64_t count) {
  for_each_vector<Lanes>(count, [&](auto lanes, std::int64_t i) {
    using V = Vector<T, lanes()>;
    const auto sequence = std::make_integer_sequence<int, lanes()>{};
    const V a = load<V>(from + 2 * i), b = load<V>(from + 2 * i + lanes());
    store(even + i, even_lanes(a, b, sequence));
    store(odd + i, odd_lanes(a, b, sequence));
  });
}

template <class T, int Lanes>
void split_rows(T* to, std::int64_t to_phase, std::int64_t to_row, const T* from, std::int64_t rows,
                std::int64_t columns, std::int64_t phases) {
#pragma GCC unroll 1
  for (std::int64_t y = 0; y < rows; ++y, to += to_row, from += columns) {
    if (phases == 1) {
      copy_row<T, Lanes>(to, from, columns);
    } else if (phases == 2) {
      split_pairs<T, Lanes>(to, to + to_phase, from, columns / 2);
      if (columns % 2) to[columns / 2] = from[columns - 1];
    } else {
      for (std::int64_t phase = 0; phase < phases; ++phase) {
        T* to_next = to + phase * to_phase;
        for (std::int64_t x = phase; x < columns; x += phases) *to_next++ = from[x];
      }
    }
  }
}

template <class T, int Lanes>
void join_rows(T* to, const T* from, std::int64_t from_row, std::int64_t rows, std::int64_t columns) {
  using V = Vector<T, Lanes>;
  if constexpr (Lanes > 4) {
    if (columns <= Lanes / 2) {
      join_rows<T, Lanes / 2>(to, from, from_row, rows, columns);
      return;
    }
  }
#pragma GCC unroll 2
  for (std::int64_t y = 0; y < rows; ++y, to += columns, from += from_row) {
    store(to, load<V>(from));
#pragma GCC unroll 1
    for (std::int64_t x = Lanes; x < columns; x += Lanes) store(to + x, load<V>(from + x));
  }
}

template <class T>
void scatter_row(T* to, std::int64_t stride, const T* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i * stride] = from[i];
}

/// The vectors that hold a[0], b[0], a[1], b[1], ...: the first of them and the second.
template <class V, int... Lane>
inline V interleave_first(V a, V b, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(a, b, (Lane / 2 + (Lane % 2) * kLanesOf<V>)...);
}
template <class V, int... Lane>
inline V interleave_second(V a, V b, std::integer_sequence<int, Lane...>) {
  constexpr int lanes = kLanesOf<V>;
  return __builtin_shufflevector(a, b, ((lanes + Lane) / 2 + (lanes + Lane) % 2 * lanes)...);
}

/// to[2 i] = even[i], to[2 i + 1] = odd[i] for i < count.
template <class T, int Lanes>
inline void join_pairs(T* __restrict to, const T* __restrict even, const T* __restrict odd, std::int64_t count) {
  for_each_vector<Lanes>(count, [&](auto lanes, std::int64_t i) {
    using V = Vector<T, lanes()>;
    const auto sequence = std::make_integer_sequence<int, lanes()>{};
    const V a = load<V>(even + i), b = load<V>(odd + i);
    store(to + 2 * i, interleave_first(a, b, sequence));
    store(to + 2 * i + lanes(), interleave_second(a, b, sequence));
  });
}

template <class T, int Lanes>
void interleave_row(T* to, const T* even, const T* odd, std::int64_t count) {
  join_pairs<T, Lanes>(to, even, odd, count / 2);
  if (count % 2) to[count - 1] = even[count / 2];
}

template <class T, int Lanes>
void sum_shifted(T* to, const T* from, const std::int64_t* shifts, std::int64_t terms, std::int64_t count) {
  for_each_vector<Lanes>(count, [&](auto lanes, std::int64_t i) {
    using V = Vector<T, lanes()>;
    V sum = load<V>(from + shifts[0] + i);
    for (std::int64_t k = 1; k < terms; ++k) sum += load<V>(from + shifts[k] + i);
    store(to + i, sum);
  });
}

template <class T, int Lanes, class Place = typename ConvKernels<T>::Place>
void take_larger(std::int64_t count, const T* values, Place first, Place step, T* largest, Place* places) {
  for_each_vector<Lanes>(count, [&](auto lanes, std::int64_t i) {
    using V = Vector<T, lanes()>;
    using P = Vector<Place, lanes()>;
    const V value = load<V>(values + i), old = load<V>(largest + i);
    const P old_place = load<P>(places + i);
    P place;
    for (int lane = 0; lane < lanes(); ++lane) place[lane] = first + static_cast<Place>(i + lane) * step;
    const MaskOf<V> larger =
        (MaskOf<V>)(value > old) | ((value != value) & (old == old)) | (MaskOf<V>)(old_place < P{});
    store(largest + i, select<V>(larger, value, old));
    store(places + i, select<P>((MaskOf<P>)larger, place, old_place));
  });
}

template <class T, int Lanes>
constexpr ConvKernels<T> make_kernels() {
  return {Lanes,
          kTileRows,
          product<T, Lanes>,
          reduction<T, Lanes>,
          pack_row<T, Lanes>,
          pack_rows<T, Lanes>,
          split_rows<T, Lanes>,
          join_rows<T, Lanes>,
          scatter_row<T>,
          interleave_row<T, Lanes>,
          sum_shifted<T, Lanes>,
          take_larger<T, Lanes>};
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

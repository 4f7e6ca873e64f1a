// The loops of a tile table that move values between memory and tiles, and those that reduce tiles.
#pragma once

#include <limits>
#include <type_traits>

#include "engine/kernels/isa/tile_kernels.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {

template <class To, class From>
inline To convert(From value) {
  if constexpr (std::is_same_v<To, std::int64_t> && !std::is_same_v<From, std::int64_t>) {
    // What does not fit becomes the lowest integer, as the processor's own conversion gives it.
    if (!(value >= From(-9223372036854775808.0) && value < From(9223372036854775808.0))) return INT64_MIN;
  }
  return static_cast<To>(value);
}

template <class T, class Memory>
void read_strided(void* values, const void* source, std::int64_t rows, std::int64_t row_stride, std::int64_t count,
                  std::int64_t stride) {
  T* __restrict out = static_cast<T*>(values);
  const Memory* in = static_cast<const Memory*>(source);
  if (stride == 1 && row_stride == count) {
    count *= rows;
    rows = 1;
  }
  if (row_stride == 1 && stride != 0 && stride != 1 && rows >= 4) {
    // Contiguous the other way: runs of memory become columns.
    for (std::int64_t i = 0; i < count; ++i, in += stride) {
      for (std::int64_t r = 0; r < rows; ++r) out[r * count + i] = convert<T>(in[r]);
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r, out += count, in += row_stride) {
    if (stride == 1) {
      for (std::int64_t i = 0; i < count; ++i) out[i] = convert<T>(in[i]);
    } else if (stride == 0) {
      const T value = convert<T>(*in);
      for (std::int64_t i = 0; i < count; ++i) out[i] = value;
    } else {
      for (std::int64_t i = 0; i < count; ++i) out[i] = convert<T>(in[i * stride]);
    }
  }
}

template <class T, class Memory>
void write_strided(void* destination, const void* values, std::int64_t rows, std::int64_t row_stride,
                   std::int64_t count, std::int64_t stride) {
  Memory* __restrict out = static_cast<Memory*>(destination);
  const T* in = static_cast<const T*>(values);
  if (stride == 1 && row_stride == count) {
    count *= rows;
    rows = 1;
  }
  if (row_stride == 1 && stride != 1 && rows >= 4) {
    for (std::int64_t i = 0; i < count; ++i, out += stride) {
      for (std::int64_t r = 0; r < rows; ++r) out[r] = convert<Memory>(in[r * count + i]);
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r, out += row_stride, in += count) {
    if (stride == 1) {
      for (std::int64_t i = 0; i < count; ++i) out[i] = convert<Memory>(in[i]);
    } else {
      for (std::int64_t i = 0; i < count; ++i) out[i * stride] = convert<Memory>(in[i]);
    }
  }
}

template <class T>
using Accumulator = std::conditional_t<std::is_same_v<T, std::int64_t>, std::int64_t, double>;

/// The three reductions on elements and on vectors of them.
template <ReduceOp Op>
struct Reduce {
  template <class V>
  static V apply(V a, V b) {
    if constexpr (Op == ReduceOp::sum) {
      return a + b;
    } else if constexpr (std::is_arithmetic_v<V>) {
      if (a != a) return a;
      if (b != b) return b;
      if constexpr (Op == ReduceOp::max) {
        return a > b ? a : b;
      } else {
        return a < b ? a : b;
      }
    } else if constexpr (Op == ReduceOp::max) {
      return maximum(a, b);
    } else {
      return minimum(a, b);
    }
  }
  template <class T>
  static T nothing() {
    if constexpr (Op == ReduceOp::sum) {
      return T(0);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      return Op == ReduceOp::max ? INT64_MIN : INT64_MAX;
    } else {
      return Op == ReduceOp::max ? -__builtin_inf() : __builtin_inf();
    }
  }
};

/// The lanes turned by `Step` places.
template <int Step, class V, int... Lane>
inline V turn_lanes(V v, std::integer_sequence<int, Lane...>) {
  return __builtin_shufflevector(v, v, ((Lane + Step) % kLanesOf<V>)...);
}

/// All lanes of a vector reduced, by halves.
template <ReduceOp Op, class V, int Half = kLanesOf<V> / 2>
inline ElementOf<V> reduce_lanes(V v) {
  if constexpr (Half == 0) {
    return v[0];
  } else {
    const V turned = turn_lanes<Half>(v, std::make_integer_sequence<int, kLanesOf<V>>());
    return reduce_lanes<Op, V, Half / 2>(Reduce<Op>::apply(v, turned));
  }
}

/// Rows of so few elements that a vector holds several.
template <class T, ReduceOp Op, int Count>
void reduce_short_rows(Accumulator<T>* __restrict out, const T* __restrict in, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r, in += Count) {
    T total = in[0];
    for (int i = 1; i < Count; ++i) total = Reduce<Op>::apply(total, in[i]);
    out[r] = Reduce<Op>::apply(out[r], static_cast<Accumulator<T>>(total));
  }
}

template <class T, ReduceOp Op>
void reduce_rows(void* accumulators, const void* values, std::int64_t rows, std::int64_t count) {
  using V = Vector<T, kLanes<T>>;
  using A = Accumulator<T>;
  constexpr int lanes = kLanes<T>;
  using R = Reduce<Op>;
  A* const out = static_cast<A*>(accumulators);
  const T* in = static_cast<const T*>(values);
  switch (count) {
    case 2: return reduce_short_rows<T, Op, 2>(out, in, rows);
    case 3: return reduce_short_rows<T, Op, 3>(out, in, rows);
    case 4: return reduce_short_rows<T, Op, 4>(out, in, rows);
    default: break;
  }
  MaskOf<V> outside;  // of a row that is shorter than a vector
  for (int i = 0; i < lanes; ++i) outside[i] = i < count ? 0 : -1;
  for (std::int64_t r = 0; r < rows; ++r, in += count) {
    T total;
    if (count >= lanes) {
      V v = load<V>(in);
      std::int64_t i = lanes;
      if (count >= 4 * lanes) {
        // Several accumulators, for speed and for short chains of additions.
        V v1 = load<V>(in + lanes), v2 = load<V>(in + 2 * lanes), v3 = load<V>(in + 3 * lanes);
        for (i = 4 * lanes; i + 4 * lanes <= count; i += 4 * lanes) {
          v = R::apply(v, load<V>(in + i));
          v1 = R::apply(v1, load<V>(in + i + lanes));
          v2 = R::apply(v2, load<V>(in + i + 2 * lanes));
          v3 = R::apply(v3, load<V>(in + i + 3 * lanes));
        }
        v = R::apply(R::apply(v, v1), R::apply(v2, v3));
      }
      for (; i + lanes <= count; i += lanes) v = R::apply(v, load<V>(in + i));
      // What is left: zeros do no harm to a sum, nor elements seen twice to a maximum.
      if (i < count) {
        v = R::apply(v, Op == ReduceOp::sum ? load_partial<V>(in + i, count - i) : load<V>(in + count - lanes));
      }
      total = reduce_lanes<Op>(v);
    } else if (Op == ReduceOp::sum) {
      total = in[0];
      for (std::int64_t i = 1; i < count; ++i) total = R::apply(total, in[i]);
    } else {
      // One after the other, comparisons would take branches that nobody foresees.
      const V nothing = splat<V>(R::template nothing<T>());
      total = reduce_lanes<Op>(select<V>(outside, nothing, load_partial<V>(in, count)));
    }
    out[r] = R::apply(out[r], static_cast<A>(total));
  }
}

template <class T, ReduceOp Op>
void reduce_columns(void* accumulators, const void* values, std::int64_t rows, std::int64_t count, void* scratch) {
  using V = Vector<T, kLanes<T>>;
  using A = Accumulator<T>;
  constexpr int lanes = kLanes<T>;
  using R = Reduce<Op>;
  A* const out = static_cast<A*>(accumulators);
  const T* in = static_cast<const T*>(values);
  T* const folded = static_cast<T*>(scratch);
  // Halves are folded onto each other while there are rows enough: as fast for three columns as for many.
  while (rows > 1) {
    const std::int64_t half = rows / 2, kept = rows - half;
    const T* const upper = in + kept * count;
    const std::int64_t added = half * count, all = kept * count;
    std::int64_t i = 0;
    for (; i + lanes <= added; i += lanes) store(folded + i, R::apply(load<V>(in + i), load<V>(upper + i)));
    for (; i < added; ++i) folded[i] = R::apply(in[i], upper[i]);
    if (in != folded) {
      for (; i < all; ++i) folded[i] = in[i];
    }
    in = folded;
    rows = kept;
  }
  for (std::int64_t j = 0; j < count; ++j) out[j] = R::apply(out[j], static_cast<A>(in[j]));
}

template <class T, ReduceOp Op>
void reduce_begin(void* accumulators, std::int64_t count) {
  using A = Accumulator<T>;
  A* const out = static_cast<A*>(accumulators);
  for (std::int64_t i = 0; i < count; ++i) out[i] = Reduce<Op>::template nothing<A>();
}
template <class T, ReduceOp Op>
void reduce_combine(void* accumulators, const void* others, std::int64_t count) {
  using A = Accumulator<T>;
  A* const out = static_cast<A*>(accumulators);
  const A* const in = static_cast<const A*>(others);
  for (std::int64_t i = 0; i < count; ++i) out[i] = Reduce<Op>::apply(out[i], in[i]);
}
template <class T, class Memory>
void reduce_end(void* destination, const void* accumulators, std::int64_t count) {
  write_strided<Accumulator<T>, Memory>(destination, accumulators, 1, count, count, 1);
}

template <class T>
void add_memory(TileKernels& table) {
  table.read[0] = read_strided<T, float>;
  table.read[1] = read_strided<T, double>;
  table.read[2] = read_strided<T, std::int64_t>;
  table.write[0] = write_strided<T, float>;
  table.write[1] = write_strided<T, double>;
  table.write[2] = write_strided<T, std::int64_t>;
  table.reduce_rows[0] = reduce_rows<T, ReduceOp::sum>;
  table.reduce_rows[1] = reduce_rows<T, ReduceOp::max>;
  table.reduce_rows[2] = reduce_rows<T, ReduceOp::min>;
  table.reduce_columns[0] = reduce_columns<T, ReduceOp::sum>;
  table.reduce_columns[1] = reduce_columns<T, ReduceOp::max>;
  table.reduce_columns[2] = reduce_columns<T, ReduceOp::min>;
  table.reduce_begin[0] = reduce_begin<T, ReduceOp::sum>;
  table.reduce_begin[1] = reduce_begin<T, ReduceOp::max>;
  table.reduce_begin[2] = reduce_begin<T, ReduceOp::min>;
  table.reduce_combine[0] = reduce_combine<T, ReduceOp::sum>;
  table.reduce_combine[1] = reduce_combine<T, ReduceOp::max>;
  table.reduce_combine[2] = reduce_combine<T, ReduceOp::min>;
  table.reduce_end[0] = reduce_end<T, float>;
  table.reduce_end[1] = reduce_end<T, double>;
  table.reduce_end[2] = reduce_end<T, std::int64_t>;
}

}  // namespace sg::kernels::SG_ISA

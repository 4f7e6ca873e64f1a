// Register tiles of the convolutions: products of weights with packets of pixels, and sums over packets.
#pragma once

#include <utility>

#include "engine/kernels/isa/conv_kernels.h"
#include "engine/kernels/vector.h"

namespace sg::kernels::SG_ISA {

/// The register tile: accumulators, one row's vectors and a broadcast fill 16 registers, or 32 with AVX-512.
inline constexpr int kTileRows = kVectorBytes == 64 ? 8 : 4;
inline constexpr int kTilePackets = 3;
/// Few rows take more packets, so that enough independent sums are under way.
constexpr int widest_tile(int rows) {
  return rows == 1 ? 8 : rows == 2 ? (kTileRows == 8 ? 6 : 5) : rows == 3 && kTileRows == 8 ? 6 : kTilePackets;
}

template <class T, int Lanes, int Rows, int Packets>
void product_tile(const ConvProduct<T>& p, std::int64_t row, std::int64_t packet) {
  using V = Vector<T, Lanes>;
  // Every loop over the tile is unrolled, the first too: an array that is indexed by a variable anywhere lies in
  // memory, which cost as much as a depth of nine.
  V sums[Rows][Packets];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int s = 0; s < Packets; ++s) sums[r][s] = V{};
  }
  const T* b[Packets];
#pragma GCC unroll 8
  for (int s = 0; s < Packets; ++s) b[s] = p.b + p.packets[packet + s];
  const T* a = p.a + row * p.a_row;
  const std::int64_t a_row = p.a_row, c_row = p.c_row, depth = p.depth;
  const std::int32_t* const offsets = p.offsets;
  const bool accumulate = p.accumulate;
#pragma GCC unroll 1
  for (std::int64_t k = 0; k < depth; ++k, ++a) {
    const std::int64_t offset = offsets[k];
    V vectors[Packets];
#pragma GCC unroll 8
    for (int s = 0; s < Packets; ++s) vectors[s] = load<V>(b[s] + offset);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const V weight = splat<V>(a[r * a_row]);
#pragma GCC unroll 8
      for (int s = 0; s < Packets; ++s) sums[r][s] = multiply_add(weight, vectors[s], sums[r][s]);
    }
  }
#pragma GCC unroll 8
  for (int s = 0; s < Packets; ++s) {
    T* c = p.c + row * c_row + p.c_offsets[packet + s];
    const std::int32_t count = p.counts[packet + s];
    if (count == Lanes) {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r, c += c_row) store(c, accumulate ? load<V>(c) + sums[r][s] : sums[r][s]);
    } else {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r, c += c_row) {
        store_partial(c, accumulate ? load_partial<V>(c, count) + sums[r][s] : sums[r][s], count);
      }
    }
  }
}

template <class T, int Lanes, int Rows, int Packets>
void product_rows(const ConvProduct<T>& p, std::int64_t packet, int rows, std::int64_t row) {
  if (rows == Rows) {
    product_tile<T, Lanes, Rows, Packets>(p, row, packet);
  } else if constexpr (Rows > 1) {
    product_rows<T, Lanes, Rows - 1, Packets>(p, packet, rows, row);
  }
}

/// All rows of `Packets` neighbouring packets, whose vectors stay in the first-level cache. Rows are shared out evenly:
/// a tile of one would leave the multiply-adds waiting for each other.
template <class T, int Lanes, int Packets>
void product_column(const ConvProduct<T>& p, std::int64_t packet) {
  std::int64_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  for (std::int64_t row = 0; row < p.rows; --tiles) {
    const std::int64_t rows = (p.rows - row + tiles - 1) / tiles;
    product_rows<T, Lanes, kTileRows, Packets>(p, packet, static_cast<int>(rows), row);
    row += rows;
  }
}

template <class T, int Lanes, int Rows>
void product_few_rows(const ConvProduct<T>& p, std::int64_t& packet) {
  constexpr int packets = widest_tile(Rows);
  for (; packet + packets <= p.packet_count; packet += packets) product_tile<T, Lanes, Rows, packets>(p, 0, packet);
}

template <class T, int Lanes>
void product(const ConvProduct<T>& p) {
  std::int64_t packet = 0;
  if (p.rows == 1) {
    product_few_rows<T, Lanes, 1>(p, packet);
  } else if (p.rows == 2) {
    product_few_rows<T, Lanes, 2>(p, packet);
  } else if (p.rows == 3) {
    product_few_rows<T, Lanes, 3>(p, packet);
  }
  // Four are left as two and two: a single one would leave the multiply-adds waiting for each other.
  for (; p.packet_count - packet > 4 || p.packet_count - packet == 3; packet += 3)
    product_column<T, Lanes, 3>(p, packet);
  for (; p.packet_count - packet > 1; packet += 2) product_column<T, Lanes, 2>(p, packet);
  if (packet < p.packet_count) product_column<T, Lanes, 1>(p, packet);
}

template <class V>
inline ElementOf<V> sum_of_lanes(V v) {
  constexpr int lanes = kLanesOf<V>;
  if constexpr (lanes == 1) {
    return v[0];
  } else {
    using Half = Vector<ElementOf<V>, lanes / 2>;
    Half halves[2];
    __builtin_memcpy(halves, &v, sizeof(V));
    return sum_of_lanes<Half>(halves[0] + halves[1]);
  }
}

/// Adds the halves of every run of `Run` lanes of a and of b: what was a run becomes half as long, a's before b's.
template <int Run, class V, int... Lane>
inline V fold_runs(V a, V b, std::integer_sequence<int, Lane...>) {
  constexpr int lanes = kLanesOf<V>, half = Run / 2;
  const V first = __builtin_shufflevector(a, b, (Lane / half * Run + Lane % half)...);
  const V second = __builtin_shufflevector(a, b, (Lane / half * Run + half + Lane % half)...);
  static_assert(lanes % Run == 0);
  return first + second;
}

/// The sums of the lanes of `Count` vectors, a power of two, become the first lanes of the result: fewer shuffles than
/// one sum after the other.
template <int Run, int Count, class V>
inline V sums_of_lanes(const V* vectors) {
  const auto sequence = std::make_integer_sequence<int, kLanesOf<V>>{};
  if constexpr (Run == 1) {
    return vectors[0];
  } else if constexpr (Count == 1) {
    const V folded = fold_runs<Run>(vectors[0], vectors[0], sequence);
    return sums_of_lanes<Run / 2, 1>(&folded);
  } else {
    V folded[Count / 2];
#pragma GCC unroll 8
    for (int i = 0; i < Count / 2; ++i) folded[i] = fold_runs<Run>(vectors[2 * i], vectors[2 * i + 1], sequence);
    return sums_of_lanes<Run / 2, Count / 2>(folded);
  }
}

template <class T, int Lanes, int Rows, int Columns>
void reduction_tile(const ConvReduction<T>& p, std::int64_t row, std::int64_t column) {
  using V = Vector<T, Lanes>;
  V sums[Rows][Columns];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int k = 0; k < Columns; ++k) sums[r][k] = V{};
  }
  const T* b[Columns];
#pragma GCC unroll 8
  for (int k = 0; k < Columns; ++k) b[k] = p.b + p.offsets[column + k];
  const std::int64_t a_row = p.a_row, packet_count = p.packet_count;
  const std::int64_t* const a_packets = p.a_packets;
  const std::int32_t* const packets = p.packets;
#pragma GCC unroll 1
  for (std::int64_t s = 0; s < packet_count; ++s) {
    const std::int64_t packet = packets[s];
    const T* const a = p.a + row * a_row + a_packets[s];
    V vectors[Columns];
#pragma GCC unroll 8
    for (int k = 0; k < Columns; ++k) vectors[k] = load<V>(b[k] + packet);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      V cotangent = load<V>(a + r * a_row);
#if defined(__x86_64__)
      asm("" : "+v"(cotangent));  // one load for all columns, instead of one in each multiply-add
#endif
#pragma GCC unroll 8
      for (int k = 0; k < Columns; ++k) sums[r][k] = multiply_add(cotangent, vectors[k], sums[r][k]);
    }
  }
  T totals[Columns][Rows];
  if constexpr (Rows > 1 && Rows <= Lanes && (Rows & (Rows - 1)) == 0) {
#pragma GCC unroll 8
    for (int k = 0; k < Columns; ++k) {
      V of_column[Rows];
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) of_column[r] = sums[r][k];
      const V total = sums_of_lanes<Lanes, Rows>(of_column);
      __builtin_memcpy(totals[k], &total, sizeof(totals[k]));
    }
  } else {
#pragma GCC unroll 8
    for (int k = 0; k < Columns; ++k) {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) totals[k][r] = sum_of_lanes(sums[r][k]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    T* const c = p.c + (row + r) * p.c_row + column;
#pragma GCC unroll 8
    for (int k = 0; k < Columns; ++k) c[k] = p.accumulate ? c[k] + totals[k][r] : totals[k][r];
  }
}

template <class T, int Lanes, int Rows>
void reduction_row(const ConvReduction<T>& p, std::int64_t row) {
  constexpr int columns = widest_tile(Rows);
  std::int64_t column = 0;
  for (; column + columns <= p.depth; column += columns) reduction_tile<T, Lanes, Rows, columns>(p, row, column);
  for (; column + 3 <= p.depth; column += 3) reduction_tile<T, Lanes, Rows, 3>(p, row, column);
  for (; column < p.depth; ++column) reduction_tile<T, Lanes, Rows, 1>(p, row, column);
}

template <class T, int Lanes, int Rows>
void reduction_rows(const ConvReduction<T>& p, int rows, std::int64_t row) {
  if (rows == Rows) {
    reduction_row<T, Lanes, Rows>(p, row);
  } else if constexpr (Rows > 1) {
    reduction_rows<T, Lanes, Rows - 1>(p, rows, row);
  }
}

template <class T, int Lanes>
void reduction(const ConvReduction<T>& p) {
  std::int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows) reduction_row<T, Lanes, kTileRows>(p, row);
  if (row < p.rows) reduction_rows<T, Lanes, kTileRows - 1>(p, static_cast<int>(p.rows - row), row);
}

}  // namespace sg::kernels::SG_ISA

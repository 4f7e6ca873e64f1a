// The tables of loops that the tile machine runs: one for each instruction set and element type.
#pragma once

#include <cstdint>

#include "engine/dtype.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/tile_vm.h"

namespace sg::kernels {

/// Loops over spans of one element type T. Sums are kept as f64 (f32 and f64) or i64 accumulators of 8 bytes.
struct TileKernels {
  /// out[i] = op(a[i], b[i], c[i]) for i in [0, count). `out` may be one of the operands.
  using Operation = void (*)(void* out, const void* a, const void* b, const void* c, std::int64_t count,
                             double immediate);
  Operation operations[kTileOpCount];  // null where the type lacks it

  /// values[r * count + i] = source[r * row_stride + i * stride], converted from the dtype in memory. The `splat` of
  /// one element is the case of zero strides.
  using Read = void (*)(void* values, const void* source, std::int64_t rows, std::int64_t row_stride,
                        std::int64_t count, std::int64_t stride);
  Read read[3];
  /// The mirror of Read.
  using Write = void (*)(void* destination, const void* values, std::int64_t rows, std::int64_t row_stride,
                         std::int64_t count, std::int64_t stride);
  Write write[3];

  /// accumulators[r] op= values[r * count ...] reduced, for r in [0, rows).
  using ReduceRows = void (*)(void* accumulators, const void* values, std::int64_t rows, std::int64_t count);
  ReduceRows reduce_rows[3];
  /// accumulators[j] op= values[r * count + j] over r, for j in [0, count). `scratch` has room for rows * count
  /// elements.
  using ReduceColumns = void (*)(void* accumulators, const void* values, std::int64_t rows, std::int64_t count,
                                 void* scratch);
  ReduceColumns reduce_columns[3];

  /// accumulators[i] = the reduction of nothing.
  void (*reduce_begin[3])(void* accumulators, std::int64_t count);
  /// accumulators[i] op= others[i].
  void (*reduce_combine[3])(void* accumulators, const void* others, std::int64_t count);
  /// destination[i] = accumulators[i], converted to the dtype in memory.
  void (*reduce_end[3])(void* destination, const void* accumulators, std::int64_t count);
};

/// The table for programs of this dtype.
const TileKernels& tile_kernels(Isa isa, Dtype dtype);

namespace baseline {
const TileKernels& tile_kernels_f32();
const TileKernels& tile_kernels_f64();
const TileKernels& tile_kernels_i64();
}  // namespace baseline
namespace avx2 {
const TileKernels& tile_kernels_f32();
const TileKernels& tile_kernels_f64();
const TileKernels& tile_kernels_i64();
}  // namespace avx2
namespace avx512 {
const TileKernels& tile_kernels_f32();
const TileKernels& tile_kernels_f64();
const TileKernels& tile_kernels_i64();
}  // namespace avx512

}  // namespace sg::kernels

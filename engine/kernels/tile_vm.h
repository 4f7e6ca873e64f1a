// The tile machine: runs a fused chain of elementwise work, with broadcasts before it and reductions after it, in one
// pass over tiles that stay in the first-level cache.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "engine/dtype.h"
#include "engine/kernels/cpu.h"

namespace sg::kernels {

inline constexpr int kMaxTileDims = 16;

/// The instructions: see tile_ops.def.
enum class TileOp : std::uint8_t {
#define SG_TILE_OP(name, operands, cost, types) name,
#include "engine/kernels/tile_ops.def"
#undef SG_TILE_OP
};

/// What is known of an instruction, by its number.
struct TileOpTraits {
  enum class Types : std::uint8_t { any, floating };
  const char* name;
  int arity;
  int cost;
  Types types;
};
inline constexpr TileOpTraits kTileOps[] = {
#define SG_TILE_OP(name, operands, cost, types) {#name, operands, cost, TileOpTraits::Types::types},
#include "engine/kernels/tile_ops.def"
#undef SG_TILE_OP
};
inline constexpr int kTileOpCount = static_cast<int>(std::size(kTileOps));

constexpr const TileOpTraits& traits_of(TileOp op) { return kTileOps[static_cast<int>(op)]; }
constexpr const char* name_of(TileOp op) { return traits_of(op).name; }
/// The number of values that it reads: 0 to 3.
constexpr int arity(TileOp op) { return traits_of(op).arity; }
/// About how many additions it takes as long as.
constexpr int cost_of(TileOp op) { return traits_of(op).cost; }
/// Whether a program of this dtype may use it.
constexpr bool supports(Dtype dtype, TileOp op) {
  return dtype != i64 || traits_of(op).types == TileOpTraits::Types::any;
}

/// `out` and the operands are values of the program (indices below value_count); unused operands are ignored.
struct TileInstruction {
  TileOp op;
  std::uint16_t out = 0, a = 0, b = 0, c = 0;
  double immediate = 0;  // of constant, add_immediate and multiply_immediate
};

/// A tensor in memory that becomes a value (load) or takes one (store), over the program's whole shape.
struct TileOperand {
  std::uint16_t value;
  Dtype dtype;                           // in memory; converted to and from the program's (towards i64: truncated)
  std::int64_t strides[kMaxTileDims]{};  // in elements, of the program's dimensions; 0 broadcasts (loads only)
};

enum class ReduceOp : std::uint8_t { sum, max, min };  // max and min of a set with a NaN are NaN

/// A value reduced over the program's reduced axes into a contiguous tensor of the kept axes, in their order.
struct TileReduction {
  std::uint16_t value;
  Dtype dtype;  // in memory
  ReduceOp op;
};

/// In static single assignment: a value is made once, by a load or by an instruction, before it is read.
struct TileProgram {
  Dtype dtype = Dtype::f32;  // every value's
  int value_count = 0;
  std::vector<TileInstruction> code;
  std::vector<TileOperand> loads;
  std::vector<TileOperand> stores;
  std::vector<TileReduction> reductions;
  std::uint32_t reduced_axes = 0;  // bit d is set where dimension d is reduced
};

/// A program made ready for one shape: dimensions joined, values assigned to cells in the first-level cache, work cut
/// into tasks by the shape alone. Immutable once made, so that any number of threads may run it.
class CompiledTile {
 public:
  /// `isa` is an argument for the tests' sake; it must not exceed what the processor has.
  CompiledTile(const TileProgram& program, std::span<const std::int64_t> shape, Isa isa = kernels::isa());
  ~CompiledTile();
  CompiledTile(CompiledTile&&) noexcept;
  CompiledTile& operator=(CompiledTile&&) noexcept;

  /// Pointers in the order of the program's loads, stores and reductions. A store may be the very buffer of a load of
  /// the same dtype and strides; any other overlap of a store with another operand is an error of the caller's.
  /// Reductions over nothing give 0 (sum), the lowest (max) or the highest value (min).
  void run(const void* const* loads, void* const* stores, void* const* reductions) const;

  /// Whether its tasks need nothing after them, so that run_together takes it.
  bool runs_together() const;

  struct Schedule;  // tile_schedule.h

 private:
  friend void run_together(std::span<const struct TileRun> runs);
  std::unique_ptr<const Schedule> schedule_;
};

/// The arguments of CompiledTile::run.
struct TileRun {
  const CompiledTile* tile;
  const void* const* loads;
  void* const* stores;
  void* const* reductions;
};
/// Runs programs none of which reads or writes what another one writes, on all threads at once: many small ones, such
/// as an optimiser's for each parameter, take one piece of parallel work instead of one each.
void run_together(std::span<const TileRun> runs);

}  // namespace sg::kernels

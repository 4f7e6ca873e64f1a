// The schedule of a compiled tile program: what CompiledTile's constructor works out and its run() follows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/kernels/isa/tile_kernels.h"
#include "engine/kernels/tile_vm.h"

namespace sg::kernels {

/// The iteration space is a box of `dims` dimensions, the last innermost. It is cut into tasks (smaller boxes), and a
/// task into tiles: `tile_rows` indices of the dimension `tile_dim`, times everything inside it.
struct CompiledTile::Schedule {
  using Extents = std::int64_t[kMaxTileDims];

  const TileKernels* kernels = nullptr;
  int element_size = 0;
  std::int64_t total = 1;  // elements of the iteration space
  int dims = 0;
  Extents extent{};
  bool reduced[kMaxTileDims]{};

  Extents splits{}, box{};  // tasks along each dimension, and their extent (the last one's may be smaller)
  std::int64_t tasks = 1;
  std::int64_t task_cost = 0;  // about, in elementwise operations on one element

  int tile_dim = 0;
  std::int64_t tile_rows = 1;
  std::int64_t tile_inner = 1;  // elements of one row: of everything inside tile_dim
  std::int64_t capacity = 0;    // elements of a cell

  /// How an operand looks inside a tile. A direct one is read or written where it lies in memory.
  enum class Access : std::uint8_t { direct, splat, strided };
  struct Operand {
    Access access = Access::direct;
    bool cached = false;  // the same elements may serve several tiles
    Dtype dtype = Dtype::f32;
    std::uint16_t value = 0;
    Extents strides{};  // in elements of the memory's dtype
    // The tile as this operand sees it, dimensions joined; the first counts rows of tile_dim times nest_extent[0].
    int nest_dims = 0;
    Extents nest_extent{}, nest_stride{};
  };
  std::vector<Operand> loads, stores;
  /// The operands, stores after loads, whose next tile is asked for while one is computed; see kLeastAhead.
  std::vector<std::uint16_t> ahead;

  static constexpr std::uint16_t kDirect = 0xffff;
  struct Constant {
    std::uint16_t cell;
    double value;
  };
  struct TileCall {
    TileKernels::Operation operation;
    std::uint16_t out, a, b, c;  // indices of pointers: cells, then loads, then stores
    double immediate;
  };
  struct LateStore {
    std::uint16_t pointer, store;  // from where, to which store
  };
  /// The code for the case that no store is a load's buffer, and for the case that one is.
  struct Code {
    std::vector<Constant> constants;
    std::vector<std::uint16_t> load_cells;  // for each load its cell, or kDirect
    std::vector<TileCall> calls;
    std::vector<LateStore> late_stores;
    std::vector<std::uint16_t> reduction_pointers;
    int cells = 0;
  };
  Code codes[2];
  int cells = 0;  // the most of both

  struct Reduction {
    int op = 0;
    Dtype dtype = Dtype::f32;
  };
  std::vector<Reduction> reductions;
  Extents accumulator_strides{};  // of the kept dimensions within a task's box; 0 for reduced ones
  Extents output_strides{};       // of the kept dimensions in the output; 0 for reduced ones
  std::int64_t kept_total = 1;    // elements of an output
  std::int64_t kept_box = 1;      // elements of an output that one task makes
  std::int64_t reduced_splits = 1;
  int run_dim = -1;  // the innermost kept dimension that is split: outputs are contiguous from it inwards
  // The tile as the accumulators see it: bands, each of neighbouring dimensions that are all kept or all reduced.
  int bands = 0;
  Extents band_extent{}, band_stride{};
  bool band_reduced[kMaxTileDims]{};
  bool fold_scratch = false;

  std::size_t cell_bytes = 0, pointers_offset = 0, accumulators_offset = 0, scratch_bytes = 0;

  /// The code for these operands.
  const Code& code_for(const void* const* load_data, void* const* store_data) const;
  struct Task;  // the state of one task while it runs
  void run(const void* const* load_data, void* const* store_data, void* const* outputs) const;
  void run_task(std::int64_t index, const Code& code, const void* const* load_data, void* const* store_data,
                void* const* outputs, char* partials) const;
  void run_tile(Task& task, std::int64_t rows) const;
  void ask_ahead(const char* const* sources, std::int64_t begin, std::int64_t end, std::int64_t tile_bytes) const;
  void read(const Operand& load, int dim, std::int64_t rows, const char* source, char*& values) const;
  void write(const Operand& store, int dim, std::int64_t rows, const char*& values, char* destination) const;
  void reduce(int op, int band, std::int64_t rows, const char*& values, char* accumulators, char* scratch) const;
  void write_outputs(const Task& task, void* const* outputs, char* partials) const;
  void combine(void* const* outputs, char* partials) const;
};

using TileSchedule = CompiledTile::Schedule;

/// Works the schedule out.
std::unique_ptr<const TileSchedule> make_tile_schedule(const TileProgram& program, std::span<const std::int64_t> shape,
                                                       Isa isa);
/// Gives each value of the program its cell, once the schedule's tiles and operands are known (tile_cells.cpp).
TileSchedule::Code assign_cells(const TileProgram& program, const TileSchedule& schedule, bool aliased);
/// The program without copies, dead code and foldable constants, and with products joined to sums.
TileProgram simplify(const TileProgram& program);

}  // namespace sg::kernels

// The tile machine's run: tasks, their tiles, and the combination of partial reductions.
#include "engine/kernels/tile_vm.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"
#include "engine/kernels/tile_schedule.h"

namespace sg::kernels {

namespace {

/// The scratch of one thread: kept, because asking for memory would cost more than a small program.
class ThreadScratch {
 public:
  ThreadScratch() = default;
  ThreadScratch(const ThreadScratch&) = delete;
  ThreadScratch& operator=(const ThreadScratch&) = delete;
  ~ThreadScratch() { ::operator delete (data_, std::align_val_t{64}); }
  char* get(std::size_t bytes) {
    if (bytes > size_) {
      ::operator delete (data_, std::align_val_t{64});
      data_ = nullptr;
      size_ = 0;
      data_ = ::operator new (bytes, std::align_val_t{64});
      size_ = bytes;
    }
    return static_cast<char*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};
thread_local ThreadScratch thread_scratch;

}  // namespace

struct TileSchedule::Task {
  const Code& code;
  char* scratch;
  char** pointers;           // cells, then where the next tile lies in loads and stores
  const char** cached;       // the source of what a load's cell holds
  char* accumulators;        // one box after another
  std::int64_t accumulator;  // where the next tile goes in each box
  Extents begin, end;
};

void TileSchedule::read(const Operand& load, int dim, std::int64_t rows, const char* source, char*& values) const {
  const std::int64_t bytes = size_of(load.dtype);
  const std::int64_t length = load.nest_extent[dim] * rows;
  const TileKernels::Read loop = kernels->read[static_cast<int>(load.dtype)];
  const int left = load.nest_dims - dim;
  if (left == 1) {
    loop(values, source, 1, 0, length, load.nest_stride[dim]);
    values += length * element_size;
  } else if (left == 2) {
    const std::int64_t count = load.nest_extent[dim + 1];
    loop(values, source, length, load.nest_stride[dim], count, load.nest_stride[dim + 1]);
    values += length * count * element_size;
  } else {
    for (std::int64_t i = 0; i < length; ++i) {
      read(load, dim + 1, 1, source + i * load.nest_stride[dim] * bytes, values);
    }
  }
}

void TileSchedule::write(const Operand& store, int dim, std::int64_t rows, const char*& values,
                         char* destination) const {
  const std::int64_t bytes = size_of(store.dtype);
  const std::int64_t length = store.nest_extent[dim] * rows;
  const TileKernels::Write loop = kernels->write[static_cast<int>(store.dtype)];
  const int left = store.nest_dims - dim;
  if (left == 1) {
    loop(destination, values, 1, 0, length, store.nest_stride[dim]);
    values += length * element_size;
  } else if (left == 2) {
    const std::int64_t count = store.nest_extent[dim + 1];
    loop(destination, values, length, store.nest_stride[dim], count, store.nest_stride[dim + 1]);
    values += length * count * element_size;
  } else {
    for (std::int64_t i = 0; i < length; ++i) {
      write(store, dim + 1, 1, values, destination + i * store.nest_stride[dim] * bytes);
    }
  }
}

void TileSchedule::reduce(int op, int band, std::int64_t rows, const char*& values, char* accumulators,
                          char* scratch) const {
  const std::int64_t length = band_extent[band] * rows;
  const int left = bands - band;
  if (left == 1) {
    if (band_reduced[band]) {
      kernels->reduce_rows[op](accumulators, values, 1, length);
    } else {
      kernels->reduce_columns[op](accumulators, values, 1, length, scratch);
    }
    values += length * element_size;
  } else if (left == 2) {
    const std::int64_t count = band_extent[band + 1];
    if (band_reduced[band]) {
      kernels->reduce_columns[op](accumulators, values, length, count, scratch);
    } else {
      kernels->reduce_rows[op](accumulators, values, length, count);
    }
    values += length * count * element_size;
  } else {
    const std::int64_t stride = band_reduced[band] ? 0 : band_stride[band] * 8;
    for (std::int64_t i = 0; i < length; ++i) reduce(op, band + 1, 1, values, accumulators + i * stride, scratch);
  }
}

void TileSchedule::run_tile(Task& task, std::int64_t rows) const {
  const Code& code = task.code;
  char** const pointers = task.pointers;
  char** const sources = pointers + code.cells;
  const std::int64_t count = rows * tile_inner;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    const std::uint16_t cell = code.load_cells[i];
    if (cell == kDirect) continue;
    const Operand& load = loads[i];
    // A task's first tile is its longest, so that what it cached serves the others.
    if (load.cached && task.cached[i] == sources[i]) continue;
    task.cached[i] = sources[i];
    if (load.access == Access::splat) {
      kernels->read[static_cast<int>(load.dtype)](pointers[cell], sources[i], 1, 0, load.cached ? capacity : count, 0);
    } else {
      char* values = pointers[cell];
      read(load, 0, rows, sources[i], values);
    }
  }
  const std::int64_t tile_bytes = ahead.empty() ? 0 : count * element_size, calls = std::ssize(code.calls);
  for (std::int64_t i = 0; i < calls; ++i) {
    const TileCall& call = code.calls[i];
    call.operation(pointers[call.out], pointers[call.a], pointers[call.b], pointers[call.c], count, call.immediate);
    if (tile_bytes > 0) ask_ahead(sources, tile_bytes * i / calls, tile_bytes * (i + 1) / calls, tile_bytes);
  }
  char* const folded = fold_scratch ? task.scratch + static_cast<std::size_t>(cells - 1) * cell_bytes : nullptr;
  for (std::size_t i = 0; i < reductions.size(); ++i) {
    const char* values = pointers[code.reduction_pointers[i]];
    char* const accumulators = task.accumulators + (static_cast<std::int64_t>(i) * kept_box + task.accumulator) * 8;
    reduce(reductions[i].op, 0, rows, values, accumulators, folded);
  }
  for (const LateStore& late : code.late_stores) {
    const char* values = pointers[late.pointer];
    write(stores[late.store], 0, rows, values, sources[loads.size() + late.store]);
  }
}

/// Asks for a part of the next tile of each operand that lies in memory: little by little, since memory has only so
/// many lines under way, and whoever asks for more waits.
void TileSchedule::ask_ahead(const char* const* sources, std::int64_t begin, std::int64_t end,
                             std::int64_t tile_bytes) const {
  constexpr std::int64_t kLine = 64;
  for (const std::uint16_t index : ahead) {
    const char* const next = sources[index] + tile_bytes;
    for (std::int64_t at = (begin + kLine - 1) / kLine * kLine; at < end; at += kLine) __builtin_prefetch(next + at);
  }
}

void TileSchedule::run_task(std::int64_t index, const Code& code, const void* const* load_data, void* const* store_data,
                            void* const* outputs, char* partials) const {
  char* const scratch = thread_scratch.get(scratch_bytes);
  char** const pointers = reinterpret_cast<char**>(scratch + pointers_offset);
  char** const sources = pointers + code.cells;
  const std::size_t operands = loads.size() + stores.size();
  Task task{.code = code,
            .scratch = scratch,
            .pointers = pointers,
            .cached = const_cast<const char**>(sources + operands),
            .accumulators = scratch + accumulators_offset,
            .accumulator = 0,
            .begin = {},
            .end = {}};

  std::int64_t rest = index;
  for (int d = dims - 1; d >= 0; --d) {
    task.begin[d] = rest % splits[d] * box[d];
    task.end[d] = std::min(task.begin[d] + box[d], extent[d]);
    rest /= splits[d];
  }
  for (int s = 0; s < code.cells; ++s) task.pointers[s] = scratch + static_cast<std::size_t>(s) * cell_bytes;
  for (std::size_t i = 0; i < operands; ++i) {
    const bool is_load = i < loads.size();
    const Operand& operand = is_load ? loads[i] : stores[i - loads.size()];
    std::int64_t offset = 0;
    for (int d = 0; d < dims; ++d) offset += task.begin[d] * operand.strides[d];
    const char* base = static_cast<const char*>(is_load ? load_data[i] : store_data[i - loads.size()]);
    sources[i] = const_cast<char*>(base) + offset * size_of(operand.dtype);
  }
  std::fill_n(task.cached, loads.size(), nullptr);
  for (const Constant& constant : code.constants) {
    kernels->operations[static_cast<int>(TileOp::constant)](task.pointers[constant.cell], nullptr, nullptr, nullptr,
                                                            capacity, constant.value);
  }
  for (std::size_t i = 0; i < reductions.size(); ++i) {
    kernels->reduce_begin[reductions[i].op](task.accumulators + static_cast<std::int64_t>(i) * kept_box * 8, kept_box);
  }

  const auto move = [&](int d, std::int64_t by) {
    for (std::size_t i = 0; i < loads.size(); ++i) sources[i] += by * loads[i].strides[d] * size_of(loads[i].dtype);
    char** const destinations = sources + loads.size();
    for (std::size_t i = 0; i < stores.size(); ++i) {
      destinations[i] += by * stores[i].strides[d] * size_of(stores[i].dtype);
    }
    task.accumulator += by * accumulator_strides[d];
  };
  Extents at;
  std::copy_n(task.begin, dims, at);
  while (true) {
    const std::int64_t all_rows = task.end[tile_dim] - task.begin[tile_dim];
    std::int64_t row = 0;
    while (true) {
      const std::int64_t rows = std::min(tile_rows, all_rows - row);
      run_tile(task, rows);
      row += rows;
      if (row == all_rows) {
        if (row != rows) move(tile_dim, rows - row);
        break;
      }
      move(tile_dim, rows);
    }
    int d = tile_dim - 1;
    for (; d >= 0; --d) {
      if (++at[d] < task.end[d]) {
        move(d, 1);
        break;
      }
      move(d, task.begin[d] + 1 - task.end[d]);
      at[d] = task.begin[d];
    }
    if (d < 0) break;
  }
  if (!reductions.empty()) write_outputs(task, outputs, partials);
}

void TileSchedule::write_outputs(const Task& task, void* const* outputs, char* partials) const {
  // The number of the part of the reduced range that this task had.
  std::int64_t part = 0, offset = 0, run = kept_box;
  for (int d = 0; d < dims; ++d) {
    if (reduced[d]) part = part * splits[d] + task.begin[d] / box[d];
    offset += task.begin[d] * output_strides[d];
  }
  if (run_dim >= 0) run = (task.end[run_dim] - task.begin[run_dim]) * accumulator_strides[run_dim];
  for (std::size_t i = 0; i < reductions.size(); ++i) {
    const Reduction& reduction = reductions[i];
    const char* const from = task.accumulators + static_cast<std::int64_t>(i) * kept_box * 8;
    const std::int64_t bytes = reduced_splits > 1 ? 8 : size_of(reduction.dtype);
    char* const to = reduced_splits > 1
                         ? partials + (static_cast<std::int64_t>(i) * reduced_splits + part) * kept_total * 8
                         : static_cast<char*>(outputs[i]);
    Extents at;
    std::copy_n(task.begin, dims, at);
    std::int64_t source = 0, destination = offset;
    while (true) {
      if (reduced_splits > 1) {
        std::memcpy(to + destination * bytes, from + source * 8, static_cast<std::size_t>(run * 8));
      } else {
        kernels->reduce_end[static_cast<int>(reduction.dtype)](to + destination * bytes, from + source * 8, run);
      }
      int d = run_dim - 1;
      for (; d >= 0; --d) {
        if (reduced[d]) continue;
        if (++at[d] < task.end[d]) {
          source += accumulator_strides[d];
          destination += output_strides[d];
          break;
        }
        const std::int64_t back = at[d] - 1 - task.begin[d];
        source -= back * accumulator_strides[d];
        destination -= back * output_strides[d];
        at[d] = task.begin[d];
      }
      if (d < 0) break;
    }
  }
}

void TileSchedule::combine(void* const* outputs, char* partials) const {
  constexpr std::int64_t kChunk = 4096;
  const std::int64_t chunks = (kept_total + kChunk - 1) / kChunk;
  const auto combine_chunk = [&](std::int64_t chunk) {
    const std::int64_t begin = chunk * kChunk, count = std::min(kChunk, kept_total - begin);
    for (std::size_t i = 0; i < reductions.size(); ++i) {
      char* const first = partials + (static_cast<std::int64_t>(i) * reduced_splits * kept_total + begin) * 8;
      for (std::int64_t part = 1; part < reduced_splits; ++part) {
        kernels->reduce_combine[reductions[i].op](first, first + part * kept_total * 8, count);
      }
      const int dtype = static_cast<int>(reductions[i].dtype);
      kernels->reduce_end[dtype](static_cast<char*>(outputs[i]) + begin * size_of(reductions[i].dtype), first, count);
    }
  };
  if (chunks == 1) {
    combine_chunk(0);
  } else {
    parallel_for(chunks, combine_chunk);
  }
}

const TileSchedule::Code& TileSchedule::code_for(const void* const* load_data, void* const* store_data) const {
  bool aliased = false;
  for (std::size_t s = 0; s < stores.size(); ++s) {
    for (std::size_t l = 0; l < loads.size(); ++l) aliased = aliased || store_data[s] == load_data[l];
  }
  return codes[aliased ? 1 : 0];
}

void TileSchedule::run(const void* const* load_data, void* const* store_data, void* const* outputs) const {
  if (total == 0) {
    for (std::size_t i = 0; i < reductions.size(); ++i) {
      std::int64_t nothing;
      kernels->reduce_begin[reductions[i].op](&nothing, 1);
      const std::int64_t bytes = size_of(reductions[i].dtype);
      for (std::int64_t k = 0; k < kept_total; ++k) {
        kernels->reduce_end[static_cast<int>(reductions[i].dtype)](static_cast<char*>(outputs[i]) + k * bytes, &nothing,
                                                                   1);
      }
    }
    return;
  }
  const Code& chosen = code_for(load_data, store_data);
  if (tasks == 1) {
    run_task(0, chosen, load_data, store_data, outputs, nullptr);
    return;
  }
  if (reduced_splits == 1) {
    parallel_for(tasks, [&](std::int64_t task) { run_task(task, chosen, load_data, store_data, outputs, nullptr); });
    return;
  }
  const Scratch partials(reductions.size() * static_cast<std::size_t>(reduced_splits * kept_total) * 8);
  parallel_for(tasks,
               [&](std::int64_t task) { run_task(task, chosen, load_data, store_data, outputs, partials.as<char>()); });
  combine(outputs, partials.as<char>());
}

CompiledTile::CompiledTile(const TileProgram& program, std::span<const std::int64_t> shape, Isa isa)
    : schedule_(make_tile_schedule(program, shape, isa)) {}
CompiledTile::~CompiledTile() = default;
CompiledTile::CompiledTile(CompiledTile&&) noexcept = default;
CompiledTile& CompiledTile::operator=(CompiledTile&&) noexcept = default;

void CompiledTile::run(const void* const* loads, void* const* stores, void* const* reductions) const {
  schedule_->run(loads, stores, reductions);
}

bool CompiledTile::runs_together() const { return schedule_->total > 0 && schedule_->reduced_splits == 1; }

void run_together(std::span<const TileRun> runs) {
  constexpr std::int64_t kCost = 32768;  // of tasks that are worth a thread's while, in operations on one element
  struct Piece {
    std::size_t run;
    std::int64_t task, end;
  };
  std::vector<Piece> pieces;
  std::vector<std::size_t> starts;  // of the work of one thread, in pieces
  std::int64_t cost = kCost;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const TileSchedule& schedule = *runs[r].tile->schedule_;
    for (std::int64_t task = 0; task < schedule.tasks; ++task) {
      if (cost >= kCost) {
        starts.push_back(pieces.size());
        cost = 0;
      }
      cost += schedule.task_cost;
      if (starts.back() < pieces.size() && pieces.back().run == r) {
        ++pieces.back().end;
      } else {
        pieces.push_back({r, task, task + 1});
      }
    }
  }
  starts.push_back(pieces.size());
  parallel_for(static_cast<std::int64_t>(starts.size()) - 1, [&](std::int64_t i) {
    for (std::size_t p = starts[i]; p < starts[i + 1]; ++p) {
      const TileRun& run = runs[pieces[p].run];
      const TileSchedule& schedule = *run.tile->schedule_;
      const TileSchedule::Code& code = schedule.code_for(run.loads, run.stores);
      for (std::int64_t task = pieces[p].task; task < pieces[p].end; ++task) {
        schedule.run_task(task, code, run.loads, run.stores, run.reductions, nullptr);
      }
    }
  });
}

const TileKernels& tile_kernels(Isa isa, Dtype dtype) {
#if defined(SG_X86_ISAS)
  if (isa == Isa::avx512) {
    return dtype == f32   ? avx512::tile_kernels_f32()
           : dtype == f64 ? avx512::tile_kernels_f64()
                          : avx512::tile_kernels_i64();
  }
  if (isa == Isa::avx2) {
    return dtype == f32 ? avx2::tile_kernels_f32() : dtype == f64 ? avx2::tile_kernels_f64() : avx2::tile_kernels_i64();
  }
#endif
  (void)isa;
  return dtype == f32   ? baseline::tile_kernels_f32()
         : dtype == f64 ? baseline::tile_kernels_f64()
                        : baseline::tile_kernels_i64();
}

}  // namespace sg::kernels

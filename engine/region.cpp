// Region: runs blocks of rows through the region's steps, and adds the partial sums.
#include "engine/region.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "engine/kernels/copy.h"
#include "engine/kernels/isa/tile_kernels.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"
#include "engine/profile.h"

namespace sg {
namespace {

using Home = Region::Operand::Home;

constexpr std::int64_t kPiece = 4096;  // elements of a sum that one task adds up over the chunks

kernels::TileOp tile_op(kernels::ReduceOp op) {
  return op == kernels::ReduceOp::sum   ? kernels::TileOp::add
         : op == kernels::ReduceOp::max ? kernels::TileOp::maximum
                                        : kernels::TileOp::minimum;
}

/// to[i] = to[i] op from[i]
void combine(void* to, const void* from, std::int64_t count, Dtype dtype, kernels::ReduceOp op) {
  const auto loop = kernels::tile_kernels(kernels::isa(), dtype).operations[static_cast<int>(tile_op(op))];
  loop(to, to, from, nullptr, count, 0);
}

/// The memory of a thread's blocks: kept, so that it is still in the thread's own cache when the next chunk needs it.
class ThreadMemory {
 public:
  ThreadMemory() = default;
  ThreadMemory(const ThreadMemory&) = delete;
  ThreadMemory& operator=(const ThreadMemory&) = delete;
  ~ThreadMemory() { kernels::release(data_); }
  char* get(std::int64_t bytes) {
    if (bytes > size_) {
      kernels::release(std::exchange(data_, nullptr));
      size_ = 0;
      data_ = kernels::allocate(static_cast<std::size_t>(bytes));
      size_ = bytes;
    }
    return static_cast<char*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::int64_t size_ = 0;
};
thread_local ThreadMemory thread_memory;

/// The blocks of one chunk, on one thread.
class ChunkRun {
 public:
  ChunkRun(const Region& region, std::span<char* const> operands, char* partial_sums, std::vector<double>* seconds)
      : region_(region),
        operands_(operands),
        partial_sums_(partial_sums),
        seconds_(seconds),
        memory_(thread_memory.get(region.block_bytes)) {}

  void run(std::int64_t first_block, std::int64_t end_block) {
    for (std::int64_t block = first_block; block < end_block; ++block) {
      row_ = block * region_.block;
      form_ = row_ + region_.block <= region_.rows ? 0 : 1;
      is_first_ = block == first_block;
      if (seconds_) {
        run_timed();
      } else {
        for (const Region::Step& step : region_.steps) run_step(step);
      }
    }
  }

 private:
  void run_timed() {
    using Clock = std::chrono::steady_clock;
    Clock::time_point before = Clock::now();
    for (std::size_t s = 0; s < region_.steps.size(); ++s) {
      run_step(region_.steps[s]);
      const Clock::time_point after = Clock::now();
      (*seconds_)[s] += std::chrono::duration<double>(after - before).count();
      before = after;
    }
  }

  char* address(const Region::Operand& operand) const {
    if (operand.home == Home::block) return memory_ + operand.offset;
    return operands_[operand.tensor] + operand.offset + row_ * operand.row_bytes;
  }

  /// The first part of a chunk's sum: there is nothing yet to add it to.
  bool begins(const Region::Step::Sum& sum) const { return is_first_ && sum.first; }
  /// It may be left where the partial sum will be.
  bool stays(const Region::Step::Sum& sum) const { return begins(sum) && !region_.sums[sum.total].wide; }

  void run_step(const Region::Step& step) {
    addresses_.clear();
    for (const Region::Operand& operand : step.operands) addresses_.push_back(address(operand));
    for (const Region::Step::Sum& sum : step.sums) {
      if (stays(sum)) addresses_[sum.operand] = partial_sums_ + region_.sums[sum.total].offset;
    }
    const Region::Form& form = step.forms[form_];
    switch (step.kind) {
      case PlanStep::Kind::fused:
        step.forms[form_].tile->run(
            reinterpret_cast<const void* const*>(addresses_.data()),
            reinterpret_cast<void* const*>(addresses_.data() + step.input_count),
            reinterpret_cast<void* const*>(addresses_.data() + step.input_count + step.store_count));
        break;
      case PlanStep::Kind::copy:
        kernels::copy_strided(addresses_[1], addresses_[0], {form.shapes[0].data(), form.shapes[0].size()},
                              {step.strides[0].data(), step.strides[0].size()},
                              static_cast<int>(size_of(step.operands[0].dtype)));
        break;
      default:
        spans_.clear();
        for (std::size_t i = 0; i < step.operands.size(); ++i) {
          spans_.push_back({addresses_[i], &form.shapes[i], &step.strides[i], step.operands[i].dtype});
        }
        step.primitive->run({spans_.data(), step.input_count}, spans_.back());
    }
    for (const Region::Step::Sum& sum : step.sums) {
      if (!stays(sum)) add(sum);
    }
  }

  void add(const Region::Step::Sum& sum) {
    const Region::Sum& total = region_.sums[sum.total];
    char* const to = partial_sums_ + total.offset;
    const char* const part = addresses_[sum.operand];
    if (!total.wide) return combine(to, part, total.count, total.dtype, total.op);
    auto* const wide = reinterpret_cast<double*>(to);
    const auto* const narrow = reinterpret_cast<const float*>(part);
    for (std::int64_t i = 0; i < total.count; ++i) wide[i] = begins(sum) ? narrow[i] : wide[i] + narrow[i];
  }

  const Region& region_;
  const std::span<char* const> operands_;
  char* const partial_sums_;
  std::vector<double>* const seconds_;
  char* const memory_;
  std::int64_t row_ = 0;
  int form_ = 0;
  bool is_first_ = true;
  std::vector<char*> addresses_;
  std::vector<Span> spans_;
};

/// Adds elements [begin, end) of one sum over all chunks, in their order.
void add_chunks(const Region& region, const Region::Sum& sum, std::int64_t begin, std::int64_t end, char* partial_sums,
                char* result) {
  const Dtype dtype = sum.wide ? f64 : sum.dtype;
  const std::int64_t size = size_of(dtype), count = end - begin;
  char* const first = partial_sums + sum.offset + begin * size;
  for (std::int64_t chunk = 1; chunk < region.chunks; ++chunk) {
    combine(first, first + chunk * region.sum_bytes, count, dtype, sum.op);
  }
  char* const to = result + begin * size_of(sum.dtype);
  if (!sum.wide) {
    std::memcpy(to, first, static_cast<std::size_t>(count * size));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    reinterpret_cast<float*>(to)[i] = static_cast<float>(reinterpret_cast<const double*>(first)[i]);
  }
}

void add_chunks(const Region& region, std::span<char* const> operands, char* partial_sums) {
  struct Piece {
    const Region::Sum* sum;
    std::int64_t begin, end;
  };
  std::vector<Piece> pieces;
  for (const Region::Sum& sum : region.sums) {
    for (std::int64_t begin = 0; begin < sum.count; begin += kPiece) {
      pieces.push_back({&sum, begin, std::min(begin + kPiece, sum.count)});
    }
  }
  const auto run = [&](std::int64_t i) {
    const Piece& piece = pieces[i];
    add_chunks(region, *piece.sum, piece.begin, piece.end, partial_sums,
               operands[piece.sum->result] + piece.sum->result_offset);
  };
  // Less than what waking a thread costs.
  if (region.sum_bytes * region.chunks <= 128 * 1024) {
    for (std::size_t i = 0; i < pieces.size(); ++i) run(static_cast<std::int64_t>(i));
  } else {
    kernels::parallel_for(static_cast<std::int64_t>(pieces.size()), run);
  }
}

}  // namespace

void run_region(const Region& region, std::span<char* const> operands) {
  const std::int64_t blocks = region.block_count(), per_chunk = (blocks + region.chunks - 1) / region.chunks;
  const kernels::Scratch partial_sums(static_cast<std::size_t>(region.chunks * region.sum_bytes));
  const bool timed = profile::enabled();
  std::vector<std::vector<double>> seconds(timed ? region.chunks : 0, std::vector<double>(region.steps.size(), 0.0));
  kernels::parallel_for(region.chunks, [&](std::int64_t chunk) {
    ChunkRun run(region, operands, partial_sums.as<char>() + chunk * region.sum_bytes,
                 timed ? &seconds[chunk] : nullptr);
    run.run(chunk * per_chunk, std::min(blocks, (chunk + 1) * per_chunk));
  });
  if (!timed) {
    add_chunks(region, operands, partial_sums.as<char>());
    return;
  }
  // A step's time is its share of the region's: the threads' times together, by the number of threads.
  const auto workers = static_cast<double>(std::min<std::int64_t>(kernels::threads(), region.chunks));
  for (std::size_t s = 0; s < region.steps.size(); ++s) {
    double total = 0;
    for (const std::vector<double>& chunk : seconds) total += chunk[s];
    const Region::Step& step = region.steps[s];
    profile::add(step.label, total / workers, step.flops, step.bytes);
  }
  profile::note(to_string(region));
  const profile::Timer timer("sums of blocks", 0, static_cast<double>(region.chunks * region.sum_bytes));
  add_chunks(region, operands, partial_sums.as<char>());
}

std::int64_t kernel_count(const Plan& plan) {
  std::int64_t count = 0;
  for (const PlanStep& step : plan.steps) {
    count += step.kind == PlanStep::Kind::region ? static_cast<std::int64_t>(step.region->steps.size()) : 1;
  }
  return count;
}

std::int64_t region_count(const Plan& plan) {
  return std::count_if(plan.steps.begin(), plan.steps.end(),
                       [](const PlanStep& step) { return step.kind == PlanStep::Kind::region; });
}

}  // namespace sg

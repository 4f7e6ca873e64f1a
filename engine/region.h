// Region: plan steps that run together on one block of rows after another.
#pragma once

#include <array>
#include <string>

#include "engine/kernels/tile_vm.h"
#include "engine/plan.h"

namespace sg {

struct Region {
  std::int64_t rows = 0;    // of the leading axis
  std::int64_t block = 0;   // rows of a block; the last block may have fewer
  std::int64_t chunks = 0;  // runs of whole blocks: one is one thread's, and has partial sums of its own

  /// Where an operand's elements are, in bytes.
  struct Operand {
    enum class Home : std::uint8_t {
      memory,  // a tensor of the plan, number `tensor` of the region's operands
      block,   // the memory of one block, which a thread uses again for the next
    };
    Home home = Home::memory;
    std::int64_t tensor = 0;
    std::int64_t offset = 0;
    std::int64_t row_bytes = 0;  // from a row to the next; 0 where every block reads the same, and in a block's memory
    Dtype dtype = f32;
  };
  /// What depends on the number of rows: for whole blocks, and for the last one.
  struct Form {
    std::shared_ptr<const kernels::CompiledTile> tile;
    std::vector<Shape> shapes;  // of the operands
  };
  struct Step {
    PlanStep::Kind kind = PlanStep::Kind::fused;
    std::shared_ptr<const kernels::TileProgram> program;
    PrimitivePointer primitive;
    std::vector<Operand> operands;  // inputs, then outputs
    std::vector<Shape> strides;     // theirs
    std::size_t input_count = 0, store_count = 0;
    std::array<Form, 2> forms;
    struct Sum {
      std::size_t operand = 0;  // the output that is only this block's part
      std::int64_t total = 0;   // the region's sum that it adds to
      bool first = true;        // of a block's parts of that sum
    };
    std::vector<Sum> sums;
    std::string label;
    double flops = 0, bytes = 0;
  };
  std::vector<Step> steps;

  /// A sum over all rows: blocks add to their chunk's, and the chunks are added in their order.
  struct Sum {
    std::int64_t offset = 0;  // in a chunk's partial sums, in bytes
    std::int64_t count = 0;   // elements
    Dtype dtype = f32;
    bool wide = false;  // f64 partial sums of f32: sums of many blocks of elementwise work
    kernels::ReduceOp op = kernels::ReduceOp::sum;
    std::int64_t result = 0;  // the result's number among the region's operands
    std::int64_t result_offset = 0;
  };
  std::vector<Sum> sums;

  std::int64_t block_bytes = 0;  // of a block's memory
  std::int64_t sum_bytes = 0;    // of a chunk's partial sums
  std::int64_t saved_bytes = 0;  // of the tensors that exist in blocks only

  std::int64_t block_count() const { return (rows + block - 1) / block; }
};

/// Runs all blocks. `operands` are the first elements of the plan step's inputs and outputs.
void run_region(const Region& region, std::span<char* const> operands);

/// The kernels that a plan runs, regions' steps counted one by one.
std::int64_t kernel_count(const Plan& plan);
std::int64_t region_count(const Plan& plan);

}  // namespace sg

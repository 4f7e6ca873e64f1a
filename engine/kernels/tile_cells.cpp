// Cells: where each value of a tile program is while a tile is computed, and the code that follows from it.
#include <algorithm>
#include <cassert>

#include "engine/kernels/tile_schedule.h"

namespace sg::kernels {

namespace {

/// A value is in a cell of the scratch, or where a load or a store lies in memory. The number of cells is known at the
/// end, so that pointers count from 0 for cells, from kLoads for loads and from kStores for stores until then.
constexpr int kLoads = 1 << 14, kStores = 1 << 15, kNowhere = -1;

class CellAssigner {
 public:
  CellAssigner(const TileProgram& program, const TileSchedule& schedule, bool aliased)
      : program_(program),
        schedule_(schedule),
        aliased_(aliased),
        where_(program.value_count, kNowhere),
        stays_(program.value_count, false),
        last_use_(program.value_count, -1),
        written_by_(program.value_count, kNowhere) {}

  TileSchedule::Code run() {
    find_direct_loads();
    find_last_uses();
    put_lasting_loads();
    put_constants();
    put_other_loads();
    find_early_stores();
    put_results();
    write_calls();
    write_late_stores();
    for (const TileReduction& reduction : program_.reductions) {
      code_.reduction_pointers.push_back(pointer(where_[reduction.value]));
    }
    code_.cells = cells_;
    return std::move(code_);
  }

 private:
  /// Loads that are read where they lie. What a store or a reduction takes straight from a load must be read before
  /// another store overwrites it.
  void find_direct_loads() {
    std::vector<bool> read_late(program_.value_count, false);
    for (const TileSchedule::Operand& store : schedule_.stores) read_late[store.value] = true;
    for (const TileReduction& reduction : program_.reductions) read_late[reduction.value] = true;
    is_direct_.assign(program_.value_count, false);
    for (const TileSchedule::Operand& load : schedule_.loads) {
      is_direct_[load.value] = load.access == TileSchedule::Access::direct && !(aliased_ && read_late[load.value]);
    }
  }

  void find_last_uses() {
    const auto use = [&](int at, std::uint16_t value) {
      last_use_[value] = std::max(last_use_[value], at);
      if (is_direct_[value]) last_memory_read_ = std::max(last_memory_read_, at);
    };
    const int instructions = static_cast<int>(program_.code.size());
    for (int i = 0; i < instructions; ++i) {
      const TileInstruction& instruction = program_.code[i];
      const int operands = arity(instruction.op);
      if (operands > 0) use(i, instruction.a);
      if (operands > 1) use(i, instruction.b);
      if (operands > 2) use(i, instruction.c);
    }
    for (const TileSchedule::Operand& store : schedule_.stores) use(instructions, store.value);
    for (const TileReduction& reduction : program_.reductions) use(instructions, reduction.value);
  }

  /// Direct loads, and cells that keep their content from tile to tile: these first, so that nothing is ever put there
  /// before.
  void put_lasting_loads() {
    code_.load_cells.assign(schedule_.loads.size(), TileSchedule::kDirect);
    for (int i = 0; i < static_cast<int>(schedule_.loads.size()); ++i) {
      const TileSchedule::Operand& load = schedule_.loads[i];
      if (is_direct_[load.value]) {
        where_[load.value] = kLoads + i;
      } else if (load.cached) {
        where_[load.value] = code_.load_cells[i] = static_cast<std::uint16_t>(cells_++);
      } else {
        continue;
      }
      stays_[load.value] = true;
    }
  }

  void put_constants() {
    for (const TileInstruction& instruction : program_.code) {
      if (instruction.op != TileOp::constant) continue;
      code_.constants.push_back({static_cast<std::uint16_t>(cells_), instruction.immediate});
      where_[instruction.out] = cells_++;
      stays_[instruction.out] = true;
    }
  }

  void put_other_loads() {
    for (std::size_t i = 0; i < schedule_.loads.size(); ++i) {
      const TileSchedule::Operand& load = schedule_.loads[i];
      if (is_direct_[load.value] || load.cached) continue;
      where_[load.value] = code_.load_cells[i] = static_cast<std::uint16_t>(cells_++);
    }
  }

  /// Values whose instruction may write straight into a store's memory.
  void find_early_stores() {
    for (int s = 0; s < static_cast<int>(schedule_.stores.size()); ++s) {
      const TileSchedule::Operand& store = schedule_.stores[s];
      if (store.access != TileSchedule::Access::direct || where_[store.value] != kNowhere) continue;
      if (written_by_[store.value] == kNowhere) written_by_[store.value] = s;
    }
  }

  void put_results() {
    for (int i = 0; i < static_cast<int>(program_.code.size()); ++i) {
      const TileInstruction& instruction = program_.code[i];
      if (instruction.op == TileOp::constant) continue;
      const std::uint16_t read[3] = {instruction.a, instruction.b, instruction.c};
      for (int k = 0; k < arity(instruction.op); ++k) give_back(read[k], i);
      // Written early, a store could change a load's buffer that is still to be read.
      const int store = written_by_[instruction.out];
      if (store != kNowhere && (!aliased_ || i >= last_memory_read_)) {
        where_[instruction.out] = kStores + store;
        stays_[instruction.out] = true;
      } else {
        where_[instruction.out] = take_cell();
      }
    }
  }

  /// Frees the value's cell where instruction i is the last to read it: it may write over what it reads.
  void give_back(std::uint16_t value, int i) {
    assert(where_[value] != kNowhere);
    if (last_use_[value] != i || stays_[value]) return;
    free_cells_.push_back(where_[value]);
    stays_[value] = true;  // given back once
  }

  int take_cell() {
    if (free_cells_.empty()) return cells_++;
    const int cell = free_cells_.back();
    free_cells_.pop_back();
    return cell;
  }

  /// What `where` says, as an index into a tile's pointers: cells, then loads, then stores.
  std::uint16_t pointer(int where) const {
    const int loads = static_cast<int>(schedule_.loads.size());
    return static_cast<std::uint16_t>(where >= kStores  ? cells_ + loads + (where - kStores)
                                      : where >= kLoads ? cells_ + (where - kLoads)
                                                        : where);
  }

  void write_calls() {
    for (const TileInstruction& instruction : program_.code) {
      if (instruction.op == TileOp::constant) continue;
      const int operands = arity(instruction.op);
      const TileKernels::Operation loop = schedule_.kernels->operations[static_cast<int>(instruction.op)];
      assert(loop != nullptr);
      const auto operand = [&](int k, std::uint16_t value) {
        return k < operands ? pointer(where_[value]) : std::uint16_t{0};
      };
      code_.calls.push_back({loop, pointer(where_[instruction.out]), operand(0, instruction.a),
                             operand(1, instruction.b), operand(2, instruction.c), instruction.immediate});
    }
  }

  void write_late_stores() {
    for (int s = 0; s < static_cast<int>(schedule_.stores.size()); ++s) {
      const int where = where_[schedule_.stores[s].value];
      if (where != kStores + s) code_.late_stores.push_back({pointer(where), static_cast<std::uint16_t>(s)});
    }
  }

  const TileProgram& program_;
  const TileSchedule& schedule_;
  const bool aliased_;  // a store may be a load's buffer
  std::vector<int> where_;
  std::vector<bool> stays_;  // of each value: its cell is not to be given to another
  std::vector<int> last_use_;
  std::vector<int> written_by_;  // of each value: the store in whose memory it could be, or kNowhere
  std::vector<bool> is_direct_;  // of each value: a load that is read where it lies
  int last_memory_read_ = -1;    // by an instruction, of a direct load
  int cells_ = 0;
  std::vector<int> free_cells_;
  TileSchedule::Code code_;
};

}  // namespace

TileSchedule::Code assign_cells(const TileProgram& program, const TileSchedule& schedule, bool aliased) {
  return CellAssigner(program, schedule, aliased).run();
}

}  // namespace sg::kernels

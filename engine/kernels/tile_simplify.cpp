// Rewrites of a tile program that save passes over a tile.
#include <cassert>
#include <cmath>
#include <optional>

#include "engine/kernels/tile_schedule.h"

namespace sg::kernels {

namespace {

constexpr int kNone = -1;

struct Rewriter {
  TileProgram program;
  std::vector<int> maker;              // the instruction that makes each value, or kNone
  std::vector<std::uint16_t> same_as;  // copies stand for what they copy

  std::uint16_t resolve(std::uint16_t value) {
    while (same_as[value] != value) value = same_as[value];
    return value;
  }

  std::optional<double> constant(std::uint16_t value) const {
    const int at = maker[value];
    if (at == kNone || program.code[at].op != TileOp::constant) return std::nullopt;
    return program.code[at].immediate;
  }

  void resolve_copies() {
    for (std::size_t v = 0; v < same_as.size(); ++v) same_as[v] = static_cast<std::uint16_t>(v);
    for (TileInstruction& instruction : program.code) {
      const int operands = arity(instruction.op);
      if (operands > 0) instruction.a = resolve(instruction.a);
      if (operands > 1) instruction.b = resolve(instruction.b);
      if (operands > 2) instruction.c = resolve(instruction.c);
      if (instruction.op == TileOp::copy) same_as[instruction.out] = instruction.a;
    }
    for (TileOperand& store : program.stores) store.value = resolve(store.value);
    for (TileReduction& reduction : program.reductions) reduction.value = resolve(reduction.value);
  }

  void find_makers() {
    maker.assign(program.value_count, kNone);
    for (std::size_t i = 0; i < program.code.size(); ++i) maker[program.code[i].out] = static_cast<int>(i);
  }

  void fold_constants() {
    for (TileInstruction& instruction : program.code) {
      if (arity(instruction.op) != 2) continue;
      const auto left = constant(instruction.a), right = constant(instruction.b);
      const auto become = [&](TileOp op, std::uint16_t operand, double immediate) {
        instruction.op = op;
        instruction.a = operand;
        instruction.immediate = immediate;
      };
      if (instruction.op == TileOp::add) {
        if (right) {
          become(TileOp::add_immediate, instruction.a, *right);
        } else if (left) {
          become(TileOp::add_immediate, instruction.b, *left);
        }
      } else if (instruction.op == TileOp::mul) {
        if (right) {
          become(TileOp::multiply_immediate, instruction.a, *right);
        } else if (left) {
          become(TileOp::multiply_immediate, instruction.b, *left);
        }
      } else if (instruction.op == TileOp::sub) {
        if (right) become(TileOp::add_immediate, instruction.a, -*right);
      } else if (instruction.op == TileOp::pow && right && *right == 2) {
        instruction.op = TileOp::square;
      } else if (instruction.op == TileOp::div && right && program.dtype != Dtype::i64) {
        // A power of two divides by its reciprocal without error.
        int exponent = 0;
        if (std::abs(std::frexp(*right, &exponent)) == 0.5 && std::abs(exponent) < 100) {
          become(TileOp::multiply_immediate, instruction.a, 1 / *right);
        }
      }
    }
  }

  std::vector<int> count_uses() const {
    std::vector<int> uses(program.value_count, 0);
    for (const TileInstruction& instruction : program.code) {
      const int operands = arity(instruction.op);
      if (operands > 0) ++uses[instruction.a];
      if (operands > 1) ++uses[instruction.b];
      if (operands > 2) ++uses[instruction.c];
    }
    for (const TileOperand& store : program.stores) ++uses[store.value];
    for (const TileReduction& reduction : program.reductions) ++uses[reduction.value];
    return uses;
  }

  void join_products() {
    if (program.dtype == Dtype::i64) return;
    const std::vector<int> uses = count_uses();
    for (TileInstruction& instruction : program.code) {
      if (instruction.op != TileOp::add) continue;
      const auto joins = [&](std::uint16_t product) {
        const int at = maker[product];
        return uses[product] == 1 && at != kNone &&
               (program.code[at].op == TileOp::mul || program.code[at].op == TileOp::square);
      };
      std::uint16_t product = instruction.a, other = instruction.b;
      if (!joins(product)) std::swap(product, other);
      if (!joins(product)) continue;
      const TileInstruction& made = program.code[maker[product]];
      const std::uint16_t second = made.op == TileOp::square ? made.a : made.b;
      instruction = {.op = TileOp::multiply_add, .out = instruction.out, .a = made.a, .b = second, .c = other};
    }
  }

  void drop_dead() {
    std::vector<bool> needed(program.value_count, false);
    for (const TileOperand& store : program.stores) needed[store.value] = true;
    for (const TileReduction& reduction : program.reductions) needed[reduction.value] = true;
    std::vector<TileInstruction> kept;
    for (std::size_t i = program.code.size(); i-- > 0;) {
      const TileInstruction& instruction = program.code[i];
      if (!needed[instruction.out]) continue;
      const int operands = arity(instruction.op);
      if (operands > 0) needed[instruction.a] = true;
      if (operands > 1) needed[instruction.b] = true;
      if (operands > 2) needed[instruction.c] = true;
      kept.push_back(instruction);
    }
    program.code.assign(kept.rbegin(), kept.rend());
  }
};

}  // namespace

TileProgram simplify(const TileProgram& program) {
  Rewriter rewriter;
  rewriter.program = program;
  rewriter.same_as.resize(program.value_count);
  rewriter.resolve_copies();
  rewriter.find_makers();
  rewriter.fold_constants();
  rewriter.join_products();
  rewriter.drop_dead();
  return rewriter.program;
}

}  // namespace sg::kernels

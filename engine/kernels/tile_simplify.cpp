// Rewrites of a tile program that save passes over a tile. All but the sums that take a product are exact to the bit,
// signs of zeros included; those have one rounding less.
#include <bit>
#include <cassert>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "engine/kernels/tile_schedule.h"

namespace sg::kernels {

namespace {

bool is_power_of_two(double x) {
  int exponent = 0;
  return std::abs(std::frexp(x, &exponent)) == 0.5 && std::abs(exponent) < 100;
}

/// Calls visit(value) for each value that the instruction reads.
template <class Instruction, class Visit>
void for_operands(Instruction& instruction, Visit visit) {
  const int operands = arity(instruction.op);
  if (operands > 0) visit(instruction.a);
  if (operands > 1) visit(instruction.b);
  if (operands > 2) visit(instruction.c);
}

/// Writes a program anew: equal instructions once, constants as immediates, signs carried to where they cost nothing.
class Rewriter {
 public:
  explicit Rewriter(const TileProgram& given)
      : program_(given), terms_(given.value_count), maker_(given.value_count, kNone) {
    program_.code.clear();
    for (const TileOperand& load : given.loads) terms_[load.value] = {load.value, false};
    for (const TileInstruction& instruction : given.code) terms_[instruction.out] = rewrite(instruction);
    for (TileOperand& store : program_.stores) store.value = value_of(terms_[store.value]);
    for (TileReduction& reduction : program_.reductions) reduction.value = value_of(terms_[reduction.value]);
  }

  TileProgram take() {
    join_products();
    drop_dead();
    number_anew();
    return std::move(program_);
  }

 private:
  static constexpr int kNone = -1;

  /// What a value of the given program is in the new one: a value or its negative.
  struct Term {
    std::uint16_t value;
    bool negative;
  };

  bool floating() const { return program_.dtype != Dtype::i64; }
  const TileInstruction* maker(std::uint16_t value) const {
    return maker_[value] == kNone ? nullptr : &program_.code[maker_[value]];
  }
  std::optional<double> constant(Term term) const {
    const TileInstruction* made = maker(term.value);
    if (!made || made->op != TileOp::constant) return std::nullopt;
    return term.negative ? -made->immediate : made->immediate;
  }

  /// The value that an instruction makes: one that is there already if an equal one made it.
  std::uint16_t make(TileInstruction instruction) {
    const auto key = std::make_tuple(instruction.op, instruction.a, instruction.b, instruction.c,
                                     std::bit_cast<std::uint64_t>(instruction.immediate));
    const auto [known, added] = made_.emplace(key, 0);
    if (added) {
      assert(program_.value_count < 65535);
      known->second = instruction.out = static_cast<std::uint16_t>(program_.value_count++);
      maker_.push_back(static_cast<int>(program_.code.size()));
      program_.code.push_back(instruction);
    }
    return known->second;
  }
  std::uint16_t make(TileOp op, std::uint16_t a, std::uint16_t b = 0, double immediate = 0) {
    return make({.op = op, .a = a, .b = b, .immediate = immediate});
  }

  std::uint16_t value_of(Term term) {
    if (!term.negative) return term.value;
    const TileInstruction* made = maker(term.value);
    if (made && made->op == TileOp::multiply_immediate) {
      return make(TileOp::multiply_immediate, made->a, 0, -made->immediate);
    }
    return make(TileOp::neg, term.value);
  }

  Term rewrite(TileInstruction instruction) {
    const Term a = terms_[instruction.a], b = terms_[instruction.b];
    switch (instruction.op) {
      case TileOp::copy: return a;
      case TileOp::neg:
        if (floating()) return {a.value, !a.negative};
        break;
      case TileOp::square:
      case TileOp::abs: return {make(instruction.op, a.value), false};
      case TileOp::add: return sum(a, b);
      case TileOp::sub:
        if (floating()) return sum(a, {b.value, !b.negative});
        break;
      case TileOp::mul:
        if (const auto right = constant(b)) return multiple(a, *right);
        if (const auto left = constant(a)) return multiple(b, *left);
        return {make(TileOp::mul, a.value, b.value), a.negative != b.negative};
      case TileOp::multiply_immediate: return multiple(a, instruction.immediate);
      case TileOp::div:
        if (!floating()) break;
        // A power of two divides by its reciprocal without error.
        if (const auto right = constant(b); right && is_power_of_two(*right)) return multiple(a, 1 / *right);
        return {make(TileOp::div, a.value, b.value), a.negative != b.negative};
      case TileOp::pow:
        if (constant(b) == 2.0) return {make(TileOp::square, a.value), false};
        break;
      default: break;
    }
    for_operands(instruction, [this](std::uint16_t& operand) { operand = value_of(terms_[operand]); });
    return {make(instruction), false};
  }

  /// a + b; a sum of two negatives keeps one, because -(a + b) has another zero where they cancel.
  Term sum(Term a, Term b) {
    if (const auto right = constant(b); right && !a.negative) {
      return {make(TileOp::add_immediate, a.value, 0, *right), false};
    }
    if (const auto left = constant(a); left && !b.negative) {
      return {make(TileOp::add_immediate, b.value, 0, *left), false};
    }
    if (!a.negative && !b.negative) return {make(TileOp::add, a.value, b.value), false};
    if (!b.negative) return {make(TileOp::sub, b.value, a.value), false};
    return {make(TileOp::sub, value_of(a), b.value), false};
  }

  /// a * factor: a factor's sign is the term's, and two factors are one where that rounds no differently.
  Term multiple(Term a, double factor) {
    if (!floating()) return {make(TileOp::multiply_immediate, a.value, 0, factor), false};
    const TileInstruction* made = maker(a.value);
    if (made && made->op == TileOp::multiply_immediate && std::abs(factor * made->immediate) > 1e-30 &&
        std::abs(factor * made->immediate) < 1e30 && (is_power_of_two(factor) || is_power_of_two(made->immediate))) {
      factor *= made->immediate;
      a.value = made->a;
    }
    const bool negative = a.negative != std::signbit(factor);
    if (std::abs(factor) == 1) return {a.value, negative};
    return {make(TileOp::multiply_immediate, a.value, 0, std::abs(factor)), negative};
  }

  std::vector<int> count_uses() const {
    std::vector<int> uses(program_.value_count, 0);
    for (const TileInstruction& instruction : program_.code) {
      for_operands(instruction, [&](std::uint16_t operand) { ++uses[operand]; });
    }
    for (const TileOperand& store : program_.stores) ++uses[store.value];
    for (const TileReduction& reduction : program_.reductions) ++uses[reduction.value];
    return uses;
  }

  /// c + a * b and c - a * b in one instruction, where nobody else needs the product.
  void join_products() {
    if (!floating()) return;
    drop_dead();  // what is dead needs no product
    const std::vector<int> uses = count_uses();
    for (TileInstruction& instruction : program_.code) {
      if (instruction.op != TileOp::add && instruction.op != TileOp::sub) continue;
      const auto joins = [&](std::uint16_t value) {
        const TileInstruction* made = maker(value);
        return uses[value] == 1 && made && (made->op == TileOp::mul || made->op == TileOp::square);
      };
      std::uint16_t product = instruction.b, other = instruction.a;
      if (instruction.op == TileOp::add && !joins(product)) std::swap(product, other);
      if (!joins(product)) continue;
      const TileInstruction& made = *maker(product);
      instruction.op = instruction.op == TileOp::add ? TileOp::multiply_add : TileOp::subtract_product;
      instruction.a = made.a;
      instruction.b = made.op == TileOp::square ? made.a : made.b;
      instruction.c = other;
    }
  }

  void drop_dead() {
    std::vector<bool> needed(program_.value_count, false);
    for (const TileOperand& store : program_.stores) needed[store.value] = true;
    for (const TileReduction& reduction : program_.reductions) needed[reduction.value] = true;
    std::vector<TileInstruction> kept;
    for (std::size_t i = program_.code.size(); i-- > 0;) {
      const TileInstruction& instruction = program_.code[i];
      if (!needed[instruction.out]) continue;
      for_operands(instruction, [&](std::uint16_t operand) { needed[operand] = true; });
      kept.push_back(instruction);
    }
    program_.code.assign(kept.rbegin(), kept.rend());
    maker_.assign(program_.value_count, kNone);
    for (std::size_t i = 0; i < program_.code.size(); ++i) maker_[program_.code[i].out] = static_cast<int>(i);
  }

  /// Values from 0: the loads', then the instructions'.
  void number_anew() {
    std::vector<std::uint16_t> number(program_.value_count);
    std::uint16_t next = 0;
    for (TileOperand& load : program_.loads) load.value = number[load.value] = next++;
    for (TileInstruction& instruction : program_.code) {
      for_operands(instruction, [&](std::uint16_t& operand) { operand = number[operand]; });
      instruction.out = number[instruction.out] = next++;
    }
    for (TileOperand& store : program_.stores) store.value = number[store.value];
    for (TileReduction& reduction : program_.reductions) reduction.value = number[reduction.value];
    program_.value_count = next;
  }

  TileProgram program_;  // the new one; until it is numbered anew its first values are the given one's, of which only
                         // the loads' are in use
  std::vector<Term> terms_;
  std::vector<int> maker_;  // of the new program's values: the instruction, or kNone
  std::map<std::tuple<TileOp, std::uint16_t, std::uint16_t, std::uint16_t, std::uint64_t>, std::uint16_t> made_;
};

}  // namespace

TileProgram simplify(const TileProgram& program) { return Rewriter(program).take(); }

}  // namespace sg::kernels

// The tile machine against a plain scalar interpreter, its reductions, and its independence of the number of threads.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "engine/kernels/parallel.h"
#include "engine/kernels/tile_vm.h"

using namespace sg;
using namespace sg::kernels;

namespace {

using Shape = std::vector<std::int64_t>;

/// The instruction sets that run here.
std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (int i = 0; i <= static_cast<int>(isa()); ++i) all.push_back(static_cast<Isa>(i));
  return all;
}

std::int64_t count_of(const Shape& shape) {
  std::int64_t total = 1;
  for (const std::int64_t extent : shape) total *= extent;
  return total;
}

/// A buffer of one dtype, with guards behind its end.
struct Buffer {
  Dtype dtype;
  std::int64_t count;
  std::vector<std::uint64_t> storage;

  Buffer(Dtype type, std::int64_t elements) : dtype(type), count(elements), storage(elements + 16, 0x7ff4dead7ff4deadull) {}
  void* data() { return storage.data(); }
  double get(std::int64_t i) const {
    return dispatch(dtype, [&](auto zero) {
      decltype(zero) value;
      std::memcpy(&value, reinterpret_cast<const char*>(storage.data()) + i * sizeof(value), sizeof(value));
      return static_cast<double>(value);
    });
  }
  void set(std::int64_t i, double from) {
    dispatch(dtype, [&](auto zero) {
      const auto value = static_cast<decltype(zero)>(from);
      std::memcpy(reinterpret_cast<char*>(storage.data()) + i * sizeof(value), &value, sizeof(value));
    });
  }
  bool guards_stand() const {
    const char* const bytes = reinterpret_cast<const char*>(storage.data());
    const std::vector<std::uint64_t> guard(16, 0x7ff4dead7ff4deadull);
    return std::memcmp(bytes + count * size_of(dtype), guard.data(), 64) == 0;
  }
};

template <class T>
T evaluate(TileOp op, T a, T b, T c, double immediate) {
  switch (op) {
    case TileOp::constant: return static_cast<T>(immediate);
    case TileOp::copy: return a;
    case TileOp::neg: return -a;
    case TileOp::abs: return a < 0 ? -a : a;
    case TileOp::sign: return static_cast<T>((a > 0) - (a < 0));
    case TileOp::square: return a * a;
    case TileOp::add_immediate: return a + static_cast<T>(immediate);
    case TileOp::multiply_immediate: return a * static_cast<T>(immediate);
    case TileOp::add: return a + b;
    case TileOp::sub: return a - b;
    case TileOp::mul: return a * b;
    case TileOp::div: return b == 0 ? T(0) : a / b;
    case TileOp::minimum: return a < b ? a : b;
    case TileOp::maximum: return a > b ? a : b;
    case TileOp::equal: return static_cast<T>(a == b);
    case TileOp::not_equal: return static_cast<T>(a != b);
    case TileOp::less: return static_cast<T>(a < b);
    case TileOp::less_equal: return static_cast<T>(a <= b);
    case TileOp::where: return a != 0 ? b : c;
    case TileOp::multiply_add: return a * b + c;
    case TileOp::floor: return static_cast<T>(std::floor(static_cast<double>(a)));
    case TileOp::tanh: return static_cast<T>(std::tanh(static_cast<double>(a)));
    case TileOp::sin: return static_cast<T>(std::sin(static_cast<double>(a)));
    case TileOp::sigmoid: return static_cast<T>(1 / (1 + std::exp(-static_cast<double>(a))));
    default: FAIL("an operation without a reference");
  }
  return 0;
}

/// Buffers for a program's operands, filled with small random values.
struct Case {
  TileProgram program;
  Shape shape;
  std::vector<Buffer> loads, stores, outputs;

  void run(const CompiledTile& compiled) {
    std::vector<const void*> from;
    std::vector<void*> to, reduced;
    for (Buffer& buffer : loads) from.push_back(buffer.data());
    for (Buffer& buffer : stores) to.push_back(buffer.data());
    for (Buffer& buffer : outputs) reduced.push_back(buffer.data());
    compiled.run(from.data(), to.data(), reduced.data());
  }

  /// The same by a loop over all elements; reductions in f64.
  template <class T>
  void interpret() {
    const int dims = static_cast<int>(shape.size());
    std::vector<T> values(program.value_count);
    std::vector<double> totals;
    const auto begin = [](ReduceOp op) {
      return op == ReduceOp::sum ? 0.0 : op == ReduceOp::max ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    };
    std::vector<std::vector<double>> sums;
    for (std::size_t r = 0; r < outputs.size(); ++r) sums.emplace_back(outputs[r].count, begin(program.reductions[r].op));
    for (std::int64_t flat = 0; flat < count_of(shape); ++flat) {
      Shape at(shape.size());
      std::int64_t rest = flat;
      for (int d = dims - 1; d >= 0; --d) {
        at[d] = rest % shape[d];
        rest /= shape[d];
      }
      const auto offset = [&](const TileOperand& operand) {
        std::int64_t sum = 0;
        for (int d = 0; d < dims; ++d) sum += at[d] * operand.strides[d];
        return sum;
      };
      for (std::size_t i = 0; i < loads.size(); ++i) {
        values[program.loads[i].value] = static_cast<T>(loads[i].get(offset(program.loads[i])));
      }
      for (const TileInstruction& step : program.code) {
        values[step.out] = evaluate<T>(step.op, values[step.a], values[step.b], values[step.c], step.immediate);
      }
      for (std::size_t i = 0; i < stores.size(); ++i) {
        stores[i].set(offset(program.stores[i]), static_cast<double>(values[program.stores[i].value]));
      }
      std::int64_t kept = 0;
      for (int d = 0; d < dims; ++d) {
        if (!((program.reduced_axes >> d) & 1)) kept = kept * shape[d] + at[d];
      }
      for (std::size_t r = 0; r < sums.size(); ++r) {
        const auto value = static_cast<double>(values[program.reductions[r].value]);
        double& sum = sums[r][kept];
        switch (program.reductions[r].op) {
          case ReduceOp::sum: sum += value; break;
          case ReduceOp::max: sum = std::max(sum, value); break;
          case ReduceOp::min: sum = std::min(sum, value); break;
        }
      }
    }
    for (std::size_t r = 0; r < sums.size(); ++r) {
      for (std::int64_t i = 0; i < outputs[r].count; ++i) outputs[r].set(i, sums[r][i]);
    }
  }
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }

  Shape shape() {
    static const std::int64_t extents[] = {1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 49, 64, 100, 257, 700, 1500};
    while (true) {
      Shape made(below(6));
      for (auto& extent : made) extent = extents[below(17)];
      if (chance(0.02) && !made.empty()) made[below(static_cast<int>(made.size()))] = 0;
      if (count_of(made) <= 60000) return made;
    }
  }

  Case make(Dtype dtype) {
    Case made;
    made.shape = shape();
    const int dims = static_cast<int>(made.shape.size());
    TileProgram& program = made.program;
    program.dtype = dtype;
    std::uint16_t next = 0;
    const auto memory_dtype = [&] { return chance(0.8) ? dtype : static_cast<Dtype>(below(3)); };
    // The strides of a dense tensor whose dimensions lie in memory in a random order.
    const auto dense = [&](TileOperand& operand, bool broadcasts) {
      std::vector<int> order(dims);
      for (int d = 0; d < dims; ++d) order[d] = d;
      if (chance(0.4)) std::shuffle(order.begin(), order.end(), random_);
      std::int64_t size = 1;
      for (int k = dims - 1; k >= 0; --k) {
        const int d = order[k];
        if (broadcasts && chance(0.5)) {
          operand.strides[d] = 0;
        } else {
          operand.strides[d] = size;
          size *= made.shape[d];
          if (chance(0.05)) size += 3;
        }
      }
      return size;
    };
    const int loads = 1 + below(4);
    for (int i = 0; i < loads; ++i) {
      TileOperand operand{.value = next++, .dtype = memory_dtype()};
      const std::int64_t size = dense(operand, chance(0.4));
      Buffer buffer(operand.dtype, size);
      for (std::int64_t k = 0; k < size; ++k) {
        buffer.set(k, operand.dtype == i64 || dtype == i64 ? below(9) - 4 : std::uniform_real_distribution<>(-2, 2)(random_));
      }
      program.loads.push_back(operand);
      made.loads.push_back(std::move(buffer));
    }
    static const TileOp floating[] = {TileOp::tanh, TileOp::floor, TileOp::sin, TileOp::sigmoid};
    const int steps = below(12);
    for (int i = 0; i < steps; ++i) {
      TileOp op = static_cast<TileOp>(below(static_cast<int>(TileOp::multiply_add) + 1));
      if (dtype != i64 && chance(0.1)) op = floating[below(4)];
      if (dtype != i64 && (op == TileOp::div || (op >= TileOp::equal && op <= TileOp::less_equal))) op = TileOp::add;
      if (op == TileOp::sign && dtype != i64) op = TileOp::neg;
      if (op == TileOp::floor) op = TileOp::abs;
      // Powers of powers would outgrow what a comparison with a tolerance, or an integer, can bear.
      if (op == TileOp::mul || op == TileOp::square || op == TileOp::multiply_add) {
        if (i > 4) op = TileOp::maximum;
      }
      TileInstruction step{.op = op};
      step.a = static_cast<std::uint16_t>(below(next));
      step.b = static_cast<std::uint16_t>(below(next));
      step.c = static_cast<std::uint16_t>(below(next));
      step.immediate = below(5) - 2;
      step.out = next++;
      program.code.push_back(step);
    }
    program.value_count = next;
    const int stores = below(3);
    for (int i = 0; i < stores; ++i) {
      TileOperand operand{.value = static_cast<std::uint16_t>(below(next)), .dtype = dtype == i64 ? memory_dtype() : chance(0.8) ? dtype : f64};
      const std::int64_t size = dense(operand, false);
      program.stores.push_back(operand);
      made.stores.emplace_back(operand.dtype, size);
    }
    const int reductions = below(3);
    program.reduced_axes = static_cast<std::uint32_t>(below(1 << dims));
    std::int64_t kept = 1;
    for (int d = 0; d < dims; ++d) {
      if (!((program.reduced_axes >> d) & 1)) kept *= made.shape[d];
    }
    for (int i = 0; i < reductions; ++i) {
      TileReduction reduction{static_cast<std::uint16_t>(below(next)), dtype == i64 ? i64 : chance(0.5) ? dtype : f64, static_cast<ReduceOp>(below(3))};
      if (kept > count_of(made.shape)) reduction.op = ReduceOp::sum;
      program.reductions.push_back(reduction);
      made.outputs.emplace_back(reduction.dtype, kept);
    }
    return made;
  }

 private:
  std::mt19937 random_;
};

bool close(double got, double expected, double scale, double tolerance) {
  if (got == expected) return true;
  return std::abs(got - expected) <= tolerance * (std::abs(expected) + scale);
}

void check_case(unsigned seed, Dtype dtype) {
  Generator generator(seed);
  const Case original = generator.make(dtype);
  if (count_of(original.shape) == 0) return;
  Case expected = original;
  dispatch(dtype, [&](auto zero) { expected.interpret<decltype(zero)>(); });
  const double tolerance = dtype == f32 ? 1e-4 : dtype == f64 ? 1e-12 : 0;
  for (const Isa which : isas()) {
    Case made = original;
    made.run(CompiledTile(made.program, made.shape, which));
    INFO("seed " << seed << ", " << name_of(dtype) << ", instruction set " << static_cast<int>(which));
    for (std::size_t s = 0; s < made.stores.size(); ++s) {
      REQUIRE(made.stores[s].guards_stand());
      for (std::int64_t i = 0; i < made.stores[s].count; ++i) {
        const double got = made.stores[s].get(i), wanted = expected.stores[s].get(i);
        if (std::isnan(wanted)) continue;
        if (!close(got, wanted, 100, tolerance)) {
          INFO("store " << s << " element " << i << ": " << got << " for " << wanted);
          FAIL();
        }
      }
    }
    const double scale = 100 * static_cast<double>(count_of(made.shape)) / static_cast<double>(std::max<std::int64_t>(made.outputs.empty() ? 1 : made.outputs[0].count, 1));
    for (std::size_t r = 0; r < made.outputs.size(); ++r) {
      REQUIRE(made.outputs[r].guards_stand());
      for (std::int64_t i = 0; i < made.outputs[r].count; ++i) {
        const double got = made.outputs[r].get(i), wanted = expected.outputs[r].get(i);
        if (!close(got, wanted, scale, tolerance)) {
          INFO("reduction " << r << " element " << i << ": " << got << " for " << wanted);
          FAIL();
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("tile machine: random programs agree with a scalar interpreter") {
  for (unsigned seed = 0; seed < 400; ++seed) {
    check_case(seed, f32);
    check_case(seed + 10000, f64);
    check_case(seed + 20000, i64);
  }
}

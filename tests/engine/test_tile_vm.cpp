// The tile machine against a plain scalar interpreter, its reductions, and its independence of the number of threads.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "engine/kernels/isa/tile_kernels.h"
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

  Buffer(Dtype type, std::int64_t elements)
      : dtype(type), count(elements), storage(elements + 16, 0x7ff4dead7ff4deadull) {}
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
    case TileOp::mul_no_nan: return a == 0 || b == 0 ? T(0) : a * b;
    case TileOp::multiply_add: return a * b + c;
    case TileOp::subtract_product: return c - a * b;
    case TileOp::floor: return static_cast<T>(std::floor(static_cast<double>(a)));
    case TileOp::tanh: return static_cast<T>(std::tanh(static_cast<double>(a)));
    case TileOp::sin: return static_cast<T>(std::sin(static_cast<double>(a)));
    case TileOp::sigmoid: return static_cast<T>(1 / (1 + std::exp(-static_cast<double>(a))));
    default: FAIL("an operation without a reference");
  }
  return 0;
}

std::vector<TileOp> instructions_of(Dtype dtype) {
  std::vector<TileOp> all;
  for (int op = 0; op < kTileOpCount; ++op) {
    if (supports(dtype, static_cast<TileOp>(op))) all.push_back(static_cast<TileOp>(op));
  }
  return all;
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
      return op == ReduceOp::sum   ? 0.0
             : op == ReduceOp::max ? -std::numeric_limits<double>::infinity()
                                   : std::numeric_limits<double>::infinity();
    };
    std::vector<std::vector<double>> sums;
    for (std::size_t r = 0; r < outputs.size(); ++r) {
      sums.emplace_back(outputs[r].count, begin(program.reductions[r].op));
    }
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
        buffer.set(
            k, operand.dtype == i64 || dtype == i64 ? below(9) - 4 : std::uniform_real_distribution<>(-2, 2)(random_));
      }
      program.loads.push_back(operand);
      made.loads.push_back(std::move(buffer));
    }
    static const std::vector<TileOp> any_type = instructions_of(i64);
    static const TileOp floating[] = {TileOp::tanh, TileOp::floor, TileOp::sin, TileOp::sigmoid};
    const int steps = below(12);
    for (int i = 0; i < steps; ++i) {
      TileOp op = any_type[below(static_cast<int>(any_type.size()))];
      if (dtype != i64 && chance(0.1)) op = floating[below(4)];
      if (dtype != i64 && (op == TileOp::div || (op >= TileOp::equal && op <= TileOp::less_equal))) op = TileOp::add;
      if (op == TileOp::sign && dtype != i64) op = TileOp::neg;
      if (op == TileOp::floor) op = TileOp::abs;
      // Powers of powers would outgrow what a comparison with a tolerance, or an integer, can bear.
      if (op == TileOp::mul || op == TileOp::square || op == TileOp::mul_no_nan || op == TileOp::multiply_add ||
          op == TileOp::subtract_product) {
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
      TileOperand operand{.value = static_cast<std::uint16_t>(below(next)),
                          .dtype = dtype == i64  ? memory_dtype()
                                   : chance(0.8) ? dtype
                                                 : f64};
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
      TileReduction reduction{static_cast<std::uint16_t>(below(next)),
                              dtype == i64  ? i64
                              : chance(0.5) ? dtype
                                            : f64,
                              static_cast<ReduceOp>(below(3))};
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
    const double scale =
        100 * static_cast<double>(count_of(made.shape)) /
        static_cast<double>(std::max<std::int64_t>(made.outputs.empty() ? 1 : made.outputs[0].count, 1));
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

TEST_CASE("tile machine: every instruction has a loop for every type that it is for, and no other") {
  for (int which = 0; which <= static_cast<int>(isa()); ++which) {
    for (const Dtype dtype : {f32, f64, i64}) {
      for (int op = 0; op < kTileOpCount; ++op) {
        INFO(name_of(static_cast<TileOp>(op)) << " on " << name_of(dtype) << ", " << name_of(static_cast<Isa>(which)));
        const bool has_loop = tile_kernels(static_cast<Isa>(which), dtype).operations[op] != nullptr;
        CHECK(has_loop == supports(dtype, static_cast<TileOp>(op)));
      }
    }
  }
}

TEST_CASE("tile machine: random programs agree with a scalar interpreter") {
  for (unsigned seed = 0; seed < 400; ++seed) {
    check_case(seed, f32);
    check_case(seed + 10000, f64);
    check_case(seed + 20000, i64);
  }
}

namespace {

TileProgram sum_program(const Shape& shape, std::uint32_t reduced_axes, ReduceOp op, Dtype out = f32) {
  TileProgram program{.dtype = f32, .value_count = 1};
  TileOperand operand{.value = 0, .dtype = f32};
  std::int64_t size = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    operand.strides[d] = size;
    size *= shape[d];
  }
  program.loads = {operand};
  program.reductions = {{0, out, op}};
  program.reduced_axes = reduced_axes;
  return program;
}

}  // namespace

TEST_CASE("tile machine: what is rewritten keeps every bit, signs of zeros too") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> a, b;
  for (const float x : {0.0f, -0.0f, 1.0f, -1.0f, 3.3f, -7e-39f, 1e38f, inf, -inf}) {
    for (const float y : {0.0f, -0.0f, 1.0f, -1.0f, 3.3f, -7e-39f, 1e38f, inf, -inf}) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  // Values 0 and 1 are loaded, value 4 is stored.
  struct Rewritten {
    std::vector<TileInstruction> code;
    float (*plain)(float, float);
  };
  const TileInstruction negative_a{TileOp::neg, 2, 0}, negative_b{TileOp::neg, 3, 1};
  const Rewritten cases[] = {
      {{negative_a, {TileOp::neg, 4, 2}}, [](float x, float) { return x; }},
      {{negative_a, negative_b, {TileOp::add, 4, 2, 3}}, [](float x, float y) { return -x + -y; }},
      {{negative_a, {TileOp::add, 4, 2, 1}}, [](float x, float y) { return -x + y; }},
      {{negative_b, {TileOp::add, 4, 0, 3}}, [](float x, float y) { return x + -y; }},
      {{negative_b, {TileOp::sub, 4, 0, 3}}, [](float x, float y) { return x - -y; }},
      {{negative_a, {TileOp::sub, 4, 2, 1}}, [](float x, float y) { return -x - y; }},
      {{negative_a, {TileOp::mul, 4, 2, 1}}, [](float x, float y) { return -x * y; }},
      {{negative_a, {TileOp::div, 4, 2, 1}}, [](float x, float y) { return -x / y; }},
      {{negative_a, negative_b, {TileOp::mul_no_nan, 4, 2, 3}},
       [](float x, float y) { return x == 0 || y == 0 ? 0.0f : -x * -y; }},
      {{negative_a, {TileOp::square, 4, 2}}, [](float x, float) { return x * x; }},
      {{negative_a, {TileOp::abs, 4, 2}}, [](float x, float) { return std::abs(x); }},
      {{negative_a, {TileOp::maximum, 4, 2, 1}}, [](float x, float y) { return -x > y ? -x : y; }},
      {{{TileOp::constant, 2, 0, 0, 0, -2.0}, {TileOp::mul, 3, 0, 2}, {TileOp::add, 4, 3, 1}},
       [](float x, float y) { return -2.0f * x + y; }},
      {{{TileOp::constant, 2, 0, 0, 0, -0.3}, {TileOp::mul, 3, 0, 2}, {TileOp::multiply_immediate, 4, 3, 0, 0, -2.0}},
       [](float x, float) { return x * -0.3f * -2.0f; }},
      {{{TileOp::constant, 2, 0, 0, 0, 4.0}, {TileOp::div, 3, 0, 2}, {TileOp::multiply_immediate, 4, 3, 0, 0, -4.0}},
       [](float x, float) { return -x; }},
      {{negative_a, {TileOp::constant, 3, 0, 0, 0, 1.0}, {TileOp::add, 4, 2, 3}},
       [](float x, float) { return -x + 1.0f; }},
      {{{TileOp::add, 2, 0, 1}, {TileOp::add, 3, 0, 1}, {TileOp::sub, 4, 2, 3}},
       [](float x, float y) { return (x + y) - (x + y); }},
  };
  const auto operand = [](std::uint16_t value) {
    TileOperand made{.value = value, .dtype = f32};
    made.strides[0] = 1;
    return made;
  };
  for (const Rewritten& one : cases) {
    TileProgram program{.dtype = f32, .value_count = 5, .code = one.code};
    program.loads = {operand(0), operand(1)};
    program.stores = {operand(4)};
    for (const Isa which : isas()) {
      std::vector<float> result(a.size());
      const void* loads[] = {a.data(), b.data()};
      void* stores[] = {result.data()};
      CompiledTile(program, Shape{static_cast<std::int64_t>(a.size())}, which).run(loads, stores, nullptr);
      for (std::size_t i = 0; i < a.size(); ++i) {
        const float expected = one.plain(a[i], b[i]);
        INFO(name_of(one.code.back().op) << ' ' << a[i] << ' ' << b[i] << ": " << result[i] << ", not " << expected);
        const bool same =
            std::isnan(expected) ? std::isnan(result[i]) : std::memcmp(&result[i], &expected, sizeof expected) == 0;
        CHECK(same);
      }
    }
  }
}

TEST_CASE("tile machine: any number of threads gives the same bits") {
  const int before = threads();
  Generator generator(77);
  for (int i = 0; i < 60; ++i) {
    const Dtype dtype = i % 3 == 0 ? f64 : f32;
    Case original = generator.make(dtype);
    if (count_of(original.shape) < 5000) continue;
    const CompiledTile compiled(original.program, original.shape);
    std::vector<Case> results;
    for (const int count : {1, 2, 3, 7}) {
      set_threads(count);
      results.push_back(original);
      results.back().run(compiled);
    }
    for (const Case& other : results) {
      for (std::size_t s = 0; s < other.stores.size(); ++s) {
        CHECK(other.stores[s].storage == results[0].stores[s].storage);
      }
      for (std::size_t r = 0; r < other.outputs.size(); ++r) {
        CHECK(other.outputs[r].storage == results[0].outputs[r].storage);
      }
    }
  }
  const Shape long_shape = {1 << 20};
  const CompiledTile compiled(sum_program(long_shape, 1, ReduceOp::sum), long_shape);
  std::vector<float> values(1 << 20);
  std::mt19937 random(5);
  for (float& value : values) value = std::uniform_real_distribution<float>(-1, 1)(random);
  std::vector<float> sums;
  for (const int count : {1, 2, 3, 7}) {
    set_threads(count);
    const void* load = values.data();
    float sum = 0;
    void* output = &sum;
    compiled.run(&load, nullptr, &output);
    sums.push_back(sum);
  }
  for (const float sum : sums) CHECK(sum == sums[0]);
  set_threads(before);
}

TEST_CASE("tile machine: f32 sums of ten million numbers keep six digits") {
  const std::int64_t count = 10'000'000;
  for (const float value : {0.1f, 1.1f, 0.7f}) {
    std::vector<float> values(count, value);
    const double exact = static_cast<double>(value) * static_cast<double>(count);
    for (const Isa which : isas()) {
      const void* load = values.data();
      float total = 0;
      void* output = &total;
      CompiledTile(sum_program({count}, 1, ReduceOp::sum), Shape{count}, which).run(&load, nullptr, &output);
      CHECK(std::abs(total - exact) <= 1e-6 * exact);
      // Down the columns of [1000000, 10], and along the rows of [10, 1000000].
      std::vector<float> totals(10);
      output = totals.data();
      CompiledTile(sum_program({count / 10, 10}, 1, ReduceOp::sum), Shape{count / 10, 10}, which)
          .run(&load, nullptr, &output);
      for (const float sum : totals) CHECK(std::abs(sum - exact / 10) <= 1e-6 * exact / 10);
      CompiledTile(sum_program({10, count / 10}, 2, ReduceOp::sum), Shape{10, count / 10}, which)
          .run(&load, nullptr, &output);
      for (const float sum : totals) CHECK(std::abs(sum - exact / 10) <= 1e-6 * exact / 10);
    }
  }
}

TEST_CASE("tile machine: rows beyond what a task accumulates at once, of any length") {
  for (const std::int64_t length : {1, 2, 5, 15, 16, 63, 64, 100, 130, 300}) {
    const std::int64_t rows = 9001;
    std::vector<float> values(rows * length);
    std::mt19937 random(9);
    // Sums of such numbers have no rounding, in any order.
    for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 2001) - 1000);
    values[8999 * length] = std::numeric_limits<float>::quiet_NaN();
    for (const Isa which : isas()) {
      for (const ReduceOp op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min}) {
        CAPTURE(length, static_cast<int>(which), static_cast<int>(op));
        const void* load = values.data();
        std::vector<float> result(rows);
        void* output = result.data();
        CompiledTile(sum_program({rows, length}, 2, op), Shape{rows, length}, which).run(&load, nullptr, &output);
        std::int64_t wrong = 0;
        for (std::int64_t r = 0; r < rows; ++r) {
          float expected = values[r * length];
          for (std::int64_t i = 1; i < length; ++i) {
            const float next = values[r * length + i];
            if (op == ReduceOp::sum) expected += next;
            if (op == ReduceOp::max) expected = std::max(expected, next);
            if (op == ReduceOp::min) expected = std::min(expected, next);
          }
          wrong += r == 8999 ? !std::isnan(result[r]) : result[r] != expected;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("tile machine: a NaN anywhere is the maximum and the minimum") {
  for (const std::int64_t place : {0, 5, 31, 32, 999, 4999}) {
    std::vector<float> values(5000, 1.0f);
    values[place] = std::numeric_limits<float>::quiet_NaN();
    for (const Isa which : isas()) {
      for (const ReduceOp op : {ReduceOp::max, ReduceOp::min}) {
        const void* load = values.data();
        std::vector<float> result(50);
        void* output = result.data();
        CompiledTile(sum_program({5000}, 1, op), Shape{5000}, which).run(&load, nullptr, &output);
        CHECK(std::isnan(result[0]));
        CompiledTile(sum_program({100, 50}, 1, op), Shape{100, 50}, which).run(&load, nullptr, &output);
        for (int j = 0; j < 50; ++j) CHECK(std::isnan(result[j]) == (j == place % 50));
        CompiledTile(sum_program({50, 100}, 2, op), Shape{50, 100}, which).run(&load, nullptr, &output);
        for (int j = 0; j < 50; ++j) CHECK(std::isnan(result[j]) == (j == place / 100));
      }
    }
  }
}

TEST_CASE("tile machine: reductions over nothing, and programs over nothing") {
  float nothing = 7;
  const void* load = &nothing;
  float result[3] = {7, 7, 7};
  void* output = result;
  CompiledTile(sum_program({3, 0}, 2, ReduceOp::sum), Shape{3, 0}).run(&load, nullptr, &output);
  CHECK((result[0] == 0 && result[1] == 0 && result[2] == 0));
  CompiledTile(sum_program({3, 0}, 2, ReduceOp::max), Shape{3, 0}).run(&load, nullptr, &output);
  CHECK(result[2] == -std::numeric_limits<float>::infinity());
  CompiledTile(sum_program({0, 3}, 2, ReduceOp::sum), Shape{0, 3}).run(&load, nullptr, &output);
  CHECK(nothing == 7);
}

TEST_CASE("tile machine: a store may be the buffer of a load") {
  // Two buffers exchange their values, one of them on the way through arithmetic; a third keeps a sum.
  for (const std::int64_t count : {1, 100, 1000, 100000}) {
    TileProgram program{.dtype = f32, .value_count = 4};
    const auto operand = [](std::uint16_t value) {
      TileOperand made{.value = value, .dtype = f32};
      made.strides[0] = 1;
      return made;
    };
    program.loads = {operand(0), operand(1)};
    program.code = {{TileOp::multiply_immediate, 2, 0, 0, 0, 2.0}, {TileOp::add, 3, 0, 1}};
    program.stores = {operand(1), operand(2), operand(3)};
    std::vector<float> a(count), b(count), sum(count);
    for (std::int64_t i = 0; i < count; ++i) {
      a[i] = static_cast<float>(i);
      b[i] = static_cast<float>(-3 * i + 1);
    }
    const std::vector<float> first = a, second = b;
    const void* loads[] = {a.data(), b.data()};
    void* stores[] = {a.data(), b.data(), sum.data()};
    CompiledTile(program, Shape{count}).run(loads, stores, nullptr);
    bool right = true;
    for (std::int64_t i = 0; i < count; ++i) {
      right = right && a[i] == second[i] && b[i] == 2 * first[i] && sum[i] == first[i] + second[i];
    }
    CHECK(right);
  }
}

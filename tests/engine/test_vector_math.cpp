// The elementary functions of the tile machine: their errors in units in the last place, and their special values.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/kernels/isa/tile_kernels.h"

// The code of 16 lanes, which only processors with AVX-512 run, works in pairs of 8 lanes under AVX2 just as well.
#if defined(SG_X86_ISAS) || defined(__x86_64__)
#define SG_TEST_WIDE
#include <immintrin.h>
#include <sleef.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define SG_ISA sixteen_lanes
#include "engine/kernels/vector_math.h"
namespace sg::kernels::sixteen_lanes {
namespace {
using Wide = Vector<float, 16>;
template <Wide (*Function)(Wide, Wide)>
Wide of_exponential(Wide x) {
  return Function(x, exponential_of_minus_magnitude(x));
}
template <Wide (*Function)(Wide)>
void loop(float* out, const float* in, std::int64_t count) {
  for (std::int64_t i = 0; i + 16 <= count; i += 16) store(out + i, Function(load<Wide>(in + i)));
}
}  // namespace
}  // namespace sg::kernels::sixteen_lanes
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

using namespace sg;
using namespace sg::kernels;

namespace {

using Reference = long double (*)(long double);

long double sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double softplus(long double x) {
  return std::isnan(x) ? x : std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x)));
}
long double rsqrt(long double x) { return 1 / std::sqrt(x); }

struct Row {
  TileOp op;
  Reference reference;
  double f64_limit;  // in ulp
};
const Row kRows[] = {
    {TileOp::sqrt, [](long double x) { return std::sqrt(x); }, 0.5001},
    {TileOp::rsqrt, rsqrt, 1.6},
    {TileOp::reciprocal, [](long double x) { return 1 / x; }, 0.5001},
    {TileOp::exp, [](long double x) { return std::exp(x); }, 1.0},
    {TileOp::expm1, [](long double x) { return std::expm1(x); }, 1.0},
    {TileOp::log, [](long double x) { return std::log(x); }, 1.0},
    {TileOp::log1p, [](long double x) { return std::log1p(x); }, 1.001},
    {TileOp::sin, [](long double x) { return std::sin(x); }, 1.0},
    {TileOp::cos, [](long double x) { return std::cos(x); }, 1.0},
    {TileOp::tan, [](long double x) { return std::tan(x); }, 1.001},
    {TileOp::tanh, [](long double x) { return std::tanh(x); }, 1.001},
    {TileOp::sigmoid, sigmoid, 2.0},
    {TileOp::softplus, softplus, 2.0},
    {TileOp::erf, [](long double x) { return std::erf(x); }, 1.2},
    {TileOp::atan, [](long double x) { return std::atan(x); }, 1.0},
    {TileOp::asin, [](long double x) { return std::asin(x); }, 1.01},
    {TileOp::acos, [](long double x) { return std::acos(x); }, 1.01},
    {TileOp::sinh, [](long double x) { return std::sinh(x); }, 1.01},
    {TileOp::cosh, [](long double x) { return std::cosh(x); }, 1.01},
    {TileOp::asinh, [](long double x) { return std::asinh(x); }, 1.01},
    {TileOp::acosh, [](long double x) { return std::acosh(x); }, 1.01},
    {TileOp::atanh, [](long double x) { return std::atanh(x); }, 1.01},
    {TileOp::exp2, [](long double x) { return std::exp2(x); }, 1.01},
    {TileOp::log2, [](long double x) { return std::log2(x); }, 1.01},
    {TileOp::log10, [](long double x) { return std::log10(x); }, 1.01},
};

std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (int i = 0; i <= static_cast<int>(isa()); ++i) all.push_back(static_cast<Isa>(i));
  return all;
}

/// The distance to the exact value in units in the last place of T; infinite where one is NaN and the other is not.
template <class T>
double error_in_ulp(T got, long double exact) {
  constexpr double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : wrong;
  const T rounded = static_cast<T>(exact);
  if (got == rounded) return exact == 0 && std::signbit(got) != std::signbit(rounded) ? wrong : 0;
  if (std::isinf(exact)) return wrong;
  int exponent;
  std::frexp(exact, &exponent);
  const long double ulp =
      std::ldexp(1.0L, std::max(exponent, std::numeric_limits<T>::min_exponent) - std::numeric_limits<T>::digits);
  // An overflow counts from the first number that does not fit.
  const long double value = std::isinf(got) ? std::copysign(std::ldexp(1.0L, std::numeric_limits<T>::max_exponent),
                                                            static_cast<long double>(got))
                                            : static_cast<long double>(got);
  return static_cast<double>(std::abs(value - exact) / ulp);
}

template <class T>
struct Worst {
  double error = 0;
  T at = 0;
  void take(const std::vector<T>& in, const std::vector<T>& out, Reference reference) {
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double found = error_in_ulp(out[i], reference(in[i]));
      if (found > error) {
        error = found;
        at = in[i];
      }
    }
  }
};

float float_of(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
double double_of(std::uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, 8);
  return value;
}

/// Every `step`-th bit pattern, and the neighbourhoods of values where code takes another way.
std::vector<float> patterns(std::uint64_t step) {
  std::vector<float> all;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += step) {
    all.push_back(float_of(static_cast<std::uint32_t>(bits)));
  }
  const float turns[] = {0.0f,
                         0x1p-149f,
                         0x1p-126f,
                         0x1p-60f,
                         0x1p-12f,
                         0.25f,
                         0.5f,
                         0.70710678f,
                         1.0f,
                         1.41421356f,
                         1.5707963f,
                         3.1415927f,
                         3.95f,
                         9.02f,
                         17.0f,
                         18.0f,
                         87.0f,
                         88.72284f,
                         89.0f,
                         103.97208f,
                         105.0f,
                         0x1p15f,
                         0x1p24f,
                         0x1p60f,
                         0x1p127f,
                         std::numeric_limits<float>::max(),
                         std::numeric_limits<float>::infinity()};
  for (const float turn : turns) {
    std::uint32_t bits;
    std::memcpy(&bits, &turn, 4);
    for (int offset = -300; offset <= 300; ++offset) {
      all.push_back(float_of(bits + static_cast<std::uint32_t>(offset)));
      all.push_back(float_of((bits + static_cast<std::uint32_t>(offset)) ^ 0x80000000u));
    }
  }
  return all;
}

void sweep(const Row& row, const std::vector<float>& in) {
  std::vector<float> out(in.size());
  for (const Isa which : isas()) {
    tile_kernels(which, f32)
        .operations[static_cast<int>(row.op)](out.data(), in.data(), nullptr, nullptr,
                                              static_cast<std::int64_t>(in.size()), 0);
    Worst<float> worst;
    worst.take(in, out, row.reference);
    INFO(name_of(row.op) << " f32 on " << name_of(which) << ": " << worst.error << " ulp at " << worst.at);
    CHECK(worst.error <= 2);
  }
}

}  // namespace

TEST_CASE("vector math: every function of one number has a row here") {
  for (int i = 0; i < kTileOpCount; ++i) {
    const TileOp op = static_cast<TileOp>(i);
    if (supports(i64, op) || arity(op) != 1 || op == TileOp::floor) continue;
    INFO(name_of(op));
    CHECK(std::any_of(std::begin(kRows), std::end(kRows), [&](const Row& row) { return row.op == op; }));
  }
}

TEST_CASE("vector math: f32 functions are within 2 ulp over the whole range") {
  const std::vector<float> in = patterns(16411);
  for (const Row& row : kRows) sweep(row, in);
}

TEST_CASE("vector math: f32 functions are within 2 ulp, every bit pattern", "[slow][.]") {
  for (const Row& row : kRows) {
    for (std::uint64_t first = 0; first < (std::uint64_t{1} << 32); first += 1 << 22) {
      std::vector<float> in(1 << 22);
      for (std::size_t i = 0; i < in.size(); ++i) in[i] = float_of(static_cast<std::uint32_t>(first + i));
      sweep(row, in);
    }
  }
}

TEST_CASE("vector math: f64 functions are as exact as promised") {
  std::mt19937_64 random(1);
  std::vector<double> in;
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t bits = random();
    // Half of them in the range where the functions have their shape.
    in.push_back(
        double_of(i % 2 == 0 ? bits : (bits & ~(std::uint64_t{0x7ff} << 52)) | ((1011 + random() % 20) << 52)));
  }
  std::vector<double> out(in.size());
  for (const Row& row : kRows) {
    for (const Isa which : isas()) {
      tile_kernels(which, f64)
          .operations[static_cast<int>(row.op)](out.data(), in.data(), nullptr, nullptr,
                                                static_cast<std::int64_t>(in.size()), 0);
      Worst<double> worst;
      worst.take(in, out, row.reference);
      INFO(name_of(row.op) << " f64 on " << name_of(which) << ": " << worst.error << " ulp at " << worst.at);
      CHECK(worst.error <= row.f64_limit);
    }
  }
}

TEST_CASE("vector math: pow is within 2 ulp") {
  std::mt19937_64 random(2);
  std::vector<float> a, b;
  for (int i = 0; i < 100000; ++i) {
    a.push_back(std::exp(std::uniform_real_distribution<float>(-10, 10)(random)) * (i % 5 == 0 ? -1.0f : 1.0f));
    b.push_back(i % 5 == 0 ? static_cast<float>(static_cast<int>(random() % 13) - 6)
                           : std::uniform_real_distribution<float>(-8, 8)(random));
  }
  std::vector<float> out(a.size());
  for (const Isa which : isas()) {
    tile_kernels(which, f32)
        .operations[static_cast<int>(TileOp::pow)](out.data(), a.data(), b.data(), nullptr,
                                                   static_cast<std::int64_t>(a.size()), 0);
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      worst = std::max(worst,
                       error_in_ulp(out[i], std::pow(static_cast<long double>(a[i]), static_cast<long double>(b[i]))));
    }
    INFO(name_of(which) << ": " << worst << " ulp");
    CHECK(worst <= 2);
  }
}

TEST_CASE("vector math: zeros, infinities and NaN are handled as C handles them") {
  const auto check = [](auto zero, Dtype dtype) {
    using T = decltype(zero);
    constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const T in[] = {T(0),
                    -T(0),
                    infinity,
                    -infinity,
                    nan,
                    T(1),
                    T(-1),
                    std::numeric_limits<T>::denorm_min(),
                    -std::numeric_limits<T>::denorm_min(),
                    std::numeric_limits<T>::max(),
                    std::numeric_limits<T>::lowest()};
    const T same[] = {T(2), T(2), T(2), T(2), T(2), T(2), T(2), T(2), T(2), T(2), T(2)};
    for (const Isa which : isas()) {
      const TileKernels& kernels = tile_kernels(which, dtype);
      for (const Row& row : kRows) {
        T out[11];
        kernels.operations[static_cast<int>(row.op)](out, in, same, same, 11, 0);
        for (int i = 0; i < 11; ++i) {
          INFO(name_of(row.op) << "(" << in[i] << ") = " << out[i] << " for " << static_cast<T>(row.reference(in[i]))
                               << ", " << name_of(dtype) << " on " << name_of(which));
          CHECK(error_in_ulp(out[i], row.reference(in[i])) <= 2);
        }
      }
      T out[11];
      // A NaN on either side wins.
      const T ones[] = {T(1), T(1), T(1), T(1), T(1), nan, nan, T(1), T(1), T(1), T(1)};
      for (const TileOp op : {TileOp::minimum, TileOp::maximum}) {
        kernels.operations[static_cast<int>(op)](out, in, ones, same, 11, 0);
        CHECK(std::isnan(out[4]));
        CHECK(std::isnan(out[5]));
        CHECK(out[2] == (op == TileOp::minimum ? T(1) : infinity));
      }
      kernels.operations[static_cast<int>(TileOp::sign)](out, in, same, same, 11, 0);
      CHECK((out[0] == 0 && out[2] == 1 && out[3] == -1 && std::isnan(out[4]) && out[7] == 1 && out[8] == -1));
      kernels.operations[static_cast<int>(TileOp::where)](out, in, in, same, 11, 0);
      CHECK((out[0] == 2 && out[1] == 2 && out[5] == 1 && std::isnan(out[4]) && out[2] == infinity));
      kernels.operations[static_cast<int>(TileOp::not_equal)](out, in, in, same, 11, 0);
      CHECK((out[0] == 0 && out[4] == 1));
      kernels.operations[static_cast<int>(TileOp::floor)](out, in, same, same, 11, 0);
      CHECK((out[7] == 0 && out[8] == -1 && out[2] == infinity && std::isnan(out[4]) && std::signbit(out[1])));
    }
  };
  check(float{}, f32);
  check(double{}, f64);
}

TEST_CASE("vector math: an element's value does not depend on its place in the span") {
  std::mt19937 random(3);
  std::vector<float> in(64);
  for (float& x : in) x = std::uniform_real_distribution<float>(-90, 90)(random);
  in[17] = 1e20f;  // where a vector leaves the fast way, its other lanes must not notice
  in[40] = std::numeric_limits<float>::infinity();
  for (const Isa which : isas()) {
    for (const Row& row : kRows) {
      const auto operation = tile_kernels(which, f32).operations[static_cast<int>(row.op)];
      std::vector<float> whole(64), alone(64);
      operation(whole.data(), in.data(), nullptr, nullptr, 64, 0);
      for (int i = 0; i < 64; ++i) operation(&alone[i], &in[i], nullptr, nullptr, 1, 0);
      INFO(name_of(row.op) << " on " << name_of(which));
      for (int i = 0; i < 64; ++i) {
        CHECK((std::memcmp(&whole[i], &alone[i], 4) == 0 || (std::isnan(whole[i]) && std::isnan(alone[i]))));
      }
    }
  }
}

#ifdef SG_TEST_WIDE
TEST_CASE("vector math: f32 functions are within 2 ulp with 16 lanes") {
  if (isa() < Isa::avx2) return;
  using namespace sg::kernels::sixteen_lanes;
  std::vector<float> in = patterns(65537);
  in.resize(in.size() / 16 * 16);
  std::vector<float> out(in.size());
  const auto check = [&](TileOp op, void (*function)(float*, const float*, std::int64_t)) {
    function(out.data(), in.data(), static_cast<std::int64_t>(in.size()));
    for (const Row& row : kRows) {
      if (row.op != op) continue;
      Worst<float> worst;
      worst.take(in, out, row.reference);
      INFO(name_of(op) << ": " << worst.error << " ulp at " << worst.at);
      CHECK(worst.error <= 2);
    }
  };
  check(TileOp::exp, loop<exponential<Wide>>);
  check(TileOp::expm1, loop<exponential_minus_1<Wide>>);
  check(TileOp::log, loop<logarithm<Wide>>);
  check(TileOp::log1p, loop<logarithm_1_plus<Wide>>);
  check(TileOp::tanh, loop<hyperbolic_tangent<Wide>>);
  check(TileOp::sigmoid, loop<of_exponential<sixteen_lanes::sigmoid<Wide>>>);
  check(TileOp::softplus, loop<of_exponential<sixteen_lanes::softplus<Wide>>>);
  check(TileOp::erf, loop<error_function<Wide>>);
  check(TileOp::sin, loop<sine<Wide>>);
  check(TileOp::cos, loop<cosine<Wide>>);
}
#endif

// Measures the worst error of the elementwise functions in f32 over all arguments, for the table in tests/README.md.
//   bench_ulp [--stride N] [FUNCTION ...]     every N-th of the 2^32 arguments (default 1)
// SOBOGRAD_ISA picks the instructions. A line a function: name, arguments, worst error in units in the last place,
// where. Status 1 for an error of more than 2, and for a NaN, an infinity or a zero's sign that is not the exact one.
//
// Results are compared in f64 with a library that the kernels do not call (parts/vector_reference.h), which is within
// 2^-27 of f32's units; what looks worse than all before it, or fails, is compared again in long double, and that is
// what the line says. Where there is no such library all are compared in long double: minutes a function.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "engine/kernels/cpu.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"
#include "tests/bench/parts/vector_reference.h"

namespace {

using sg::Tensor;
using Exact = long double (*)(long double);

struct Function {
  const char* name;
  Tensor (*ours)(const Tensor&);
  Exact exact;
};

const Function functions[] = {
    {"sqrt", sg::sqrt, [](long double x) { return std::sqrt(x); }},
    {"rsqrt", sg::rsqrt, [](long double x) { return 1 / std::sqrt(x); }},
    {"reciprocal", sg::reciprocal, [](long double x) { return 1 / x; }},
    {"exp", sg::exp, [](long double x) { return std::exp(x); }},
    {"exp2", sg::exp2, [](long double x) { return std::exp2(x); }},
    {"expm1", sg::expm1, [](long double x) { return std::expm1(x); }},
    {"log", sg::log, [](long double x) { return std::log(x); }},
    {"log2", sg::log2, [](long double x) { return std::log2(x); }},
    {"log10", sg::log10, [](long double x) { return std::log10(x); }},
    {"log1p", sg::log1p, [](long double x) { return std::log1p(x); }},
    {"sin", sg::sin, [](long double x) { return std::sin(x); }},
    {"cos", sg::cos, [](long double x) { return std::cos(x); }},
    {"tan", sg::tan, [](long double x) { return std::tan(x); }},
    {"asin", sg::asin, [](long double x) { return std::asin(x); }},
    {"acos", sg::acos, [](long double x) { return std::acos(x); }},
    {"atan", sg::atan, [](long double x) { return std::atan(x); }},
    {"sinh", sg::sinh, [](long double x) { return std::sinh(x); }},
    {"cosh", sg::cosh, [](long double x) { return std::cosh(x); }},
    {"tanh", sg::tanh, [](long double x) { return std::tanh(x); }},
    {"asinh", sg::asinh, [](long double x) { return std::asinh(x); }},
    {"acosh", sg::acosh, [](long double x) { return std::acosh(x); }},
    {"atanh", sg::atanh, [](long double x) { return std::atanh(x); }},
    {"sigmoid", sg::sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }},
    {"softplus", sg::softplus,
     [](long double x) { return std::isnan(x) ? x : std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x))); }},
    {"erf", sg::erf, [](long double x) { return std::erf(x); }}};

constexpr double kLimit = 2;

/// Infinite where one is NaN, infinite or of another zero's sign, and the other is not.
double error_in_ulp(float got, long double exact) {
  constexpr double wrong = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : wrong;
  if (exact == 0 && got == 0) return std::signbit(exact) == std::signbit(got) ? 0 : wrong;
  if (got == static_cast<float>(exact)) return 0;
  if (std::isinf(exact)) return wrong;
  int exponent = 0;
  std::frexp(exact, &exponent);
  const long double ulp = std::ldexp(1.0L, std::max(exponent, -125) - 24);
  // An overflow counts from the first number that does not fit.
  const long double value = std::isinf(got) ? std::copysign(0x1p128L, static_cast<long double>(got)) : got;
  return static_cast<double>(std::abs(value - exact) / ulp);
}

/// Whether all errors are within the limit.
bool measure(const Function& function, std::uint64_t stride) {
  constexpr std::uint64_t all = std::uint64_t{1} << 32;
  constexpr std::int64_t chunk = sg::bench::kReferenceChunk, block = 1024 * chunk;
  // sin and cos call glibc's functions for large arguments where the processor has FMA.
  const bool calls_glibc =
      sg::kernels::isa() != sg::kernels::Isa::baseline && (function.ours == sg::sin || function.ours == sg::cos);
  const sg::bench::LargestError largest_error = sg::bench::vector_reference(function.name, calls_glibc);
  const std::uint64_t count = (all + stride - 1) / stride;
  std::uint64_t failures = 0;
  double worst = 0;
  float at = 0;
  std::vector<float> arguments(block);
  for (std::uint64_t begin = 0; begin < count; begin += block) {
    for (std::int64_t i = 0; i < block; ++i) {
      // Behind the last come the first ones again.
      const std::uint64_t place = begin + static_cast<std::uint64_t>(i);
      arguments[i] = std::bit_cast<float>(static_cast<std::uint32_t>((place < count ? place : place - count) * stride));
    }
    const Tensor out = function.ours(sg::tensor(std::span<const float>(arguments), {block}));
    const float* got = out.data<float>();
    for (std::int64_t first = 0; first < block; first += chunk) {
      if (largest_error && largest_error(arguments.data() + first, got + first) <= std::min(worst, kLimit)) continue;
      for (std::int64_t i = first; i < first + chunk; ++i) {
        const double error = error_in_ulp(got[i], function.exact(arguments[i]));
        failures += error > kLimit;
        if (error > worst) {
          worst = error;
          at = arguments[i];
        }
      }
    }
  }
  std::printf("%-10s %10llu arguments  %.4f ulp at %a", function.name, static_cast<unsigned long long>(count), worst,
              static_cast<double>(at));
  if (failures > 0) std::printf("  FAILED: %llu beyond %g ulp", static_cast<unsigned long long>(failures), kLimit);
  std::printf("\n");
  std::fflush(stdout);
  return failures == 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t stride = 1;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--stride" && i + 1 < argc) {
      stride = std::max<std::uint64_t>(1, std::strtoull(argv[++i], nullptr, 10));
    } else {
      names.emplace_back(argv[i]);
    }
  }
  sg::kernels::set_threads(1);
  std::printf("%s\n", sg::kernels::name_of(sg::kernels::isa()));
  bool passed = true;
  for (const Function& function : functions) {
    if (names.empty() || std::find(names.begin(), names.end(), function.name) != names.end()) {
      passed &= measure(function, stride);
    }
  }
  return passed ? 0 : 1;
}

// Philox against its published answers, and the laws of what stands on it.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "engine/kernels/cpu.h"
#include "engine/kernels/isa/random_kernels.h"
#include "engine/kernels/parallel.h"
#include "engine/random.h"

using namespace sg;

namespace {
/// The tables of all instruction sets that run here.
std::vector<const kernels::RandomKernels*> all_random_kernels() {
  std::vector<const kernels::RandomKernels*> all{&kernels::baseline::random_kernels()};
#if defined(__x86_64__)
  if (kernels::isa() >= kernels::Isa::avx2) all.push_back(&kernels::avx2::random_kernels());
  if (kernels::isa() >= kernels::Isa::avx512) all.push_back(&kernels::avx512::random_kernels());
#endif
  return all;
}
}  // namespace

TEST_CASE("Philox4x32-10 gives the published answers", "[random]") {
  using Block = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("every instruction set draws the numbers of the definition, in equal bits", "[random]") {
  constexpr std::uint64_t seed = 0xfedcba9876543210, stream = 0x0123456789abcdef, first = 0xfffffffffffffffd;
  for (const std::int64_t blocks : {1, 2, 7, 8, 9, 16, 1001}) {
    const auto count = static_cast<std::size_t>(2 * blocks);
    std::vector<std::uint64_t> expected_words;
    std::vector<double> expected_uniform, expected_normal;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(blocks); ++i) {
      const std::uint64_t block = first + i;  // beyond the largest number it goes on from 0
      const auto x = philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                                 static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
      for (const std::size_t half : {0u, 2u}) {
        expected_words.push_back(x[half] | std::uint64_t{x[half + 1]} << 32);
        expected_uniform.push_back(static_cast<double>(expected_words.back() >> 11) * 0x1p-53);
      }
      const double radius = std::sqrt(-2 * std::log(1 - expected_uniform[2 * i]));
      const double angle = 2 * std::acos(-1.0) * expected_uniform[2 * i + 1];
      expected_normal.push_back(radius * std::cos(angle));
      expected_normal.push_back(radius * std::sin(angle));
    }
    std::vector<double> same_normal;
    for (const kernels::RandomKernels* table : all_random_kernels()) {
      std::vector<std::uint64_t> words(count + 1, 77);
      std::vector<double> uniform(count + 1, 77), normal(count + 1, 77);
      table->words(words.data(), seed, stream, first, blocks);
      table->uniform(uniform.data(), words.data(), 2 * blocks - 1);
      CHECK(uniform[count - 1] == 77);
      table->uniform(uniform.data(), words.data(), 2 * blocks);
      table->normal(normal.data(), words.data(), blocks);
      CHECK((words.back() == 77 && uniform.back() == 77 && normal.back() == 77));
      words.pop_back();
      uniform.pop_back();
      normal.pop_back();
      CHECK(words == expected_words);
      CHECK(uniform == expected_uniform);
      double error = 0;
      for (std::size_t i = 0; i < count; ++i) error = std::max(error, std::abs(normal[i] - expected_normal[i]));
      CHECK(error < 1e-14);
      if (same_normal.empty()) same_normal = normal;
      CHECK(normal == same_normal);
    }
  }
}

TEST_CASE("element i of a stream depends on seed, stream and i alone", "[random]") {
  std::vector<double> whole(50001);
  fill_normal(whole, 7, 3);
  for (const std::size_t first : {0u, 1u, 2u, 777u, 49999u}) {
    std::vector<double> part(whole.size() - first);
    fill_normal(part, 7, 3, first);
    CHECK(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)));
  }
  std::vector<double> other(whole.size());
  fill_normal(other, 7, 4);
  CHECK(other != whole);
  fill_normal(other, 8, 3);
  CHECK(other != whole);
}

TEST_CASE("any number of threads gives the same random bits", "[random]") {
  const int before = kernels::threads();
  std::vector<std::vector<float>> runs;
  for (const int threads : {1, 2, 3, 7}) {
    kernels::set_threads(threads);
    fill_uniform(runs.emplace_back(100003), 1, 2);
  }
  kernels::set_threads(before);
  for (const auto& run : runs) CHECK(run == runs.front());
}

TEST_CASE("uniform numbers are at least 0 and below 1, and f32 ones are f64 ones cut short", "[random]") {
  std::vector<double> wide(20000);
  std::vector<float> narrow(wide.size());
  fill_uniform(wide, 11, 0);
  fill_uniform(narrow, 11, 0);
  double sum = 0, squares = 0;
  bool inside = true, agree = true;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    inside = inside && wide[i] >= 0 && wide[i] < 1 && narrow[i] < 1;
    agree = agree && wide[i] - narrow[i] >= 0 && wide[i] - narrow[i] < 0x1p-24;
    sum += wide[i];
    squares += wide[i] * wide[i];
  }
  const auto n = static_cast<double>(wide.size());
  CHECK(inside);
  CHECK(agree);
  CHECK(std::abs(sum / n - 0.5) < 5 * std::sqrt(1 / 12.0 / n));
  CHECK(std::abs(squares / n - 1 / 3.0) < 5 * std::sqrt(4 / 45.0 / n));
}

TEST_CASE("normal numbers have the moments of the normal distribution", "[random]") {
  std::vector<double> values(100000);
  fill_normal(values, 5, 9);
  double moments[5] = {};
  for (const double x : values) {
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(x, k) / static_cast<double>(values.size());
  }
  const double tolerance = 5 / std::sqrt(static_cast<double>(values.size()));  // five standard errors
  CHECK(std::abs(moments[1]) < tolerance);
  CHECK(std::abs(moments[2] - 1) < tolerance * std::sqrt(2));
  CHECK(std::abs(moments[3]) < tolerance * std::sqrt(15));
  CHECK(std::abs(moments[4] - 3) < tolerance * std::sqrt(96));
}

TEST_CASE("a generator goes on from its position", "[random]") {
  Philox first(3, 4);
  std::vector<double> values;
  for (int i = 0; i < 9; ++i) values.push_back(i % 2 ? first.normal() : first.uniform());
  const std::uint64_t position = first.position();
  const std::uint64_t expected = first.bits();
  CHECK(Philox(3, 4, position).bits() == expected);
}

TEST_CASE("a permutation has each number once, and the six orders of three are equally frequent", "[random]") {
  for (const std::int64_t count : {0, 1, 2, 10, 1000}) {
    const auto order = permutation(count, 1, 2);
    CHECK(std::set<std::int64_t>(order.begin(), order.end()).size() == static_cast<std::size_t>(count));
    if (count > 0) CHECK(*std::max_element(order.begin(), order.end()) == count - 1);
  }
  std::map<std::vector<std::int64_t>, int> seen;
  for (std::uint64_t stream = 0; stream < 6000; ++stream) ++seen[permutation(3, 1, stream)];
  CHECK(seen.size() == 6);
  for (const auto& [order, times] : seen) CHECK(std::abs(times - 1000) < 150);
}

TEST_CASE("numbers below a limit are equally frequent, and a limit below 1 is refused", "[random]") {
  Philox generator(2);
  std::vector<int> counts(5);
  for (int i = 0; i < 50000; ++i) ++counts[static_cast<std::size_t>(generator.below(5))];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);
  CHECK_THROWS_AS(generator.below(0), Error);
}

TEST_CASE("random tensors have the shape, the dtype and the bounds that were asked for", "[random]") {
  const Tensor x = random_uniform({3, 4}, -2, 5, 1, 1, f64);
  CHECK(x.shape() == Shape{3, 4});
  CHECK(x.dtype() == f64);
  for (const double value : x.to_vector<double>()) CHECK((value >= -2 && value < 5));
  CHECK_THROWS_AS(random_normal({2}, 0, 1, 1, 1, i64), Error);
}

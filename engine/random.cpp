// Random: Philox, and the fillings that stand on it.
#include "engine/random.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "engine/kernels/cpu.h"
#include "engine/kernels/isa/random_kernels.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"

namespace sg {
namespace {

using Words = std::array<std::uint64_t, 2>;

/// Elements 2 block and 2 block + 1 of a stream.
Words words_of(std::uint64_t seed, std::uint64_t stream, std::uint64_t block) {
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); };
  const auto x = philox4x32({low(block), high(block), low(stream), high(stream)}, {low(seed), high(seed)});
  return {x[0] | std::uint64_t{x[1]} << 32, x[2] | std::uint64_t{x[3]} << 32};
}

const kernels::RandomKernels& random_kernels() {
  using namespace kernels;
  return SG_OF_ISA(random_kernels);
}

/// out[i] = convert(element first + i), where `numbers` makes the elements of so many words.
template <class T, class Numbers, class Convert>
void fill(std::span<T> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Numbers numbers,
          Convert convert) {
  constexpr std::int64_t piece = 1 << 14, most_words = 512;
  const auto count = static_cast<std::int64_t>(out.size());
  const kernels::RandomKernels& kernels = random_kernels();
  kernels::parallel_for((count + piece - 1) / piece, [&](std::int64_t task) {
    std::array<std::uint64_t, most_words> words;
    std::array<double, most_words> values;
    const std::int64_t end = std::min(count, (task + 1) * piece);
    for (std::int64_t i = task * piece; i < end;) {
      const std::uint64_t element = first + static_cast<std::uint64_t>(i);
      const auto skipped = static_cast<std::int64_t>(element % 2);  // the first half of a block
      const std::int64_t taken = std::min(end - i, most_words - skipped), blocks = (skipped + taken + 1) / 2;
      kernels.words(words.data(), seed, stream, element / 2, blocks);
      numbers(kernels, values.data(), words.data(), blocks);
      for (std::int64_t k = 0; k < taken; ++k) out[i + k] = convert(values[skipped + k]);
      i += taken;
    }
  });
}

void uniform_numbers(const kernels::RandomKernels& kernels, double* out, const std::uint64_t* words,
                     std::int64_t blocks) {
  kernels.uniform(out, words, 2 * blocks);
}
void normal_numbers(const kernels::RandomKernels& kernels, double* out, const std::uint64_t* words,
                    std::int64_t blocks) {
  kernels.normal(out, words, blocks);
}

/// Cutting a uniform number, instead of rounding it, keeps it below 1.
float cut(double value) { return static_cast<float>(static_cast<std::int32_t>(value * 0x1p24)) * 0x1p-24f; }

template <class Fill>
Tensor random_tensor(const Shape& shape, Dtype dtype, Fill fill) {
  if (!is_floating(dtype)) fail("random: the dtype must be f32 or f64, not {}", name_of(dtype));
  const auto make = [&]<class T>(T) {
    check_extents("random", shape);
    std::vector<T> values(static_cast<std::size_t>(element_count(shape)));
    fill(std::span<T>(values));
    return tensor(std::span<const T>(values), shape, dtype);
  };
  return dtype == f32 ? make(float{}) : make(double{});
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9;  // the golden ratio and sqrt(3) - 1, as fractions of 2^32
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::uint64_t Philox::bits() {
  const std::uint64_t block = position_ / 2;
  if (block != block_) {
    words_ = words_of(seed_, stream_, block);
    block_ = block;
  }
  return words_[position_++ % 2];
}

double Philox::uniform() {
  const std::uint64_t word = bits();
  double value;
  random_kernels().uniform(&value, &word, 1);
  return value;
}

double Philox::normal() {
  const std::uint64_t first = bits();
  const Words pair{first, bits()};
  std::array<double, 2> values;
  random_kernels().normal(values.data(), pair.data(), 1);
  return values[0];
}

std::int64_t Philox::below(std::int64_t limit) {
  if (limit < 1) fail("Philox::below: the limit must be at least 1, not {}", limit);
  const auto range = static_cast<std::uint64_t>(limit);
  const std::uint64_t excess =
      (0 - range) % range;  // 2^64 mod range: that many words are drawn anew, for equal chances
  std::uint64_t word = bits();
  while (word < excess) word = bits();
  return static_cast<std::int64_t>(word % range);
}

std::uint64_t stream_of(std::initializer_list<std::uint64_t> values) {
  std::uint64_t hash = values.size();
  for (const std::uint64_t value : values) hash = words_of(0x736F626F6772616Bu, hash, value)[0];
  return hash;
}

void fill_uniform(std::span<float> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first) {
  fill(out, seed, stream, first, uniform_numbers, cut);
}
void fill_uniform(std::span<double> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first) {
  fill(out, seed, stream, first, uniform_numbers, std::identity());
}
void fill_normal(std::span<float> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first) {
  fill(out, seed, stream, first, normal_numbers, [](double value) { return static_cast<float>(value); });
}
void fill_normal(std::span<double> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first) {
  fill(out, seed, stream, first, normal_numbers, std::identity());
}

std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, std::uint64_t stream) {
  if (count < 0) fail("permutation: the count must not be negative: {}", count);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Philox generator(seed, stream);
  for (std::int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[generator.below(i + 1)]);
  return order;
}

Tensor random_uniform(const Shape& shape, double low, double high, std::uint64_t seed, std::uint64_t stream,
                      Dtype dtype) {
  return random_tensor(shape, dtype, [&]<class T>(std::span<T> out) {
    fill_uniform(out, seed, stream);
    for (T& value : out) value = static_cast<T>(low) + value * static_cast<T>(high - low);
  });
}

Tensor random_normal(const Shape& shape, double mean, double standard_deviation, std::uint64_t seed,
                     std::uint64_t stream, Dtype dtype) {
  return random_tensor(shape, dtype, [&]<class T>(std::span<T> out) {
    fill_normal(out, seed, stream);
    for (T& value : out) value = static_cast<T>(mean) + value * static_cast<T>(standard_deviation);
  });
}

}  // namespace sg

// Random: numbers by counting, so that element i of a stream depends on seed, stream and i alone.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/tensor.h"

namespace sg {

/// One block of Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011: "Parallel random numbers: as easy as 1, 2, 3").
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// An endless sequence of random numbers: those of `seed` and `stream`, read one after the other from `position` on.
/// Different streams of a seed are independent of each other.
class Philox {
 public:
  explicit Philox(std::uint64_t seed, std::uint64_t stream = 0, std::uint64_t position = 0)
      : seed_(seed), stream_(stream), position_(position) {}

  std::uint64_t bits();                    // 64 of them
  double uniform();                        // [0, 1), a multiple of 2^-53
  double normal();                         // mean 0, variance 1 (Box and Muller 1958); takes two positions
  std::int64_t below(std::int64_t limit);  // 0 .. limit - 1, each equally likely; throws unless limit >= 1

  /// How many 64-bit numbers have been taken; a generator made with it goes on from there.
  std::uint64_t position() const { return position_; }

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t position_;
  std::uint64_t block_ = ~std::uint64_t{0};
  std::array<std::uint64_t, 2> words_{};
};

/// A stream's number that depends on all the values, for streams that are named by several: (epoch, sample) and the
/// like.
std::uint64_t stream_of(std::initializer_list<std::uint64_t> values);

/// Fills with elements first, first + 1, ... of a stream: uniform in [0, 1), or normal with mean 0 and variance 1. The
/// f32 values are the f64 values cut to 24 bits, or rounded.
void fill_uniform(std::span<float> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first = 0);
void fill_uniform(std::span<double> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first = 0);
void fill_normal(std::span<float> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first = 0);
void fill_normal(std::span<double> out, std::uint64_t seed, std::uint64_t stream, std::uint64_t first = 0);

/// 0 .. count - 1 in an order in which each is equally likely everywhere (Fisher and Yates).
std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, std::uint64_t stream);

/// A tensor of elements 0, 1, ... of a stream, in row-major order; the numbers are in memory when it returns.
Tensor random_uniform(const Shape& shape, double low, double high, std::uint64_t seed, std::uint64_t stream,
                      Dtype dtype = f32);
Tensor random_normal(const Shape& shape, double mean, double standard_deviation, std::uint64_t seed,
                     std::uint64_t stream, Dtype dtype = f32);

}  // namespace sg

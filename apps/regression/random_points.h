// Random points and orders that depend on the seed and what they are for alone.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace sg::regression {

/// What random numbers are for: each has numbers of its own.
enum class Stream : std::uint64_t { train_points = 1, test_points, batches, interior, traces, projections, phases };

/// Uniform in [first, last)^d: [count, d].
Tensor uniform_points(std::uint64_t seed, Stream stream, std::int64_t count, std::int64_t d, double first, double last,
                      Dtype dtype);

/// Random unit directions [count, d], new ones for every `step`.
Tensor unit_directions(std::uint64_t seed, std::int64_t step, std::int64_t count, std::int64_t d, Dtype dtype);

/// 0..count-1 in random order; `turn` counts the epochs.
std::vector<std::int64_t> permutation(std::uint64_t seed, Stream stream, std::int64_t count, std::int64_t turn = 0);

}  // namespace sg::regression

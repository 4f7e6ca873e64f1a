// Random points and orders.
#include "apps/regression/random_points.h"

#include <cmath>

#include "engine/ops.h"
#include "engine/random.h"

namespace sg::regression {

Tensor uniform_points(std::uint64_t seed, Stream stream, std::int64_t count, std::int64_t d, double first, double last,
                      Dtype dtype) {
  return random_uniform({count, d}, first, last, seed, stream_of({static_cast<std::uint64_t>(stream)}), dtype);
}

Tensor unit_directions(std::uint64_t seed, std::int64_t step, std::int64_t count, std::int64_t d, Dtype dtype) {
  const std::uint64_t stream =
      stream_of({static_cast<std::uint64_t>(Stream::projections), static_cast<std::uint64_t>(step)});
  const Tensor normal = random_normal({count, d}, 0, 1, seed, stream, f64);
  return cast(normal * rsqrt(sum(square(normal), {1}, true)), dtype);
}

std::vector<std::int64_t> permutation(std::uint64_t seed, Stream stream, std::int64_t count, std::int64_t turn) {
  return sg::permutation(count, seed,
                         stream_of({static_cast<std::uint64_t>(stream), static_cast<std::uint64_t>(turn)}));
}

}  // namespace sg::regression

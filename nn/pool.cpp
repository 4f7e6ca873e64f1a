// Space to depth.
#include "nn/pool.h"

namespace sg::nn {

Tensor SpaceToDepth::forward(const Tensor& x) {
  const std::int64_t f = factor_;
  if (x.rank() != 4 || x.shape(2) % f || x.shape(3) % f) {
    fail("SpaceToDepth: needs [N, C, H, W] with sides divisible by {}: {}", f, x.shape());
  }
  const std::int64_t n = x.shape(0), c = x.shape(1), h = x.shape(2) / f, w = x.shape(3) / f;
  const Tensor squares = transpose(reshape(x, {n, c, h, f, w, f}), {0, 1, 3, 5, 2, 4});
  return reshape(squares, {n, c * f * f, h, w});
}

}  // namespace sg::nn

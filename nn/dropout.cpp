// Dropout.
#include "nn/dropout.h"

#include "engine/random.h"

namespace sg::nn {

Dropout::Dropout(double rate)
    : rate_(rate),
      key_(
          {2},
          [](const Shape&, Dtype, const init::Stream& stream) {
            return random_key(stream_of({stream.seed, stream.position}), 0);
          },
          i64) {
  if (!(rate >= 0 && rate <= 1)) fail("Dropout: the rate has to lie in [0, 1]: {}", rate);
  add_optional_buffer("key", key_);
  key_.initialise({});
}

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || rate_ == 0) return x;
  if (rate_ == 1) return x * 0;
  const Tensor key = key_;
  const auto words = key.to_vector<std::int64_t>();
  key_.set(random_key(static_cast<std::uint64_t>(words[0]), static_cast<std::uint64_t>(words[1]) + 1));
  return x * (bernoulli(key, x.shape(), 1 - rate_, x.dtype()) * (1 / (1 - rate_)));
}

}  // namespace sg::nn

// Dropout.
#include "nn/dropout.h"

#include <atomic>

#include "engine/random.h"
#include "engine/transforms.h"

namespace sg::nn {
namespace {

/// Until the network is initialised or loaded: layers have different numbers by the order in which they are made.
init::Stream next_stream() {
  constexpr std::uint64_t beyond_networks = std::uint64_t{1} << 63;
  static std::atomic<std::uint64_t> made{0};
  return {0, beyond_networks + made++};
}

}  // namespace

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
  key_.set(key_.rule()({2}, i64, next_stream()));
}

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || rate_ == 0) return x;
  if (rate_ == 1) return x * 0;
  const Tensor key = same_when_run_again([&] {
    const Tensor now = key_;
    const auto words = now.to_vector<std::int64_t>();
    key_.set(random_key(static_cast<std::uint64_t>(words[0]), static_cast<std::uint64_t>(words[1]) + 1));
    return now;
  });
  return x * (bernoulli(key, x.shape(), 1 - rate_, x.dtype()) * (1 / (1 - rate_)));
}

}  // namespace sg::nn

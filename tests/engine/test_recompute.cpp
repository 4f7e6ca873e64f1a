// A memory limit: values are computed again instead of kept, and nothing else changes.
#include "engine/recompute.h"

#include <catch2/catch_test_macros.hpp>

#include "engine/autodiff.h"
#include "engine/kernels/memory.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"
#include "engine/stream.h"
#include "nn/models/denoiser.h"
#include "nn/optim/adam.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;

namespace {

class MemoryLimit {
 public:
  explicit MemoryLimit(std::int64_t bytes) { set_memory_limit(bytes); }
  ~MemoryLimit() { set_memory_limit(0); }
};

struct Training {
  std::vector<float> weights;
  std::int64_t peak = 0;  // of the last step, in bytes beside what lived before it
};

Training train() {
  const int threads = kernels::threads();
  kernels::set_threads(1);  // how many pieces of scratch memory live at once is else a matter of timing
  std::mt19937_64 random(3);
  const Tensor pictures = uniform(random, {24, 1, 28, 28}, 0, 1, f32);
  nn::DenoisingAutoencoder network(8);
  network.initialise(1);
  nn::Adam adam(network, {.learning_rate = 1e-3});
  Training result;
  for (int i = 0; i < 3; ++i) {
    Tensor loss = mean(square(network(pictures) - pictures));
    kernels::reset_peak();
    const std::int64_t before = kernels::memory_statistics().live_bytes;
    adam.minimise(loss);
    result.peak = kernels::memory_statistics().peak_bytes - before;
  }
  for (const Tensor& value : network.parameter_values()) {
    for (float element : value.to_vector<float>()) result.weights.push_back(element);
  }
  kernels::set_threads(threads);
  return result;
}

/// A chain of products whose reverse pass needs all of its 24 values of 256 KB.
Tensor chain_gradient() {
  const Tensor x = full({256, 256}, 0.5).eval(), w = (eye(256) * 0.9).detach();
  Tensor y = x;
  for (int i = 0; i < 24; ++i) y = sin(matmul(y, w));
  return grad(sum(y), x);
}

}  // namespace

TEST_CASE("training under a memory limit needs less and gives the same bits", "[recompute]") {
  const Training free = train();
  const MemoryLimit limit(free.peak * 6 / 10);
  const Training limited = train();
  CHECK(limited.weights == free.weights);
  CHECK(limited.peak < free.peak * 3 / 4);
}

TEST_CASE("a chain's values are computed again where they do not fit", "[recompute]") {
  const StreamingScope whole(Streaming::off);
  const auto run = [](std::int64_t limit) {
    const MemoryLimit scope(limit);
    const Tensor gradient = chain_gradient();
    kernels::reset_peak();
    const std::int64_t before = kernels::memory_statistics().live_bytes;
    gradient.eval();
    return std::pair(gradient.to_vector<float>(), kernels::memory_statistics().peak_bytes - before);
  };
  const auto [free_values, free_peak] = run(0);
  const auto [values, peak] = run(4 << 20);
  CHECK(free_peak > 6 << 20);
  CHECK(peak < 5 << 20);
  CHECK(values == free_values);
}

TEST_CASE("a limit that nothing can keep changes no value, and a negative one is refused", "[recompute]") {
  const std::vector<float> expected = chain_gradient().to_vector<float>();
  const MemoryLimit limit(1);
  CHECK(chain_gradient().to_vector<float>() == expected);
  CHECK_THROWS(set_memory_limit(-1));
}

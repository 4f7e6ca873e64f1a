// Long trainings: what a step leaves behind.
#include <catch2/catch_test_macros.hpp>

#include "engine/autodiff.h"
#include "engine/kernels/memory.h"
#include "engine/ops.h"
#include "nn/models/mlp.h"
#include "nn/optim/adam.h"

using namespace sg;

namespace {

/// So many steps of a tiny network on u and u'' at eight points; nodes and bytes after the first hundred have to be
/// those after the last.
void check_steps(int steps) {
  nn::MLP network({1, 4, 1});
  network.initialise(0);
  nn::Adam adam(network);
  const Tensor x = reshape(linspace(-1, 1, 8), {8, 1});
  const Tensor target = sin(x);
  std::int64_t nodes = 0, bytes = 0;
  for (int step = 1; step <= steps; ++step) {
    const Tensor u = network.forward(x);
    const Tensor second = grad(sum(grad(sum(u), x)), x);
    const Tensor loss = mean(square(u - target)) + mean(square(second + target));
    adam.step(adam.gradients(loss), {loss});
    REQUIRE(loss.item() < 1e6);
    if (step == 100) {
      nodes = live_nodes();
      bytes = kernels::memory_statistics().live_bytes;
    } else if (step == steps) {
      CHECK(live_nodes() == nodes);
      CHECK(kernels::memory_statistics().live_bytes == bytes);
    }
  }
}

}  // namespace

TEST_CASE("steps with second derivatives leave neither nodes nor memory behind", "[soak]") { check_steps(2000); }

TEST_CASE("a million steps with second derivatives leave neither nodes nor memory behind", "[soak][slow][.]") {
  check_steps(1'000'000);
}

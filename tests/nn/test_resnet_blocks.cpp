// The residual networks' blocks: second derivatives by finite differences, in training and in evaluation.
#include <catch2/catch_test_macros.hpp>

#include "nn/models/resnet.h"
#include "tests/gradcheck.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;

namespace {

/// Derivatives by the input to second order. The running statistics stay those that the layers begin with.
void check_block(nn::Module& block, const Shape& shape) {
  for (const bool training : {true, false}) {
    INFO((training ? "training" : "evaluation"));
    std::mt19937_64 generator(5);
    fill(block, f64);
    block.train(training);
    test::check_derivatives([&](const Tensors& at) { return block(at[0]); }, {test::uniform(generator, shape, -1, 1)},
                            2, generator, 1e-5);
  }
}

}  // namespace

TEST_CASE(
    "the residual blocks' second derivatives by the input agree with finite differences, in training and in "
    "evaluation") {
  nn::BasicBlock same(2, 2, 1);
  check_block(same, {2, 2, 4, 4});
  nn::TransposedBlock level(2, 2, 1);
  check_block(level, {2, 2, 4, 4});
  for (const nn::ShortcutOptions shortcut : {nn::ShortcutOptions{1, 0}, nn::ShortcutOptions{3, 1}}) {
    INFO("shortcut of " << shortcut.kernel << " x " << shortcut.kernel);
    nn::BasicBlock down(2, 3, 2, shortcut);
    check_block(down, {2, 2, 4, 4});
    nn::TransposedBlock up(3, 2, 2, shortcut);
    check_block(up, {2, 3, 2, 2});
  }
}

TEST_CASE("the first layers of the whole autoencoder and its last ones have right second derivatives") {
  struct Ends : nn::Module {
    Ends()
        : down(3, 2, 7, {.stride = 2, .padding = 3, .bias = false}),
          first(2),
          up(2, 3, 7, {.stride = 2, .padding = 3, .output_padding = 1, .bias = false}),
          last(3) {
      add_child("down", down);
      add_child("first", first);
      add_child("up", up);
      add_child("last", last);
    }
    Tensor forward(const Tensor& x) override {
      const Tensor pooled = max_pool2d(relu(first(down(x))), {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
      return clamp(relu(last(up(upsample_bilinear2d(pooled, 2)))), 0, 1);
    }
    nn::Conv2d down;
    nn::BatchNorm2d first;
    nn::ConvTranspose2d up;
    nn::BatchNorm2d last;
  } ends;
  check_block(ends, {2, 3, 8, 8});
}

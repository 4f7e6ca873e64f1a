// The exact derivative of an autoencoder along directions of its input, as a loss.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "apps/image_autoencoder/directions.h"
#include "engine/autodiff.h"
#include "nn/models/resnet.h"
#include "tests/gradcheck.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using namespace sg::image_autoencoder;
using Catch::Approx;

TEST_CASE("smooth directions have a mean square of one, and depend on seed, step and index") {
  const Shape shape{3, 3, 8, 12};
  const Tensor v = smooth_directions(shape, 1, 2, 0, f64);
  CHECK(test::difference(mean(square(v), {1, 2, 3}), ones({3}, f64)) < 1e-12);
  CHECK(smooth_directions(shape, 1, 2, 0, f64).to_vector<double>() == v.to_vector<double>());
  for (const Tensor& other : {smooth_directions(shape, 2, 2, 0, f64), smooth_directions(shape, 1, 3, 0, f64),
                              smooth_directions(shape, 1, 2, 1, f64)}) {
    CHECK(std::abs(mean(v * other).item()) < 0.9);
  }
  // Neighbours are alike: differences are small beside the values.
  const Tensor large = smooth_directions({4, 3, 64, 64}, 0, 0, 0, f64);
  CHECK(mean(square(slice(large, 3, 1, 64) - slice(large, 3, 0, 63))).item() < 0.02);
}

TEST_CASE("the identity loses nothing along any direction, and twice the identity one a direction") {
  const Tensor x = formula_tensor("x", {2, 3, 4, 4}, f64).detach();
  const Tensors directions{smooth_directions(x.shape(), 0, 0, 0, f64), smooth_directions(x.shape(), 0, 0, 1, f64)};
  CHECK(exact_directions_loss(x * 1.0, x, directions).item() < 1e-28);
  CHECK(exact_directions_loss(x * 2.0, x, directions).item() == Approx(1));
}

TEST_CASE(
    "the loss along directions and its gradient by the parameters agree with finite differences, for both networks") {
  for (const auto kind : {nn::ResnetKind::light, nn::ResnetKind::resnet18}) {
    for (const bool training : {true, false}) {
      // Two latents of one pixel differ by next to nothing, which batch statistics blow up beyond finite differences.
      if (training && kind == nn::ResnetKind::resnet18) continue;
      INFO((kind == nn::ResnetKind::light ? "light" : "resnet18") << (training ? ", training" : ", evaluation"));
      const std::int64_t side = kind == nn::ResnetKind::light ? 8 : 32;
      nn::ResnetAutoencoder network(kind);
      fill(network, f64);
      network.train(training);
      const Tensor x = formula_pictures(2, 3, side, f64);
      const Tensor v = smooth_directions(x.shape(), 3, 0, 0, f64);
      const auto loss = [&] { return exact_directions_loss(network(x), x, {v}); };
      const double h = 1e-7;

      const double exact = loss().item();
      const Tensor along = (network(x + v * h) - network(x - v * h)) / (2 * h);
      CHECK(exact == Approx(mean(square(along - v)).item()).epsilon(1e-5));

      const auto slots = network.parameters();
      const Tensors values = network.parameter_values();
      const Tensors gradients = grad(loss(), values, {}, Unused::zeros);
      double expected = 0;
      Tensors steps;
      for (std::size_t i = 0; i < slots.size(); ++i) {
        steps.push_back(formula_tensor("step" + std::to_string(i), slots[i]->shape(), f64) *
                        (1 / std::sqrt(static_cast<double>(slots[i]->size()))));
        expected += sum(gradients[i] * steps[i]).item();
      }
      const auto at = [&](double t) {
        for (std::size_t i = 0; i < slots.size(); ++i) slots[i]->set((values[i] + steps[i] * t).detach());
        return loss().item();
      };
      CHECK((at(h) - at(-h)) / (2 * h) == Approx(expected).epsilon(1e-4).margin(1e-6));
    }
  }
}

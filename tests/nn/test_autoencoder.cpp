// The photographs' autoencoder: its names and sizes, that it begins as a linear map, and that it is convolutional.
#include <catch2/catch_test_macros.hpp>

#include "nn/models/autoencoder.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;

TEST_CASE("the photographs' autoencoder has a third as many latents as a picture has numbers") {
  nn::PhotoAutoencoder network;
  network.initialise(3);
  CHECK(network.parameter_count() == 192499);
  const Tensor x = formula_tensor("x", {2, 3, 16, 24}, f32, 0.5) + 0.5;
  const Tensor latent = network.encode(x);
  CHECK(latent.shape() == Shape{2, 16, 4, 6});
  CHECK(3 * latent.size() == x.size());
  CHECK(network(x).shape() == x.shape());
  const nn::NamedTensors state = network.state();
  CHECK(nn::find(state, "encoder.0.weight", "test").shape() == Shape{48, 3, 8, 8});
  CHECK(nn::find(state, "decoder.1.second.weight", "test").shape() == Shape{48, 48, 3, 3});
  CHECK(nn::find(state, "decoder.3.weight", "test").shape() == Shape{48, 3, 8, 8});
  CHECK_THROWS_AS(network.encode(zeros({1, 3, 10, 8})), Error);
  CHECK_THROWS_AS(network.encode(zeros({1, 1, 8, 8})), Error);
  CHECK_THROWS_AS(network.decode(zeros({1, 3, 4, 4})), Error);
}

TEST_CASE("the photographs' autoencoder begins as an affine map and does not depend on the batch") {
  nn::PhotoAutoencoder network;
  network.initialise(4);
  network.to(f64);
  const Tensor x = formula_tensor("x", {1, 3, 16, 16}, f64), y = formula_tensor("y", {1, 3, 16, 16}, f64);
  CHECK(relative_difference(network(x * 0.3 + y * 0.7), network(x) * 0.3 + network(y) * 0.7) < 1e-13);
  const Tensor both = network(concat({x, y * 100.0}, 0));
  CHECK(relative_difference(slice(both, 0, 0, 1), network(x)) < 1e-13);
}

TEST_CASE("the photographs' autoencoder moves its output with its input, a latent's step at a time") {
  nn::PhotoAutoencoder network;
  network.initialise(5);
  for (auto& [name, slot] : network.named_parameters()) slot->set(formula_tensor(name, slot->shape(), f32, 0.1));
  network.to(f64);
  // An output pixel sees 44 pixels to each side: nine 3 x 3 convolutions at a quarter of the sides, and both ends.
  const Tensor x = formula_tensor("wide", {1, 3, 16, 116}, f64);
  const Tensor left = network(slice(x, 3, 0, 112)), right = network(slice(x, 3, 4, 116));
  CHECK(relative_difference(slice(left, 3, 56, 60), slice(right, 3, 52, 56)) < 1e-13);
}

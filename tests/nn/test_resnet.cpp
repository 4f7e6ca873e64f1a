// The residual autoencoders: names, counts, shapes, and training steps against PyTorch's.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include "nn/models/resnet.h"
#include "nn/optim/adam.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

/// The network and Adam of resnet_reference.py, with its loss on the batch of a step.
struct Training {
  Training(nn::ResnetKind kind, const std::string& loss, Dtype dtype)
      : network(kind), loss_name(loss), pictures(formula_pictures(16, 3, 64, dtype)) {
    fill(network, dtype, "a/");
  }
  Tensor loss(std::size_t step) {
    const auto first = static_cast<std::int64_t>(8 * (step % 2));
    const Tensor batch = slice(pictures, 0, first, first + 8);
    const Tensor residual = network(batch) - batch;
    return loss_name == "l2" ? mean(square(residual)) : spectral_loss(residual);
  }
  nn::ResnetAutoencoder network;
  std::string loss_name;
  Tensor pictures;
};

/// 20 steps of Adam in f64: losses and running statistics within `tolerance` of PyTorch's. At each step's weights and
/// running statistics, rounded, the f32 network is held to the same loss, and to the f64 network's gradients. (Left to
/// itself it goes another way, as any would: rounding the starting weights to f32 moves the losses of an f64 run by up
/// to a hundredth.)
void check_training(nn::ResnetKind kind, const std::string& loss_name, double tolerance) {
  const auto file = reference("resnet.safetensors");
  const std::string run = (kind == nn::ResnetKind::light ? "light." : "resnet18.") + loss_name;
  INFO(run);
  REQUIRE(file.metadata.at("salt") == "\"a/\"");
  const auto expected = nn::find(file.tensors, "losses." + run, "test").to_vector<double>();
  REQUIRE(expected.size() == 20);
  Training in_f64(kind, loss_name, f64), in_f32(kind, loss_name, f32);
  nn::Adam optimizer(in_f64.network, {.learning_rate = 1e-3, .weight_decay = 1e-5});
  for (std::size_t step = 0; step < expected.size(); ++step) {
    INFO("step " << step);
    nn::NamedTensors rounded;
    for (auto& [name, value] : in_f64.network.state()) {
      rounded.emplace_back(name, value.dtype() == f64 ? cast(value, f32) : value);
    }
    in_f32.network.load_state(rounded);
    const Tensor loss = in_f64.loss(step), loss_in_f32 = in_f32.loss(step);
    CHECK(loss.item() == Approx(expected[step]).epsilon(tolerance));
    CHECK(loss_in_f32.item() == Approx(expected[step]).epsilon(1e-5));
    const Tensors gradients = grad(loss, in_f64.network.parameter_values());
    const Tensors gradients_in_f32 = grad(loss_in_f32, in_f32.network.parameter_values());
    Tensor apart = zeros({}, f64), whole = zeros({}, f64);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      apart = apart + sum(square(cast(gradients_in_f32[i], f64) - gradients[i]));
      whole = whole + sum(square(gradients[i]));
    }
    // One relu in a million that goes the other way changes a gradient by a thousandth; PyTorch's differ by 1.1e-2 at
    // the start.
    CHECK(std::sqrt(apart.item() / whole.item()) < 3e-2);
    optimizer.minimise(loss);
  }
  const auto state = in_f64.network.state();
  int compared = 0;
  for (auto& [name, buffer] : nn::with_prefix(file.tensors, "buffers." + run + ".")) {
    INFO(name);
    CHECK(relative_difference(nn::find(state, name, "test"), buffer) < 100 * tolerance);
    ++compared;
  }
  CHECK(compared == 12);
  CHECK(nn::find(state, "encoder.bn1.num_batches_tracked", "test").item() == 20);
}

}  // namespace

TEST_CASE("both autoencoders have as many parameters as PyTorch's, and their names") {
  nn::ResnetAutoencoder whole(nn::ResnetKind::resnet18), light(nn::ResnetKind::light);
  CHECK(whole.parameter_count() == 22351110);
  CHECK(light.parameter_count() == 389958);
  std::map<std::string, Shape> shapes;
  for (auto& [name, slot] : whole.named_slots()) shapes[name] = slot->shape();
  CHECK(shapes.at("encoder.conv1.weight") == Shape{64, 3, 7, 7});
  CHECK(shapes.at("encoder.layer2.0.downsample.0.weight") == Shape{128, 64, 1, 1});
  CHECK(shapes.at("encoder.layer4.1.bn2.num_batches_tracked") == Shape{});
  CHECK(shapes.at("decoder.layer4.1.conv1.weight") == Shape{512, 256, 3, 3});
  CHECK(shapes.at("decoder.layer4.1.upsample.1.running_var") == Shape{256});
  CHECK(shapes.at("decoder.de_conv1.weight") == Shape{64, 3, 7, 7});
  CHECK_FALSE(shapes.contains("encoder.layer1.0.downsample.0.weight"));
  CHECK_FALSE(shapes.contains("decoder.layer1.1.upsample.0.weight"));
  CHECK_FALSE(shapes.contains("encoder.conv1.bias"));
  std::map<std::string, Shape> of_light;
  for (auto& [name, slot] : light.named_slots()) of_light[name] = slot->shape();
  CHECK(of_light.at("encoder.layer2.0.downsample.0.weight") == Shape{32, 16, 3, 3});
  CHECK(of_light.at("decoder.layer3.1.upsample.0.weight") == Shape{64, 32, 3, 3});
}

TEST_CASE("pictures of fitting sides come back in their own shape, and others are refused with the multiple") {
  for (const auto kind : {nn::ResnetKind::resnet18, nn::ResnetKind::light}) {
    nn::ResnetAutoencoder network(kind);
    network.initialise(1);
    network.eval();
    const Tensor x = formula_tensor("x", {1, 3, 32, 64}, f32, 0.5, 0.5);
    const Tensor latent = network.encode(x);
    CHECK(latent.shape() ==
          Shape{1, network.latent_channels(), 32 / network.side_multiple(), 64 / network.side_multiple()});
    const Tensor y = network(x);
    CHECK(y.shape() == x.shape());
    CHECK(min(y).item() >= 0);
    CHECK(max(y).item() <= 1);
    CHECK(network.decode(latent).to_vector<float>() == y.to_vector<float>());
    CHECK_THROWS_WITH(network(zeros({1, 3, 32, 66})),
                      ContainsSubstring(fmt::format("multiples of {}: 32 x 66", network.side_multiple())));
    CHECK_THROWS_WITH(network(zeros({1, 1, 32, 32})), ContainsSubstring("needs [N, 3, H, W]"));
  }
}

// Half an hour under a sanitizer, and nothing but arithmetic that other tests go through as well.
TEST_CASE("the light autoencoder trains as PyTorch's does", "[release]") {
  check_training(nn::ResnetKind::light, "l2", 1e-8);
  check_training(nn::ResnetKind::light, "hs1", 1e-8);
}

TEST_CASE("the whole autoencoder trains as PyTorch's does", "[slow]") {
  check_training(nn::ResnetKind::resnet18, "l2", 1e-7);
  check_training(nn::ResnetKind::resnet18, "hs1", 1e-7);
}

// The benchmark's workloads.
#include "tests/bench/parts/workloads.h"

#include <fmt/format.h>

#include <numbers>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "losses/pinn.h"
#include "losses/route.h"
#include "losses/sobolev.h"
#include "losses/spectral.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/models/autoencoder.h"
#include "nn/models/denoiser.h"
#include "nn/models/mlp.h"
#include "nn/models/resnet.h"
#include "nn/models/unet.h"
#include "nn/optim/adam.h"

namespace sg::bench {
namespace {

Tensor noise(Shape shape, std::uint64_t stream, Dtype dtype = f32) {
  return random_normal(shape, 0, 1, 7, stream, dtype);
}

/// A network with its optimiser, trained on a loss.
template <class Network>
Step training(std::shared_ptr<Network> network, nn::AdamOptions options, std::function<Tensor(Network&)> loss) {
  network->initialise(1);
  auto adam = std::make_shared<nn::Adam>(*network, options);
  return [=] { adam->minimise(loss(*network)); };
}

// Functions on points ---------------------------------------------------------------------------------------

/// A thousand evaluations of the smallest graph: what one costs besides its arithmetic, in microseconds.
Step tiny_1000() {
  const Tensor a = tensor({1.5}, {1}), b = tensor({2}, {1});
  return [=] {
    for (int i = 0; i < 1000; ++i) (a + b).eval();
  };
}

Step mlp(int order, std::int64_t points = 1000) {
  const Tensor x = reshape(linspace(-1, 1, points), {points, 1});
  const Tensor target = x + sin(pow(x, 4) * (2 * std::numbers::pi));
  Tensors targets{target.detach()};
  Tensor derivative = target;
  for (int k = 1; k <= order; ++k) targets.push_back((derivative = grad(derivative, x)).detach());
  return training<nn::MLP>(std::make_shared<nn::MLP>(std::vector<std::int64_t>{1, 64, 64, 64, 1}),
                           {.learning_rate = 1e-4}, [=](nn::MLP& net) {
                             return losses::sobolev(
                                 losses::derivatives([&](const Tensor& at) { return net(at); }, x, order), targets);
                           });
}

Step mlp2d(std::int64_t points, int order) {
  const Tensor x = random_uniform({points, 2}, -1, 1, 3, 0);
  const Tensor a = slice(x, 1, 0, 1), b = slice(x, 1, 1, 2);
  const Tensor target = sin((a + b) * 10) + square(a - b) - a * 1.5 + b * 2.5 + 1;
  Tensors targets = losses::derivatives([&](const Tensor&) { return target; }, x, order, losses::Route::reverse);
  for (Tensor& values : targets) values = values.detach();
  eval(targets);
  return training<nn::MLP>(std::make_shared<nn::MLP>(std::vector<std::int64_t>{2, 64, 64, 64, 64, 1}),
                           {.learning_rate = 1e-4}, [=](nn::MLP& net) {
                             return losses::sobolev(
                                 losses::derivatives([&](const Tensor& at) { return net(at); }, x, order), targets);
                           });
}

/// All derivatives up to `order`, and the gradient of their sum of mean squares by the parameters.
Step mlp_order(int order) {
  auto net = std::make_shared<nn::MLP>(std::vector<std::int64_t>{1, 64, 64, 64, 1});
  net->initialise(1);
  net->to(f64);
  const Tensor x = reshape(linspace(-1, 1, 1000, f64), {1000, 1});
  return [=] {
    const Tensors u = losses::derivatives([&](const Tensor& points) { return (*net)(points); }, x, order);
    Tensor loss = mean(square(u[0]));
    for (int k = 1; k <= order; ++k) loss = loss + mean(square(u[k]));
    const Tensors gradients = grad(loss, net->parameter_values());
    loss = Tensor();
    eval(gradients);
  };
}

Step laplacian_10d() {
  auto net = std::make_shared<nn::MLP>(std::vector<std::int64_t>{10, 64, 64, 64, 1});
  net->initialise(1);
  const Tensor x = noise({1000, 10}, 0);
  return [=] { eval(grad(mean(square(laplacian((*net)(x), x))), net->parameter_values(), {}, Unused::zeros)); };
}

Step siren2d_h2(std::int64_t points) {
  const Tensor x = random_uniform({points, 2}, -1, 1, 3, 0);
  const Tensors targets{noise({points, 1}, 0), noise({points, 2}, 1), noise({points, 4}, 2)};
  eval(targets);
  return training<nn::Siren>(std::make_shared<nn::Siren>(2, 1, 64), {.learning_rate = 1e-4}, [=](nn::Siren& net) {
    return losses::sobolev(losses::derivatives([&](const Tensor& at) { return net(at); }, x, 2), targets);
  });
}

/// The residual of Burgers' equation under H1.
Step pinn_burgers(std::int64_t points) {
  const Tensor x = random_uniform({points, 2}, -1, 1, 3, 0);
  return training<nn::MLP>(std::make_shared<nn::MLP>(std::vector<std::int64_t>{2, 64, 64, 64, 64, 1}),
                           {.learning_rate = 1e-4}, [=](nn::MLP& net) {
                             const auto network = [&](const Tensor& at) { return net(at); };
                             return losses::residual_norm(
                                 losses::pinn_residual(losses::Equation::burgers, network, x, 0.01), x, 1);
                           });
}

/// The 64 x 64 Jacobian of each of 1,000 points.
Step mlp_jacobian() {
  auto net = std::make_shared<nn::MLP>(std::vector<std::int64_t>{64, 64, 64, 64, 64});
  net->initialise(1);
  const Tensor x = noise({1000, 64}, 0);
  return [=] { batched_jacobian((*net)(x), x).eval(); };
}

// Pictures --------------------------------------------------------------------------------------------------

Step denoiser(bool spectral, std::int64_t batch = 128) {
  const Tensor clean = random_uniform({batch, 1, 28, 28}, 0, 1, 3, 0);
  const Tensor noisy = (clean + noise({batch, 1, 28, 28}, 1) * 0.3).detach();
  return training<nn::DenoisingAutoencoder>(
      std::make_shared<nn::DenoisingAutoencoder>(), {.learning_rate = 0.005}, [=](nn::DenoisingAutoencoder& net) {
        return spectral ? losses::spectral_2d(net(noisy) - clean, 1) : losses::mse(net(noisy), clean);
      });
}

Step conv_h1() {
  auto net = std::make_shared<nn::Sequential>();
  nn::ConvOptions near{.padding = {1, 1}}, half{.stride = {2, 2}, .padding = {1, 1}};
  net->add<nn::Conv2d>(1, 32, 3, near).add<nn::Softplus>().add<nn::Conv2d>(32, 32, 3, half).add<nn::Softplus>();
  net->add<nn::Conv2d>(32, 32, 3, half).add<nn::Softplus>().add<nn::Flatten>().add<nn::Linear>(32 * 7 * 7, 1);
  const Tensor x = random_uniform({32, 1, 28, 28}, 0, 1, 3, 0);
  const Tensor target = noise({32, 1}, 1), target_gradient = (noise({32, 1, 28, 28}, 2) * 0.1).detach();
  return training<nn::Sequential>(net, {}, [=](nn::Sequential& network) {
    const Tensor u = network(x);
    return losses::mse(u, target) + losses::mse(grad(u, x), target_gradient);
  });
}

Step resnet(nn::ResnetKind kind, std::int64_t batch, std::int64_t side = 64) {
  const Tensor pictures = random_uniform({batch, 3, side, side}, 0, 1, 3, 0);
  return training<nn::ResnetAutoencoder>(
      std::make_shared<nn::ResnetAutoencoder>(kind), {.weight_decay = 1e-5},
      [=](nn::ResnetAutoencoder& net) { return losses::spectral_2d(net(pictures) - pictures, 1); });
}

Step photographs(std::int64_t batch) {
  const Tensor pictures = random_uniform({batch, 3, 64, 64}, 0, 1, 3, 0);
  return training<nn::PhotoAutoencoder>(
      std::make_shared<nn::PhotoAutoencoder>(), {.weight_decay = 1e-5},
      [=](nn::PhotoAutoencoder& net) { return losses::spectral_2d(net(pictures) - pictures, 1); });
}

Tensor times(std::int64_t batch) { return (arange(batch, f32) * 100).detach(); }

Step unet(std::int64_t side, std::int64_t batch) {
  const Tensor x = noise({batch, 3, side, side}, 0), target = noise({batch, 3, side, side}, 1), t = times(batch);
  return training<nn::Unet>(std::make_shared<nn::Unet>(), {.learning_rate = 1e-4},
                            [=](nn::Unet& net) { return losses::mse(net(x, t), target); });
}

Step unet_inference(std::int64_t side, std::int64_t batch) {
  auto net = std::make_shared<nn::Unet>();
  net->initialise(1);
  const Tensor x = noise({batch, 3, side, side}, 0), t = times(batch);
  return [=] {
    const NoGrad no_grad;
    (*net)(x, t).eval();
  };
}

/// A convolution with its two gradients, of `channels` to as many.
Step conv_channels(std::int64_t channels) {
  const Tensor x = noise({16, channels, 16, 16}, 0), weight = noise({channels, channels, 3, 3}, 1) * 0.05;
  return [=, held = weight.detach()] {
    const Tensor y = conv2d(x, held, {.padding = {1, 1}});
    eval(grad(sum(square(y)), {x, held}));
  };
}

}  // namespace

std::vector<std::pair<std::string, std::function<Step()>>> workloads() {
  std::vector<std::pair<std::string, std::function<Step()>>> all{
      {"tiny_1000", tiny_1000},
      {"mlp_l2", [] { return mlp(0); }},
      {"mlp_h1", [] { return mlp(1); }},
      {"mlp_h2", [] { return mlp(2); }},
      {"mlp2d_h1_10k", [] { return mlp2d(10'000, 1); }},
      {"dae_l2", [] { return denoiser(false); }},
      {"dae_h1", [] { return denoiser(true); }},
      {"conv_h1", conv_h1},
      {"resnet_light_h1_b32", [] { return resnet(nn::ResnetKind::light, 32); }},
      {"resnet18_h1_b16", [] { return resnet(nn::ResnetKind::resnet18, 16); }},
      {"unet32_b4", [] { return unet(32, 4); }},
      {"unet64_b2", [] { return unet(64, 2); }},
      {"unet32_infer_b8", [] { return unet_inference(32, 8); }},
      {"laplacian_10d", laplacian_10d},
      {"siren2d_h2_100k", [] { return siren2d_h2(100'000); }},
      {"pinn_burgers_20k", [] { return pinn_burgers(20'000); }},
      {"mlp_jacobian_64", mlp_jacobian},
      {"photo_h1_b16", [] { return photographs(16); }},
  };
  for (int order = 1; order <= 8; ++order) {
    all.emplace_back(fmt::format("mlp_order_{}", order), [order] { return mlp_order(order); });
  }
  return all;
}

std::vector<Scaling> scalings() {
  return {
      {"mlp2d_h1", "points", {10'000, 20'000, 40'000, 80'000}, [](std::int64_t n) { return mlp2d(n, 1); }},
      {"mlp_h2", "points", {1'000, 2'000, 4'000, 8'000}, [](std::int64_t n) { return mlp(2, n); }},
      {"dae_h1", "batch", {32, 64, 128, 256}, [](std::int64_t n) { return denoiser(true, n); }},
      {"unet", "batch", {1, 2, 4, 8}, [](std::int64_t n) { return unet(32, n); }},
      {"unet", "side", {16, 32, 64, 128}, [](std::int64_t n) { return unet(n, 1); }},
      {"conv3x3_16x16_b16", "channels", {32, 64, 128, 256}, conv_channels},
  };
}

std::vector<Scaling> point_counts() {
  const std::vector<std::int64_t> counts{1'000, 10'000, 100'000, 1'000'000};
  return {{"mlp2d_h1", "points", counts, [](std::int64_t n) { return mlp2d(n, 1); }},
          {"mlp2d_h2", "points", counts, [](std::int64_t n) { return mlp2d(n, 2); }}};
}

}  // namespace sg::bench

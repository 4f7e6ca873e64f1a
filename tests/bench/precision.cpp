// Trains every network for 20 steps of Adam in f32 and in f64 from the same starts, and prints the losses: the engine's
// side of tests/reference/precision.py, which trains the same in PyTorch and makes the table of tests/README.md.
//   bench_precision STARTS       a line a run: network.loss, number of the start, dtype, and the loss of every step
//   bench_precision convolutions a line a shape: the rms error of f32 against f64, forward and of both gradients
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "losses/route.h"
#include "losses/sobolev.h"
#include "nn/models/denoiser.h"
#include "nn/models/mlp.h"
#include "nn/models/resnet.h"
#include "nn/models/unet.h"
#include "nn/optim/adam.h"
#include "tests/nn/formula.h"

namespace {

using namespace sg;
using namespace sg::tests;

constexpr int steps = 20;
constexpr std::int64_t batch = 8;

Tensor batch_of(const Tensor& pictures, int step) {
  const std::int64_t first = batch * (step % 2);
  return slice(pictures, 0, first, first + batch);
}

Tensor picture_loss(const std::string& loss, const Tensor& residual) {
  return loss == "l2" ? mean(square(residual)) : spectral_loss(residual);
}

void train(const std::string& name, int start, Dtype dtype, nn::Module& network, nn::AdamOptions options,
           const std::function<Tensor(int)>& loss) {
  fill(network, dtype, fmt::format("start {}/", start));
  nn::Adam adam(network, options);
  std::string line = fmt::format("{} {} {}", name, start, dtype == f64 ? "f64" : "f32");
  for (int step = 0; step < steps; ++step) {
    line += fmt::format(" {:.17g}", adam.minimise(loss(step)).item());
  }
  fmt::print("{}\n", line);
}

void train_all(int start, Dtype dtype) {
  for (const int order : {0, 1, 2}) {
    const Tensor x = cast(reshape(linspace(-1, 1, 1000, f32), {1000, 1}), dtype);
    const Tensor target = x + sin(pow(x, 4) * (2 * std::numbers::pi));
    Tensors targets{target.detach()};
    Tensor derivative = target;
    for (int k = 1; k <= order; ++k) targets.push_back((derivative = grad(derivative, x)).detach());
    nn::MLP network({1, 64, 64, 64, 1});
    const std::string names[] = {"mlp.l2", "mlp.h1", "mlp.h2"};
    train(names[order], start, dtype, network, {.learning_rate = 1e-3}, [&](int) {
      return losses::sobolev(losses::derivatives([&](const Tensor& points) { return network(points); }, x, order),
                             targets);
    });
  }
  for (const std::string loss : {"l2", "hs1"}) {
    const Tensor digits = formula_pictures(2 * batch, 1, 28, dtype),
                 pictures = formula_pictures(2 * batch, 3, 64, dtype);
    nn::DenoisingAutoencoder denoiser;
    const Tensor noise = unit_noise("noise", digits.shape(), dtype) * 0.3;
    train("denoiser." + loss, start, dtype, denoiser, {.learning_rate = 1e-3}, [&](int step) {
      const Tensor clean = batch_of(digits, step);
      return picture_loss(loss, denoiser(clean + batch_of(noise, step)) - clean);
    });
    for (const auto kind : {nn::ResnetKind::light, nn::ResnetKind::resnet18}) {
      nn::ResnetAutoencoder network(kind);
      const std::string name = kind == nn::ResnetKind::light ? "resnet18-light." : "resnet18.";
      train(name + loss, start, dtype, network, {.learning_rate = 1e-3, .weight_decay = 1e-5}, [&](int step) {
        const Tensor clean = batch_of(pictures, step);
        return picture_loss(loss, network(clean) - clean);
      });
    }
    nn::Unet unet({.dim = 16, .channels = 1});
    const Tensor times = arange(2 * batch, dtype) * 60;
    const Tensor unet_noise = unit_noise("noise", digits.shape(), dtype);
    train("unet16." + loss, start, dtype, unet, {.learning_rate = 1e-3}, [&](int step) {
      const Tensor clean = batch_of(digits, step) * 2 - 1;
      return picture_loss(loss, unet(clean + batch_of(unet_noise, step), batch_of(times, step)) - clean);
    });
  }
}

struct ConvolutionShape {
  std::int64_t pictures, in, out, side, kernel, stride, padding;
};

/// The convolutions of the networks, with input as a relu leaves it: the values, and the gradients by input and weight.
Tensors convolution(const std::string& name, const ConvolutionShape& shape, Dtype dtype) {
  const auto& [pictures, in, out, side, kernel, stride, padding] = shape;
  const Tensor x = relu(unit_noise(name + ".x", {pictures, in, side, side}, dtype)).detach();
  const Tensor weight = unit_noise(name + ".weight", {out, in, kernel, kernel}, dtype).detach();
  const Tensor y = conv2d(x, weight, {.stride = {stride, stride}, .padding = {padding, padding}});
  const Tensors gradients = grad(sum(y * unit_noise(name + ".cotangent", y.shape(), dtype)), {x, weight});
  return {y, gradients[0], gradients[1]};
}

void compare_convolutions() {
  // As in precision.py.
  constexpr ConvolutionShape shapes[] = {
      {8, 3, 64, 64, 7, 2, 3},   {8, 16, 16, 64, 3, 1, 1},   {8, 16, 32, 64, 3, 2, 1},  {8, 32, 32, 32, 3, 1, 1},
      {8, 64, 64, 16, 3, 1, 1},  {8, 64, 128, 16, 3, 2, 1},  {8, 128, 128, 8, 3, 1, 1}, {8, 128, 256, 8, 3, 2, 1},
      {8, 256, 256, 4, 3, 1, 1}, {16, 256, 512, 4, 3, 2, 1}, {16, 512, 512, 2, 3, 1, 1}};
  for (const ConvolutionShape& shape : shapes) {
    const auto& [pictures, in, out, side, kernel, stride, padding] = shape;
    const std::string name = fmt::format("{}-{}.{}.{}.{}", in, out, side, kernel, stride);
    const Tensors single = convolution(name, shape, f32), exact = convolution(name, shape, f64);
    std::string line = name;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const Tensor error = mean(square(cast(single[i], f64) - exact[i])) / mean(square(exact[i]));
      line += fmt::format(" {:.3g}", std::sqrt(error.item()));
    }
    fmt::print("{}\n", line);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "convolutions") {
    compare_convolutions();
    return 0;
  }
  const int starts = argc == 2 ? std::atoi(argv[1]) : 0;
  if (starts < 1) {
    fmt::print(stderr, "usage: bench_precision STARTS|convolutions\n");
    return 2;
  }
  for (int start = 0; start < starts; ++start) {
    for (const Dtype dtype : {f64, f32}) train_all(start, dtype);
  }
}

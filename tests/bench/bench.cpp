// The benchmark: whole training steps of the workloads, one line each: name, median and minimum milliseconds, peak
// memory in MB. compare.py runs the same workloads in PyTorch (torch_workloads.py), by turns with this binary.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <numbers>

#include "engine/autodiff.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"
#include "engine/profile.h"
#include "engine/random.h"
#include "losses/route.h"
#include "losses/sobolev.h"
#include "losses/spectral.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/models/denoiser.h"
#include "nn/models/mlp.h"
#include "nn/models/resnet.h"
#include "nn/models/unet.h"
#include "nn/optim/adam.h"

namespace {

using namespace sg;

/// One whole step; what it needs lives in its captures.
using Step = std::function<void()>;

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

Step mlp(int order) {
  const Tensor x = reshape(linspace(-1, 1, 1000), {1000, 1});
  const Tensor target = x + sin(pow(x, 4) * (2 * std::numbers::pi));
  Tensors targets{target.detach()};
  Tensor derivative = target;
  for (int k = 1; k <= order; ++k) targets.push_back((derivative = grad(derivative, x)).detach());
  return training<nn::MLP>(std::make_shared<nn::MLP>(std::vector<std::int64_t>{1, 64, 64, 64, 1}),
                           {.learning_rate = 1e-4}, [=](nn::MLP& net) {
                             return losses::sobolev(
                                 losses::derivatives([&](const Tensor& points) { return net(points); }, x, order),
                                 targets);
                           });
}

Step mlp2d_h1_10k() {
  const Tensor x = random_uniform({10000, 2}, -1, 1, 3, 0);
  const Tensor a = slice(x, 1, 0, 1), b = slice(x, 1, 1, 2);
  const Tensor target = sin((a + b) * 10) + square(a - b) - a * 1.5 + b * 2.5 + 1;
  const Tensors targets{target.detach(), grad(target, x).detach()};
  return training<nn::MLP>(std::make_shared<nn::MLP>(std::vector<std::int64_t>{2, 64, 64, 64, 64, 1}),
                           {.learning_rate = 1e-4}, [=](nn::MLP& net) {
                             return losses::sobolev(
                                 losses::derivatives([&](const Tensor& points) { return net(points); }, x, 1), targets);
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

// Pictures --------------------------------------------------------------------------------------------------

Step denoiser(bool spectral) {
  const Tensor clean = random_uniform({128, 1, 28, 28}, 0, 1, 3, 0);
  const Tensor noisy = (clean + noise({128, 1, 28, 28}, 1) * 0.3).detach();
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

Step resnet(nn::ResnetKind kind, std::int64_t batch) {
  const Tensor pictures = random_uniform({batch, 3, 64, 64}, 0, 1, 3, 0);
  return training<nn::ResnetAutoencoder>(
      std::make_shared<nn::ResnetAutoencoder>(kind), {.weight_decay = 1e-5},
      [=](nn::ResnetAutoencoder& net) { return losses::spectral_2d(net(pictures) - pictures, 1); });
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

std::vector<std::pair<std::string, std::function<Step()>>> workloads() {
  std::vector<std::pair<std::string, std::function<Step()>>> all{
      {"mlp_l2", [] { return mlp(0); }},
      {"mlp_h1", [] { return mlp(1); }},
      {"mlp_h2", [] { return mlp(2); }},
      {"mlp2d_h1_10k", mlp2d_h1_10k},
      {"dae_l2", [] { return denoiser(false); }},
      {"dae_h1", [] { return denoiser(true); }},
      {"conv_h1", conv_h1},
      {"resnet_light_h1_b32", [] { return resnet(nn::ResnetKind::light, 32); }},
      {"resnet18_h1_b16", [] { return resnet(nn::ResnetKind::resnet18, 16); }},
      {"unet32_b4", [] { return unet(32, 4); }},
      {"unet64_b2", [] { return unet(64, 2); }},
      {"unet32_infer_b8", [] { return unet_inference(32, 8); }},
      {"laplacian_10d", laplacian_10d},
  };
  for (int order = 1; order <= 8; ++order) {
    all.emplace_back(fmt::format("mlp_order_{}", order), [order] { return mlp_order(order); });
  }
  return all;
}

void measure(const std::string& name, const Step& step, double seconds, bool profiled) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto warm = Clock::now();
  for (int i = 0; i < 5 && (i < 2 || since(warm) < 1); ++i) step();
  if (profiled) profile::enable(true);
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 3 || since(start) < seconds) {
    const auto begin = Clock::now();
    step();
    times.push_back(1e3 * since(begin));
  }
  std::sort(times.begin(), times.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{} {:.4f} {:.4f} {:.1f}\n", name, times[times.size() / 2], times[0],
             static_cast<double>(usage.ru_maxrss) / 1024);
  if (profiled) fmt::print("{} steps\n{}", times.size(), profile::table());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times whole training steps; prints name, median ms, minimum ms, peak MB.");
  std::vector<std::string> names;
  int threads = 0;
  double seconds = 8;
  bool list = false, profiled = false;
  app.add_option("workload", names, "workloads to run; all by default");
  app.add_option("--threads", threads, "threads; all cores by default")->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds, "how long each workload is timed")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--list", list, "name the workloads");
  app.add_flag("--profile", profiled, "time by primitive as well");
  CLI11_PARSE(app, argc, argv);
  const auto all = workloads();
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), [&](const auto& row) { return row.first == name; })) {
      fmt::print(stderr, "bench: error: no workload {}: --list names them\n", name);
      return 2;
    }
  }
  for (const auto& [name, make] : all) {
    if (list) {
      fmt::print("{}\n", name);
      continue;
    }
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    // A process each, so that the peak is the workload's own.
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      if (threads > 0) kernels::set_threads(threads);
      try {
        measure(name, make(), seconds, profiled);
      } catch (const std::exception& error) {
        fmt::print(stderr, "bench: error: {}: {}\n", name, error.what());
        _exit(1);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) return 1;
  }
  return 0;
}

// The diffusion U-Net: names, counts, refusals, and values, gradients and training steps against PyTorch's.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <nlohmann/json.hpp>

#include "nn/models/unet.h"
#include "nn/optim/adam.h"
#include "nn/optim/gradient_clipping.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

const nn::SafetensorsFile& file() {
  static const nn::SafetensorsFile loaded = reference("unet.safetensors");
  return loaded;
}

Tensor of(const std::string& name) { return nn::find(file().tensors, name, "test"); }

struct Setting {
  const char* name;
  std::int64_t dim, channels, side, count;
};
constexpr Setting small{"d16", 16, 1, 28, 2}, large{"d64", 64, 3, 32, 1};

std::vector<std::string> parameter_names(const Setting& setting) {
  std::vector<std::string> names;
  const auto list = nlohmann::json::parse(file().metadata.at(std::string(setting.name) + ".parameters"));
  for (auto& name : list) names.push_back(name.get<std::string>());
  return names;
}

/// The output, and every parameter's gradient by its sum, sum of squares, and product with a direction.
void check_values(const Setting& setting, Dtype dtype, double tolerance, double gradient_tolerance) {
  INFO(setting.name);
  nn::Unet network({.dim = setting.dim, .channels = setting.channels});
  fill(network, dtype);
  const Shape shape{setting.count, setting.channels, setting.side, setting.side};
  const Tensor x = unit_noise("unet.x", shape, dtype), target = formula_tensor("unet.target", shape, dtype);
  const std::string prefix = std::string(setting.name) + ".";
  const Tensor y = network(x, cast(of(prefix + "t"), dtype));
  const Tensor loss = mean(square(y - target));
  Tensors gradients = grad(loss, network.parameter_values());
  Tensors wanted = gradients;
  wanted.push_back(y);
  sg::eval(wanted);
  CHECK(relative_difference(cast(y, f64), of(prefix + "output")) < tolerance);
  CHECK(loss.item() == Approx(of(prefix + "loss").item()).epsilon(tolerance));

  const auto names = parameter_names(setting);
  const auto rows = of(prefix + "gradients").to_vector<double>();
  std::map<std::string, Tensor> by_name;
  const auto parameters = network.named_parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) by_name[parameters[i].first] = gradients[i];
  REQUIRE(by_name.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO(names[i]);
    REQUIRE(by_name.contains(names[i]));
    const auto gradient = by_name[names[i]].to_vector<double>();
    const auto direction = formula_values("direction." + names[i], static_cast<std::int64_t>(gradient.size()));
    double total = 0, squares = 0, product = 0;
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      total += gradient[k];
      squares += gradient[k] * gradient[k];
      product += gradient[k] * direction[k];
    }
    // The first and last are sums of many entries of either sign: their rounding is measured against the entries' size.
    const double size = std::sqrt(rows[3 * i + 1] * static_cast<double>(gradient.size()));
    CHECK(std::abs(total - rows[3 * i]) <= gradient_tolerance * size);
    CHECK(squares == Approx(rows[3 * i + 1]).epsilon(gradient_tolerance));
    CHECK(std::abs(product - rows[3 * i + 2]) <= gradient_tolerance * size);
  }
}

/// As betas("sigmoid") of the reference: start -3, end 3, tau 1.
std::vector<double> sigmoid_alphas() { return of("schedule.sigmoid.alphas_cumprod").to_vector<double>(); }

}  // namespace

TEST_CASE("both U-Nets have the parameters and names of the PyTorch version") {
  for (const auto& [setting, count] :
       {std::pair{small, std::int64_t{721185}}, std::pair{large, std::int64_t{9904515}}}) {
    nn::Unet network({.dim = setting.dim, .channels = setting.channels});
    CHECK(network.parameter_count() == count);
    std::vector<std::string> names, expected = parameter_names(setting);
    for (auto& [name, slot] : network.named_slots()) names.push_back(name);
    std::sort(names.begin(), names.end());
    std::sort(expected.begin(), expected.end());
    CHECK(names == expected);
  }
}

TEST_CASE("the U-Net refuses sides, times and settings that do not fit") {
  nn::Unet network({.dim = 8, .mults = {1, 2, 2, 2}, .channels = 1});
  network.initialise(1);
  CHECK(network.side_multiple() == 8);
  CHECK_THROWS_WITH(network(zeros({1, 1, 28, 32}), zeros({1})),
                    ContainsSubstring("4 mults need sides that are multiples of 8: 28 x 32"));
  CHECK_THROWS_WITH(network(zeros({2, 1, 8, 8}), zeros({1})), ContainsSubstring("one time a picture"));
  CHECK_THROWS_WITH(network(zeros({2, 3, 8, 8}), zeros({2})), ContainsSubstring("needs pictures [N, 1, H, W]"));
  CHECK_THROWS_WITH(network.forward(zeros({2, 1, 8, 8})), ContainsSubstring("takes other arguments"));
  CHECK_THROWS_AS(nn::Unet({.dim = 7}), Error);
  CHECK_THROWS_AS(nn::Unet({.mults = {}}), Error);
  CHECK_THROWS_AS(nn::Unet({.mults = {1, -2}}), Error);
  CHECK(network(zeros({2, 1, 8, 16}), arange(2)).shape() == Shape{2, 1, 8, 16});
}

TEST_CASE("the small U-Net has PyTorch's values and gradients") {
  check_values(small, f64, 1e-11, 1e-9);
  check_values(small, f32, 1e-5, 1e-4);
}

TEST_CASE("the large U-Net has PyTorch's values and gradients", "[slow]") { check_values(large, f32, 1e-5, 1e-4); }

TEST_CASE("the large U-Net trains as PyTorch's does on replayed batches", "[slow]") {
  const auto alphas = sigmoid_alphas();
  for (const std::string loss_name : {"l2", "hs1"}) {
    nn::Unet network({.dim = 64, .channels = 3});
    fill(network, f32);
    nn::Adam optimizer(network, {.learning_rate = 1e-4});
    const std::int64_t steps = 10, batch = 2, pixels = 3 * 32 * 32;
    const Shape all{steps * batch, 3, 32, 32};
    const Tensor x0 = formula_pictures(steps * batch, 3, 32, f64) * 2 - 1, noise = unit_noise("replay.noise", all, f64);
    const auto losses = of("d64.losses." + loss_name + ".f32").to_vector<double>();
    const auto norms = of("d64.gradient_norms." + loss_name + ".f32").to_vector<double>();
    for (std::int64_t step = 0; step < steps; ++step) {
      std::vector<double> times, signal, noisiness;
      for (std::int64_t k = step * batch; k < (step + 1) * batch; ++k) {
        const std::int64_t t = (389 * k + 17) % 1000;
        times.push_back(static_cast<double>(t));
        signal.push_back(std::sqrt(alphas[t]));
        noisiness.push_back(std::sqrt(1 - alphas[t]));
      }
      const auto part = [&](const Tensor& x) { return cast(slice(x, 0, step * batch, (step + 1) * batch), f32); };
      const auto column = [&](const std::vector<double>& values) {
        return tensor(std::span<const double>(values), {batch, 1, 1, 1});
      };
      const Tensor clean = part(x0);
      const Tensor noisy = column(signal) * clean + column(noisiness) * part(noise);
      const Tensor residual = network(noisy, tensor(std::span<const double>(times), {batch})) - clean;
      const Tensor loss = loss_name == "l2" ? mean(square(residual)) : spectral_loss(residual);
      const Tensors gradients = optimizer.gradients(loss);
      const Tensor norm = nn::global_norm(gradients);
      optimizer.step(nn::clip_by_global_norm(gradients, 1), {loss, norm});
      INFO(loss_name << " step " << step << " of " << pixels << " pixels");
      CHECK(loss.item() == Approx(losses[step]).epsilon(1e-3));
      CHECK(norm.item() == Approx(norms[step]).epsilon(1e-2));
    }
  }
}

TEST_CASE("the U-Net's norm and attentions have PyTorch's values, first and second derivatives") {
  nn::RMSNorm2d rms(5);
  nn::LinearAttention2d linear(5);
  nn::FullAttention2d full(5);
  const std::vector<std::pair<std::string, nn::Module*>> blocks{
      {"rms_norm", &rms}, {"linear_attention", &linear}, {"full_attention", &full}};
  for (auto& [name, block] : blocks) {
    INFO(name);
    fill(*block, f64);
    const Tensor x = unit_noise(name + ".x", {2, 5, 4, 3}, f64), v = unit_noise(name + ".v", {2, 5, 4, 3}, f64);
    std::vector<std::string> names{"x"};
    Tensors inputs{x};
    for (auto& [parameter, slot] : block->named_parameters()) {
      names.push_back(parameter);
      inputs.push_back(slot->value());
    }
    const Tensor y = (*block)(x);
    const Tensors first = grad(y, inputs, v);
    Tensor s = scalar(0, f64);
    for (const Tensor& g : first) s = s + sum(square(g));
    names.push_back("v");
    inputs.push_back(v);
    const Tensors second = grad(s, inputs, {}, Unused::zeros);
    CHECK(relative_difference(y, of(name + ".y")) < 1e-12);
    CHECK(s.item() == Approx(of(name + ".s").item()).epsilon(1e-11));
    for (std::size_t i = 0; i < names.size(); ++i) {
      INFO(names[i]);
      if (i < first.size()) CHECK(relative_difference(first[i], of(name + ".d." + names[i])) < 1e-11);
      CHECK(relative_difference(second[i], of(name + ".second." + names[i])) < 1e-10);
    }
  }
}

// The denoiser's training and the convolutions' derivatives against PyTorch's figures.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "data/digits.h"
#include "data/noise.h"
#include "data/pictures.h"
#include "losses/sobolev.h"
#include "losses/spectral.h"
#include "nn/models/denoiser.h"
#include "nn/optim/adam.h"
#include "tests/gradcheck.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;

TEST_CASE("twenty steps of the denoiser follow PyTorch's", "[reference][release]") {
  const nn::SafetensorsFile file = reference("denoiser.safetensors");
  const data::Digits digits = data::embedded_digits();
  for (const std::string loss : {"l2", "hs1"}) {
    for (const Dtype dtype : {f32, f64}) {
      INFO(loss << " " << name_of(dtype));
      nn::DenoisingAutoencoder network;
      fill(network, dtype, nlohmann::json::parse(file.metadata.at("salts")).at(loss).get<std::string>());
      nn::Adam adam(network, {.learning_rate = 0.005});
      const std::vector<double> wanted = nn::find(file.tensors, "losses." + loss, "reference").to_vector<double>();
      for (std::size_t step = 0; step < wanted.size(); ++step) {
        std::vector<std::int64_t> samples(128);
        for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int64_t>(step % 2 * 128 + i);
        const Tensor clean = data::read_pictures(digits.train, samples, 0, dtype);
        const Tensor output = network(clean + data::sine_noise(28, 28, 0.3, 1, dtype));
        const Tensor value = loss == "l2" ? losses::mse(output, clean) : losses::spectral_2d(output - clean, 1);
        adam.minimise(value);
        INFO("step " << step + 1 << ": " << value.item() << ", PyTorch has " << wanted[step]);
        const double tolerance = dtype == f64 ? 1e-9 : 1e-4;
        CHECK(std::abs(value.item() - wanted[step]) <= tolerance * wanted[step]);
      }
    }
  }
}

TEST_CASE("convolutions and their first and second derivatives are PyTorch's", "[reference]") {
  const nn::SafetensorsFile file = reference("conv.safetensors");
  for (const std::string kind : {"conv", "conv_transpose"}) {
    for (int number = 0; number < 16; ++number) {
      const std::string name = kind + std::to_string(number);
      INFO(name);
      const auto entry = [&](const std::string& part) {
        return nn::find(file.tensors, name + "." + part, "reference");
      };
      const auto s = entry("settings").to_vector<std::int64_t>();
      const Conv2dOptions options{{s[0], s[1]}, {s[2], s[3]}, {s[6], s[7]}, s[8]};
      const Tensor x = entry("x"), weight = entry("weight"), v = entry("v");
      const Tensor y = kind == "conv" ? conv2d(x, weight, options) : conv_transpose2d(x, weight, options, {s[4], s[5]});
      CHECK(test::difference(y, entry("y")) < 1e-12);
      const Tensors first = grad(y, {x, weight}, v);
      CHECK(test::difference(first[0], entry("dx")) < 1e-12);
      CHECK(test::difference(first[1], entry("dweight")) < 1e-12);
      const Tensors second = grad(sum(square(first[0])) + sum(square(first[1])), {x, weight, v});
      CHECK(test::difference(second[0], entry("second_x")) < 1e-11);
      CHECK(test::difference(second[1], entry("second_weight")) < 1e-11);
      CHECK(test::difference(second[2], entry("second_v")) < 1e-11);
    }
  }
}

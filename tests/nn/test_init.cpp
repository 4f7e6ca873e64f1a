// Initialisers: bounds and spreads of the rules, and that the numbers depend on the seed and the place alone.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/kernels/parallel.h"
#include "nn/init.h"
#include "nn/models/denoiser.h"
#include "nn/models/mlp.h"
#include "tests/paths.h"

using namespace sg;
using Catch::Approx;
namespace init = sg::nn::init;

namespace {

struct Summary {
  double mean = 0, deviation = 0, largest = 0;
};

Summary summary(const Tensor& x) {
  Summary s;
  const auto values = x.to_vector<double>();
  for (double value : values) {
    s.mean += value / static_cast<double>(values.size());
    s.largest = std::max(s.largest, std::abs(value));
  }
  for (double value : values) s.deviation += (value - s.mean) * (value - s.mean) / static_cast<double>(values.size());
  s.deviation = std::sqrt(s.deviation);
  return s;
}

/// All values within the bound, and close to uniform: the largest is near it, mean and deviation are those of the law.
void check_uniform(const init::Rule& rule, const Shape& shape, double bound) {
  const Summary s = summary(rule(shape, f64, {3, 1}));
  const auto count = static_cast<double>(element_count(shape));
  CHECK(s.largest <= bound);
  CHECK(s.largest > bound * (1 - 20 / count));
  CHECK(std::abs(s.mean) < 5 * bound / std::sqrt(3 * count));
  CHECK(s.deviation == Approx(bound / std::sqrt(3.0)).epsilon(5 / std::sqrt(count)));
}

void check_normal(const init::Rule& rule, const Shape& shape, double deviation) {
  const Summary s = summary(rule(shape, f64, {3, 1}));
  const auto count = static_cast<double>(element_count(shape));
  CHECK(std::abs(s.mean) < 5 * deviation / std::sqrt(count));
  CHECK(s.deviation == Approx(deviation).epsilon(5 / std::sqrt(count)));
}

}  // namespace

TEST_CASE("rules keep PyTorch's bounds and deviations") {
  std::ifstream file(sg::test::reference_folder() / "optimizers.json");
  const auto rows = nlohmann::json::parse(file).at("initialisers").at("shapes");
  CHECK(rows.size() >= 4);
  for (const auto& row : rows) {
    const auto of = [&](const char* key) { return row.at(key).get<double>(); };
    Shape shape;
    for (const auto& extent : row.at("shape")) shape.push_back(extent.get<std::int64_t>());
    CHECK(init::fans(shape).in == row.at("fan_in").get<std::int64_t>());
    CHECK(init::fans(shape).out == row.at("fan_out").get<std::int64_t>());
    check_uniform(init::default_weight(), shape, of("default_weight_bound"));
    check_uniform(init::kaiming_uniform(), shape, of("kaiming_uniform_relu_fan_in_bound"));
    check_uniform(init::kaiming_uniform(0, init::Fan::out), shape, of("kaiming_uniform_relu_fan_out_bound"));
    check_uniform(init::xavier_uniform(), shape, of("xavier_uniform_bound"));
    check_normal(init::kaiming_normal(), shape, of("kaiming_normal_relu_fan_in_std"));
    check_normal(init::kaiming_normal(0, init::Fan::out), shape, of("kaiming_normal_relu_fan_out_std"));
    check_normal(init::xavier_normal(), shape, of("xavier_normal_std"));
    check_uniform(init::default_bias(shape), {5000}, of("default_bias_bound"));
  }
}

TEST_CASE("the SIREN paper's rules") {
  check_uniform(init::sitzmann_first(), {64, 50}, 1.0 / 50);
  check_uniform(init::sitzmann_hidden(30), {64, 50}, std::sqrt(6.0 / 50) / 30);
}

TEST_CASE("a weight with one axis has no fans") { CHECK_THROWS_AS(init::fans({3}), Error); }

TEST_CASE("the same seed gives the same weights for any number of threads, another seed others") {
  const int before = kernels::threads();
  const auto weights = [](std::uint64_t seed, int threads) {
    kernels::set_threads(threads);
    nn::DenoisingAutoencoder network;
    network.initialise(seed);
    std::vector<float> all;
    for (auto& [name, tensor] : network.state()) {
      const auto values = tensor.to_vector<float>();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  const auto one = weights(7, 1);
  CHECK(one == weights(7, 3));
  CHECK(one != weights(8, 1));
  kernels::set_threads(before);
}

TEST_CASE("no two parameters share their numbers, and a network's beginning does not depend on its end") {
  nn::MLP small({3, 3, 3}), large({3, 3, 3, 3});
  small.initialise(1);
  large.initialise(1);
  const auto a = small.state(), b = large.state();
  CHECK(a[0].second.to_vector<float>() != a[2].second.to_vector<float>());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].second.to_vector<float>() == b[i].second.to_vector<float>());
}

TEST_CASE("the function networks begin as their papers say") {
  nn::FourierNet fourier(2, 1, 200);
  fourier.initialise(1);
  const auto state = fourier.state();
  const Summary first = summary(nn::find(state, "fc1.weight", "test"));
  CHECK(first.deviation == Approx(1).epsilon(0.15));
  CHECK(summary(nn::find(state, "fc2.weight", "test")).largest <= std::sqrt(6.0 / 400));
  CHECK(summary(nn::find(state, "fc4.bias", "test")).largest <= 1 / std::sqrt(200.0));
  nn::Siren siren(2, 1, 64, nn::SirenInit::sitzmann, 30);
  siren.initialise(1);
  CHECK(summary(nn::find(siren.state(), "fc1.weight", "test")).largest <= 0.5);
  CHECK(summary(nn::find(siren.state(), "fc2.weight", "test")).largest <= std::sqrt(6.0 / 64) / 30);
}

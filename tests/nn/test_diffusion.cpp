// Diffusion: schedules, objectives and weights against PyTorch's formulas, and the samplers by their laws and PyTorch's
// samples.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include <cmath>

#include "nn/diffusion_sampler.h"
#include "nn/models/unet.h"
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

std::vector<double> figures(const std::string& name) {
  return nn::find(file().tensors, name, "test").to_vector<double>();
}

constexpr const char* schedules[] = {"sigmoid", "cosine", "linear"};
constexpr nn::Objective objectives[] = {nn::Objective::x0, nn::Objective::noise, nn::Objective::v};

/// A network that knows the picture, and says it as the objective asks.
nn::Predictor knows(const nn::Diffusion& diffusion, const Tensor& x0) {
  return [&diffusion, x0](const Tensor& x, const Tensor& t) {
    const auto time = static_cast<std::int64_t>(t.to_vector<double>()[0]);
    return diffusion.target(x0, diffusion.noise_of(x, x0, time),
                            std::vector<std::int64_t>(static_cast<std::size_t>(x.shape(0)), time));
  };
}

}  // namespace

TEST_CASE("noise schedules have PyTorch's figures") {
  for (const std::string name : schedules) {
    INFO(name);
    const std::string key = "schedule." + name + ".";
    const nn::NoiseSchedule schedule(name, 1000);
    const nn::Diffusion weighted(schedule, nn::Objective::x0, nn::LossWeight::snr),
        cut(schedule, nn::Objective::x0, nn::LossWeight::min_snr);
    const auto betas = figures(key + "betas"), alphas = figures(key + "alphas_cumprod"), snr = figures(key + "snr"),
               min_snr = figures(key + "min_snr_5");
    REQUIRE(betas.size() == 1000);
    for (std::int64_t t = 0; t < 1000; ++t) {
      REQUIRE(std::abs(schedule.beta(t) - betas[t]) <= 1e-12);
      REQUIRE(std::abs(schedule.alpha_cumprod(t) - alphas[t]) <= 1e-12);
      // a / (1 - a) magnifies the rounding of a where a is near 1.
      REQUIRE(schedule.snr(t) == Approx(snr[t]).epsilon(1e-12 / (1 - alphas[t])));
      REQUIRE(weighted.weight(t) == schedule.snr(t));
      REQUIRE(cut.weight(t) == Approx(min_snr[t]).epsilon(1e-11));
    }
  }
}

TEST_CASE("schedules of any length keep some signal and end in noise") {
  for (const std::string name : schedules) {
    for (const std::int64_t timesteps : {2, 5, 20, 100, 4000}) {
      INFO(name << " " << timesteps);
      const nn::NoiseSchedule schedule(name, timesteps);
      CHECK(schedule.alpha_cumprod(-1) == 1);
      for (std::int64_t t = 0; t < timesteps; ++t) {
        REQUIRE(schedule.alpha_cumprod(t) > 0);
        REQUIRE(schedule.alpha_cumprod(t) < schedule.alpha_cumprod(t - 1));
      }
      CHECK(schedule.alpha_cumprod(timesteps - 1) < 0.05);
    }
  }
  CHECK_THROWS_WITH(nn::NoiseSchedule("square", 10), ContainsSubstring("none of sigmoid, cosine, linear"));
  CHECK_THROWS_AS(nn::NoiseSchedule("cosine", 0), Error);
  CHECK_THROWS_AS(nn::objective_of("x0"), Error);
  CHECK_THROWS_AS(nn::loss_weight_of("min_snr"), Error);
}

TEST_CASE("sampling times are PyTorch's") {
  for (const std::int64_t steps : {1, 10, 20, 50, 250, 1000}) {
    const auto expected =
        nn::find(file().tensors, "sampling_times." + std::to_string(steps), "test").to_vector<std::int64_t>();
    CHECK(nn::sampling_times(1000, steps) == expected);
  }
  CHECK(nn::sampling_times(10, 4) == std::vector<std::int64_t>{9, 6, 4, 1, -1});
  CHECK_THROWS_AS(nn::sampling_times(10, 11), Error);
  CHECK_THROWS_AS(nn::sampling_times(10, 0), Error);
}

TEST_CASE("each objective's target leads back to the picture and the noise") {
  const Tensor x0 = formula_tensor("x0", {4, 2, 3, 3}, f64), noise = unit_noise("noise", {4, 2, 3, 3}, f64);
  for (const nn::Objective objective : objectives) {
    const nn::Diffusion diffusion(nn::NoiseSchedule("cosine", 100), objective);
    for (const std::int64_t t : {0, 30, 98}) {
      const std::vector<std::int64_t> times(4, t);
      const Tensor x = diffusion.noised(x0, noise, times), target = diffusion.target(x0, noise, times);
      CHECK(relative_difference(diffusion.estimate_x0(x, target, t), x0) < 1e-9);
      CHECK(relative_difference(diffusion.noise_of(x, x0, t), noise) < 1e-9);
    }
  }
}

TEST_CASE("weights of noise and v count the error as that of the picture") {
  // An error e of x0 is an error e sqrt(snr) of the noise and e sqrt(snr + 1) of v.
  for (const nn::LossWeight weight : {nn::LossWeight::snr, nn::LossWeight::min_snr}) {
    const nn::NoiseSchedule schedule("sigmoid", 50);
    const nn::Diffusion x0(schedule, nn::Objective::x0, weight), noise(schedule, nn::Objective::noise, weight),
        v(schedule, nn::Objective::v, weight);
    for (std::int64_t t = 0; t < 50; ++t) {
      CHECK(noise.weight(t) * schedule.snr(t) == Approx(x0.weight(t)));
      CHECK(v.weight(t) * (schedule.snr(t) + 1) == Approx(x0.weight(t)));
    }
  }
  const nn::Diffusion weighted(nn::NoiseSchedule("sigmoid", 50), nn::Objective::v, nn::LossWeight::min_snr);
  const std::vector<std::int64_t> times{3, 40};
  const Tensor residual = weighted.residual(ones({2, 1, 2, 2}, f64), zeros({2, 1, 2, 2}, f64), times);
  const auto squares = square(residual).to_vector<double>();
  CHECK(squares[0] == Approx(weighted.weight(3)));
  CHECK(squares[7] == Approx(weighted.weight(40)));
}

TEST_CASE("whoever knows the picture samples it from any noise") {
  const Tensor x0 = formula_tensor("picture", {3, 1, 4, 4}, f64), noise = unit_noise("start", {3, 1, 4, 4}, f64);
  for (const nn::Objective objective : objectives) {
    const nn::Diffusion diffusion(nn::NoiseSchedule("sigmoid", 40), objective);
    for (const nn::SamplerOptions& options :
         {nn::SamplerOptions{.steps = 7}, nn::SamplerOptions{.steps = 40, .eta = 0.5},
          nn::SamplerOptions{.ancestral = true}}) {
      CHECK(relative_difference(nn::sample(diffusion, knows(diffusion, x0), noise, options), x0) < 1e-9);
    }
  }
}

TEST_CASE("ddim with every time and eta 1 is the ancestral chain") {
  const nn::Diffusion diffusion(nn::NoiseSchedule("linear", 60), nn::Objective::x0);
  const Tensor noise = unit_noise("start", {2, 1, 4, 4}, f64);
  const nn::Predictor predict = [](const Tensor& x, const Tensor& t) {
    return tanh(x * 0.7 - reshape(t, {2, 1, 1, 1}) * 0.001);
  };
  const Tensor ancestral = nn::sample(diffusion, predict, noise, {.ancestral = true, .seed = 5}, 3);
  CHECK(relative_difference(nn::sample(diffusion, predict, noise, {.steps = 60, .eta = 1, .seed = 5}, 3), ancestral) <
        1e-9);
  CHECK(relative_difference(nn::sample(diffusion, predict, noise, {.steps = 60, .eta = 1, .seed = 6}, 3), ancestral) >
        1e-3);
}

TEST_CASE("noise belongs to seed, sample and time") {
  const Shape sample{1, 3, 3};
  const Tensor all = nn::sampling_noise(sample, 0, 6, 9, 100, f64);
  CHECK(nn::sampling_noise(sample, 2, 3, 9, 100, f64).to_vector<double>() == slice(all, 0, 2, 5).to_vector<double>());
  CHECK(nn::sampling_noise(sample, 0, 6, 10, 100, f64).to_vector<double>() != all.to_vector<double>());
  CHECK(nn::sampling_noise(sample, 0, 6, 9, 99, f64).to_vector<double>() != all.to_vector<double>());
}

TEST_CASE("20 steps of ddim with the U-Net give PyTorch's samples and keep no graph") {
  nn::Unet network({.dim = 16, .channels = 1});
  fill(network, f32);
  const nn::Diffusion diffusion(nn::NoiseSchedule("sigmoid", 1000), nn::Objective::x0);
  const Tensor noise = unit_noise("sample.noise", {2, 1, 28, 28}, f32);
  const std::int64_t nodes = live_nodes();
  std::int64_t steps = 0;
  Tensor pictures = nn::sample(
      diffusion, [&](const Tensor& x, const Tensor& t) { return network(x, t); }, noise, {}, 0,
      [&](const nn::SamplingStep& step) { CHECK(step.number == steps++); });
  CHECK(steps == 20);
  CHECK(live_nodes() <= nodes + 1);
  pictures = ((pictures + 1) * 0.5).eval();
  CHECK(relative_difference(cast(pictures, f64), nn::find(file().tensors, "d16.samples.f32", "test")) < 1e-4);
  CHECK(relative_difference(cast(pictures, f64), nn::find(file().tensors, "d16.samples.f64", "test")) < 1e-4);
}

TEST_CASE("a time outside of the schedule is refused") {
  const nn::Diffusion diffusion(nn::NoiseSchedule("cosine", 10), nn::Objective::v);
  const Tensor x = ones({2, 1, 1, 1});
  CHECK_THROWS_WITH(diffusion.noised(x, x, {3, 10}), ContainsSubstring("time 10 lies outside of the 10 steps"));
  CHECK_THROWS_AS(diffusion.target(x, x, {3, -2}), Error);
  CHECK_THROWS_AS(diffusion.schedule().beta(10), Error);
  CHECK_THROWS_AS(diffusion.schedule().beta(-1), Error);
  CHECK_THROWS_AS(diffusion.schedule().snr(10), Error);
  CHECK(diffusion.schedule().alpha_cumprod(-1) == 1);
  CHECK_NOTHROW(diffusion.noised(x, x, {0, 9}));
}

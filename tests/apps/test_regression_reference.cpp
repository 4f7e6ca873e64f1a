// regression's training steps against PyTorch's, from the same weights: tests/reference/regression.safetensors.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <filesystem>

#include "apps/regression/network.h"
#include "apps/regression/objective.h"
#include "nn/models/mlp.h"
#include "nn/optim/adam.h"
#include "nn/optim/lbfgs.h"
#include "nn/safetensors.h"
#include "tests/paths.h"

using namespace sg;
using namespace sg::regression;

namespace {

const nn::NamedTensors& reference() {
  static const nn::NamedTensors tensors =
      nn::load_safetensors(sg::test::reference_folder() / "regression.safetensors").tensors;
  return tensors;
}

std::vector<double> figures(const std::string& name) {
  return nn::find(reference(), name, "reference").to_vector<double>();
}

struct Case {
  Case(const std::string& net, const std::string& dtype, const apps::Loss& loss_of_case) : loss(loss_of_case) {
    settings.net = net;
    settings.common.dtype = dtype;
    settings.target = "chirp";
    DatasetOptions options;
    options.target = &target_named("chirp");
    options.order = order_of(loss);
    options.dtype = settings.dtype();
    data = make_dataset(options);
    network = make_network(settings, {1, 64, 64, 64, 1}, "tanh", 1, 0);
    network->load_state(nn::with_prefix(reference(), net + "."));
  }
  Tensor operator()() { return fit_loss(settings, loss, data, {}, as_function(*network)); }

  Settings settings;
  apps::Loss loss;
  Dataset data;
  std::unique_ptr<nn::Module> network;
};

double relative(double a, double b) { return std::abs(a - b) / std::abs(b); }

}  // namespace

TEST_CASE("50 steps of Adam have PyTorch's losses", "[regression][slow]") {
  const std::string net = GENERATE("mlp", "fourier", "siren"), dtype = GENERATE("f32", "f64"),
                    name = GENERATE("l2", "h1", "h2");
  Case run(net, dtype, {name, name, 0});
  nn::Adam adam(*run.network, {.learning_rate = 1e-4});
  const std::vector<double> expected = figures("losses." + net + "." + name + "." + dtype);
  REQUIRE(expected.size() == 50);
  double worst = 0;
  for (const double value : expected) {
    const Tensor loss = run();
    adam.minimise(loss);
    worst = std::max(worst, relative(loss.item(), value));
  }
  INFO(net << " " << dtype << " " << name);
  CHECK(worst < (dtype == "f64" ? 1e-9 : 1e-4));
}

TEST_CASE("20 steps of L-BFGS have PyTorch's losses", "[regression]") {
  Case run("siren", "f64", {"h1", "h1", 1});
  SECTION("a call each") {
    nn::LBFGS lbfgs(*run.network, {.max_iterations = 1, .max_evaluations = 1000});
    double worst = 0;
    for (const double value : figures("lbfgs.returned")) {
      worst = std::max(worst, relative(lbfgs.step([&] { return run(); }), value));
    }
    CHECK(worst < 1e-6);
  }
  SECTION("in one call") {
    nn::LBFGS lbfgs(*run.network, {.max_iterations = 20, .max_evaluations = 1000});
    CHECK(relative(lbfgs.step([&] { return run(); }), figures("lbfgs_one_call.returned")[0]) < 1e-6);
    CHECK(relative(run().item(), figures("lbfgs_one_call.final")[0]) < 1e-6);
  }
}

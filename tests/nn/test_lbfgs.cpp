// L-BFGS: evaluation for evaluation against PyTorch's, on known problems, and resumed.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include "nn/models/mlp.h"
#include "nn/optim/lbfgs.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;

namespace {

/// The SIREN of the reference under h1 on the chirp, and every loss that is asked for.
struct Fit {
  Fit() {
    const auto file = reference("regression.safetensors");
    network.to(f64);
    network.load_state([&] {
      nn::NamedTensors weights;
      for (auto& named : nn::with_prefix(file.tensors, "siren.")) weights.push_back(named);
      return weights;
    }());
    x = reshape(nn::find(file.tensors, "x", "test"), {1000, 1}).detach();
    u = reshape(nn::find(file.tensors, "u", "test"), {1000, 1}).detach();
    u_x = reshape(nn::find(file.tensors, "u_x", "test"), {1000, 1}).detach();
  }

  Tensor loss() {
    const Tensor y = network(x);
    return mean(square(y - u)) + mean(square(grad(y, x) - u_x));
  }

  nn::Siren network;
  Tensor x, u, u_x;
};

class Rosenbrock : public nn::Module {
 public:
  Rosenbrock() : at_({2}, nn::init::zeros()) {
    add_parameter("at", at_);
    to(f64);
    load_state({{"at", tensor({-1.2, 1}, {2}, f64)}});
  }
  Tensor loss() {
    const Tensor x = slice(at_, 0, 0, 1), y = slice(at_, 0, 1, 2);
    return sum(100 * square(y - square(x)) + square(1 - x));
  }
  std::vector<double> at() { return at_.value().to_vector<double>(); }

 private:
  nn::Parameter at_;
};

}  // namespace

TEST_CASE("L-BFGS asks for the losses that PyTorch's asks for, in the same order") {
  const auto file = reference("regression.safetensors");
  struct Case {
    const char* name;
    int calls;
    nn::LbfgsOptions options;
  };
  const Case cases[] = {{"lbfgs", 20, {.max_iterations = 1, .max_evaluations = 1000}},
                        {"lbfgs_one_call", 1, {.max_iterations = 20, .max_evaluations = 1000}},
                        {"lbfgs_defaults", 3, {}}};
  for (const Case& c : cases) {
    INFO(c.name);
    const auto of = [&](const char* key) {
      return nn::find(file.tensors, std::string(c.name) + "." + key, "test").to_vector<double>();
    };
    Fit fit;
    nn::LBFGS optimizer(fit.network, c.options);
    std::vector<Tensor> asked;
    for (int call = 0; call < c.calls; ++call) {
      const double returned = optimizer.step([&] { return asked.emplace_back(fit.loss()); });
      for (Tensor& loss : asked) loss = loss.detach();
      CHECK(returned == Approx(of("returned")[call]).epsilon(1e-6));
      CHECK(optimizer.iterations() == of("iterations")[call]);
      CHECK(optimizer.evaluations() == of("evaluations")[call]);
    }
    const auto expected = of("evaluated");
    REQUIRE(asked.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(asked[i].item() == Approx(expected[i]).epsilon(1e-6));
    CHECK(fit.loss().item() == Approx(of("final")[0]).epsilon(1e-6));
    CHECK(optimizer.loss() == Approx(of("final")[0]).epsilon(1e-6));
  }
}

TEST_CASE("L-BFGS finds the minimum of Rosenbrock's function and stops there") {
  Rosenbrock problem;
  nn::LBFGS optimizer(problem, {.max_iterations = 200, .max_evaluations = 1000});
  optimizer.step([&] { return problem.loss(); });
  CHECK(problem.at()[0] == Approx(1).epsilon(1e-5));
  CHECK(problem.at()[1] == Approx(1).epsilon(1e-5));
  CHECK(optimizer.iterations() < 60);
  const std::int64_t before = optimizer.iterations();
  optimizer.step([&] { return problem.loss(); });
  CHECK(optimizer.iterations() - before <= 2);
}

TEST_CASE("L-BFGS resumed from its state goes on to the same bits") {
  Rosenbrock straight, resumed;
  nn::LBFGS first(straight, {.max_iterations = 5});
  const auto step = [](nn::LBFGS& optimizer, Rosenbrock& problem) { optimizer.step([&] { return problem.loss(); }); };
  step(first, straight);
  step(first, straight);
  resumed.load_state(straight.state());
  nn::LBFGS second(resumed, {.max_iterations = 5});
  second.load_state(first.state());
  for (int i = 0; i < 3; ++i) {
    step(first, straight);
    step(second, resumed);
    CHECK(straight.at() == resumed.at());
    CHECK(first.evaluations() == second.evaluations());
  }
  nn::Siren other;
  other.initialise(0);
  nn::LBFGS third(other);
  CHECK_THROWS_AS(third.load_state(first.state()), Error);
  CHECK_THROWS_AS(third.load_state({}), Error);
}

TEST_CASE("L-BFGS refuses settings and losses without meaning") {
  Rosenbrock problem;
  CHECK_THROWS_AS(nn::LBFGS(problem, {.learning_rate = 0}), Error);
  CHECK_THROWS_AS(nn::LBFGS(problem, {.max_iterations = 0}), Error);
  CHECK_THROWS_AS(nn::LBFGS(problem, {.history = 0}), Error);
  nn::LBFGS optimizer(problem);
  CHECK_THROWS_AS(optimizer.step([&] { return zeros({2}, f64); }), Error);
}

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

namespace {

/// One parameter of any shape, under a loss that is a formula.
struct Formula : nn::Module {
  explicit Formula(std::vector<double> start) : w_({static_cast<std::int64_t>(start.size())}, nn::init::zeros()) {
    add_parameter("w", w_);
    to(f64);
    load_state({{"w", tensor(std::span<const double>(start), {static_cast<std::int64_t>(start.size())}, f64)}});
  }
  /// Minimises in calls of 20 iterations until none is done any more, and gives the first parameter.
  double minimum(const std::function<Tensor(const Tensor&)>& f, nn::LbfgsOptions options = {}) {
    nn::LBFGS optimizer(*this, options);
    for (int call = 0; call < 50; ++call) {
      optimizer.step([&] { return f(w_.value()); });
      stop = optimizer.stop();
      CHECK(std::isfinite(optimizer.loss()));
      if (stop != nn::LbfgsStop::iterations && stop != nn::LbfgsStop::evaluations) break;
    }
    return w_.value().to_vector<double>()[0];
  }
  nn::Parameter w_;
  nn::LbfgsStop stop = nn::LbfgsStop::iterations;
};

}  // namespace

TEST_CASE("L-BFGS stays in the finite region and finds the minimum there") {
  const auto barrier = [](const Tensor& w) { return sum(w - log(w)); };
  // The loss is 1 + (w - 1)^2 / 2 + ..., and its change below 1e-9 ends the run: w is right to the root of that.
  const auto one = Approx(1).epsilon(1e-4);
  for (const double start : {3.0, 0.01, 40.0, 1e4}) {
    INFO(start);
    CHECK(Formula({start}).minimum(barrier) == one);
  }
  // A long first step, a loss that overflows on both sides, and one whose gradient alone is infinite.
  CHECK(Formula({3}).minimum(barrier, {.learning_rate = 1e6}) == one);
  CHECK(Formula({5}).minimum([](const Tensor& w) { return sum(exp(square(w))); }, {.learning_rate = 1e3}) ==
        Approx(0).margin(1e-4));
  CHECK(Formula({0.5, 2}).minimum([](const Tensor& w) { return sum(sqrt(w) + rsqrt(w)); }) == one);
  // At a point that is not finite itself there is nothing to go on from.
  Formula outside({-1});
  nn::LBFGS optimizer(outside);
  optimizer.step([&] { return barrier(outside.w_.value()); });
  CHECK(optimizer.stop() == nn::LbfgsStop::not_finite);
  CHECK(outside.w_.value().to_vector<double>()[0] == -1);
}

TEST_CASE("L-BFGS minimises a loss of any size, and says why it ends") {
  for (const double size : {1e-12, 1e-6, 1.0, 1e6}) {
    INFO(size);
    Formula problem({0});
    CHECK(problem.minimum([&](const Tensor& w) { return sum(square(w - 1)) * size; }) == Approx(1).epsilon(1e-6));
    CHECK_FALSE(nn::describe(problem.stop).empty());
  }
  Formula done({1});
  CHECK(done.minimum([](const Tensor& w) { return sum(square(w - 1)); }) == 1);
  CHECK(done.stop == nn::LbfgsStop::gradient);
  Formula short_run({0.0, 3.0});
  nn::LBFGS optimizer(short_run, {.max_iterations = 1, .max_evaluations = 100});
  optimizer.step([&] { return sum(square(square(short_run.w_.value()) - 2)); });
  CHECK(optimizer.stop() == nn::LbfgsStop::iterations);
  CHECK(nn::describe(optimizer.stop()) == "all iterations are done");
}

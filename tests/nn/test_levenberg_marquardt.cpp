// Levenberg-Marquardt: linear problems, agreement of its two ways to a step, and what it does where nothing can be
// gained.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "engine/autodiff.h"
#include "engine/error.h"
#include "engine/linalg.h"
#include "nn/models/mlp.h"
#include "nn/optim/levenberg_marquardt.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Vector : nn::Module {
  nn::Parameter w;
  explicit Vector(std::initializer_list<double> start)
      : w({static_cast<std::int64_t>(start.size())}, nn::init::zeros()) {
    add_parameter("w", w);
    to(f64);
    w.set(tensor(start, {static_cast<std::int64_t>(start.size())}, f64));
  }
};

}  // namespace

TEST_CASE("levenberg_marquardt: a linear problem is solved by the normal equations", "[optimizers]") {
  std::mt19937_64 generator(31);
  const Tensor a = uniform(generator, {9, 3}, -1, 1), b = uniform(generator, {9}, -1, 1);
  const Tensor exact = squeeze(solve(matmul(transpose(a), a), matmul(transpose(a), unsqueeze(b, 1))), 1);
  for (const std::int64_t dense : {100, 0}) {
    Vector module({0, 0, 0});
    nn::LevenbergMarquardt optimizer(
        module, {.damping = 1e-12, .dense_parameters = dense, .conjugate_gradient_tolerance = 1e-14});
    const double before = optimizer.step([&] { return matmul(a, module.w.value()) - b; });
    CHECK(is_close(before, sum(square(b)).item(), 1e-14));
    CHECK(difference(module.w.value(), exact) < 1e-9);
    CHECK(is_close(optimizer.loss(), sum(square(matmul(a, exact) - b)).item(), 1e-12));
  }
}

TEST_CASE("levenberg_marquardt: Rosenbrock's valley is left in a few steps", "[optimizers]") {
  Vector module({-1.2, 1});
  nn::LevenbergMarquardt optimizer(module);
  const auto residuals = [&] {
    const Tensor x = slice(module.w.value(), 0, 0, 1), y = slice(module.w.value(), 0, 1, 2);
    return concat({(y - square(x)) * 10.0, 1.0 - x}, 0);
  };
  double loss = optimizer.step(residuals);
  CHECK(is_close(loss, 24.2, 1e-14));
  for (int i = 0; i < 40 && optimizer.stop() == nn::LevenbergMarquardt::Stop::none; ++i) {
    const double next = optimizer.step(residuals);
    CHECK(next <= loss);
    loss = next;
  }
  CHECK(difference(module.w.value(), ones({2}, f64)) < 1e-9);
  CHECK(optimizer.stop() != nn::LevenbergMarquardt::Stop::none);
  CHECK_FALSE(optimizer.stop_reason().empty());
}

TEST_CASE("levenberg_marquardt: with and without the normal matrix the same steps are taken", "[optimizers]") {
  const Tensor x = linspace(-1, 1, 20, f64), target = sin(x * 3.0);
  std::vector<std::vector<double>> losses;
  for (const std::int64_t dense : {1000, 0}) {
    nn::MLP network({1, 6, 1}, "tanh");
    network.initialise(3);
    network.to(f64);
    nn::LevenbergMarquardt optimizer(
        network, {.dense_parameters = dense, .conjugate_gradients = 2000, .conjugate_gradient_tolerance = 1e-13});
    losses.emplace_back();
    for (int i = 0; i < 6; ++i) {
      // Values and slopes: the residuals are derivatives themselves.
      losses.back().push_back(optimizer.step([&] {
        const Tensor points = unsqueeze(x, 1), u = network(points);
        return concat({squeeze(u, 1) - target, squeeze(grad(u, points), 1) - cos(x * 3.0) * 3.0}, 0);
      }));
    }
  }
  for (std::size_t i = 0; i < losses[0].size(); ++i) CHECK(is_close(losses[0][i], losses[1][i], 1e-6));
  CHECK(losses[0].back() < losses[0].front() / 10);
}

TEST_CASE("levenberg_marquardt: its state goes on to the same bits, and wrong ones are refused", "[optimizers]") {
  const auto run = [](bool interrupted) {
    Vector module({-1.2, 1});
    const auto residuals = [&] {
      const Tensor a = slice(module.w.value(), 0, 0, 1), b = slice(module.w.value(), 0, 1, 2);
      return concat({(b - square(a)) * 10.0, 1.0 - a}, 0);
    };
    nn::LevenbergMarquardt first(module);
    for (int i = 0; i < 3; ++i) first.step(residuals);
    nn::LevenbergMarquardt second(module);
    second.load_state(first.state());
    for (int i = 0; i < 3; ++i) (interrupted ? second : first).step(residuals);
    return module.w.value().to_vector<double>();
  };
  CHECK(run(true) == run(false));
  Vector module({1});
  nn::LevenbergMarquardt optimizer(module);
  CHECK_THROWS_WITH(optimizer.load_state({}), ContainsSubstring("LevenbergMarquardt"));
  CHECK_THROWS_WITH(nn::LevenbergMarquardt(module, {.damping = 0}), ContainsSubstring("damping has to be positive"));
  CHECK_THROWS_WITH(optimizer.step([] { return zeros({0}, f64); }), ContainsSubstring("there are no residuals"));
  CHECK_THROWS_WITH(optimizer.step([&] { return log(module.w.value() * -1.0); }), ContainsSubstring("not finite"));
}

TEST_CASE("levenberg_marquardt: parameters on which no residual depends stay as they are", "[optimizers]") {
  struct Pair : nn::Module {
    nn::Parameter used{{2}, nn::init::ones()}, unused{{3}, nn::init::ones()};
    Pair() {
      add_parameter("used", used);
      add_parameter("unused", unused);
      to(f64);
      initialise(1);
    }
  };
  for (const std::int64_t dense : {100, 0}) {
    Pair pair;
    nn::LevenbergMarquardt optimizer(pair, {.dense_parameters = dense});
    for (int i = 0; i < 5; ++i) optimizer.step([&] { return pair.used * 2.0 - 1.0; });
    CHECK(difference(pair.used.value(), full({2}, 0.5, f64)) < 1e-9);
    CHECK(difference(pair.unused.value(), ones({3}, f64)) == 0);
  }
}

TEST_CASE("levenberg_marquardt: what the residuals throw is passed on, and nothing has moved", "[optimizers]") {
  Vector module({3, 4});
  nn::LevenbergMarquardt optimizer(module);
  int calls = 0;
  const auto residuals = [&] {
    if (++calls == 2) fail("data: the file is gone");
    return module.w.value() - 1.0;
  };
  CHECK_THROWS_WITH(optimizer.step(residuals), ContainsSubstring("the file is gone"));
  CHECK(module.w.value().to_vector<double>() == std::vector<double>{3, 4});
  optimizer.step(residuals);
  CHECK(optimizer.loss() < 1);
}

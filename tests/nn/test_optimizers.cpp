// Optimisers, clipping and schedules against PyTorch's figures, and what they promise beyond them.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/kernels/memory.h"
#include "engine/stream.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/models/mlp.h"
#include "nn/norm.h"
#include "nn/optim/adam.h"
#include "nn/optim/ema.h"
#include "nn/optim/gradient_clipping.h"
#include "nn/optim/lbfgs.h"
#include "nn/optim/levenberg_marquardt.h"
#include "nn/optim/schedule.h"
#include "nn/optim/sgd.h"
#include "tests/nn/formula.h"
#include "tests/paths.h"

using namespace sg;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

const json& figures() {
  static const json root = [] {
    std::ifstream file(sg::test::reference_folder() / "optimizers.json");
    return json::parse(file);
  }();
  return root;
}

std::vector<double> numbers(const json& value) {
  std::vector<double> result;
  for (const json& entry : value) {
    if (entry.is_array()) {
      for (double inner : numbers(entry)) result.push_back(inner);
    } else {
      result.push_back(entry.get<double>());
    }
  }
  return result;
}

double option(const json& options, const char* name, double otherwise) {
  return options.contains(name) ? options.at(name).get<double>() : otherwise;
}

/// The two parameters of the reference runs.
class Bowl : public nn::Module {
 public:
  Bowl() : a_({2, 3}, nn::init::zeros()), b_({4}, nn::init::zeros()) {
    add_parameter("a", a_);
    add_parameter("b", b_);
    to(f64);
    const json& start = figures().at("optimizers").at("start");
    load_state({{"a", tensor(std::span<const double>(numbers(start.at("a"))), {2, 3}, f64)},
                {"b", tensor(std::span<const double>(numbers(start.at("b"))), {4}, f64)}});
  }

  Tensor loss() {
    const json& curvature = figures().at("optimizers").at("curvature");
    const auto part = [&](const Tensor& w, const char* name) {
      const Tensor c = tensor(std::span<const double>(numbers(curvature.at(name))), w.shape(), f64);
      return sum(c * square(w) / 2 + 0.1 * sin(3 * w));
    };
    return part(a_, "a") + part(b_, "b");
  }

  std::vector<double> flat() {
    std::vector<double> all = a_.value().to_vector<double>();
    for (double value : b_.value().to_vector<double>()) all.push_back(value);
    return all;
  }

 private:
  nn::Parameter a_, b_;
};

std::unique_ptr<nn::Optimizer> make(nn::Module& module, const std::string& kind, const json& options) {
  if (kind == "SGD") {
    return std::make_unique<nn::SGD>(
        module,
        nn::SgdOptions{option(options, "lr", 1e-3), option(options, "momentum", 0), option(options, "dampening", 0),
                       option(options, "weight_decay", 0), options.value("nesterov", false)});
  }
  std::vector<double> betas{0.9, 0.999};
  if (options.contains("betas")) betas = numbers(options.at("betas"));
  const nn::AdamOptions settings{option(options, "lr", 1e-3),
                                 betas[0],
                                 betas[1],
                                 option(options, "eps", 1e-8),
                                 option(options, "weight_decay", kind == "AdamW" ? 1e-2 : 0),
                                 options.value("amsgrad", false)};
  if (kind == "AdamW") {
    return std::make_unique<nn::AdamW>(
        module, nn::AdamWOptions{settings.learning_rate, settings.beta1, settings.beta2, settings.epsilon,
                                 settings.weight_decay, settings.amsgrad});
  }
  return std::make_unique<nn::Adam>(module, settings);
}

}  // namespace

TEST_CASE("every optimiser follows PyTorch's step for step") {
  for (auto& [name, run] : figures().at("optimizers").at("runs").items()) {
    INFO(name);
    Bowl bowl;
    const auto optimizer = make(bowl, run.at("optimizer").get<std::string>(), run.at("options"));
    const auto& trajectory = run.at("trajectory");
    const auto losses = numbers(run.at("losses"));
    for (std::size_t step = 0; step < trajectory.size(); ++step) {
      const Tensor loss = bowl.loss();
      optimizer->minimise(loss);
      CHECK(loss.item() == Approx(losses[step]).epsilon(1e-12));
      const auto expected = numbers(trajectory[step]), got = bowl.flat();
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - expected[i]) < 1e-12);
    }
  }
}

TEST_CASE("a step from backward's grad, from given gradients and from the loss are the same step") {
  const auto run = [](int way) {
    Bowl bowl;
    nn::Adam optimizer(bowl, {.learning_rate = 0.05});
    for (int step = 0; step < 3; ++step) {
      const Tensor loss = bowl.loss();
      if (way == 0) optimizer.minimise(loss);
      if (way == 1) optimizer.step(optimizer.gradients(loss), {loss});
      if (way == 2) {
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
      }
    }
    return bowl.flat();
  };
  CHECK(run(0) == run(1));
  CHECK(run(0) == run(2));
}

TEST_CASE("a parameter without a gradient stays as it is, and a wrong gradient is an error that names it") {
  Bowl bowl;
  nn::SGD optimizer(bowl, {.learning_rate = 0.1});
  const auto before = bowl.flat();
  optimizer.step({ones({2, 3}, f64), Tensor()});
  const auto after = bowl.flat();
  for (std::size_t i = 0; i < 6; ++i) CHECK(after[i] == Approx(before[i] - 0.1));
  for (std::size_t i = 6; i < 10; ++i) CHECK(after[i] == before[i]);
  CHECK_THROWS_WITH(optimizer.step({ones({3, 2}, f64), Tensor()}),
                    ContainsSubstring("gradient of a is [3, 2], needs [2, 3]"));
  CHECK_THROWS_AS(optimizer.step({ones({2, 3}, f64)}), Error);
  CHECK_THROWS_AS(optimizer.minimise(ones({2}, f64)), Error);
}

TEST_CASE("a loss through which no derivatives flow cannot be minimised, instead of training nothing") {
  Bowl bowl;
  nn::SGD optimizer(bowl, {.learning_rate = 0.1});
  const Tensor outside = bowl.loss();
  const NoGrad no_grad;
  CHECK_THROWS_WITH(optimizer.minimise(bowl.loss()), ContainsSubstring("gradients: no derivatives flow from the loss"));
  const auto before = bowl.flat();
  optimizer.minimise(outside);
  CHECK(bowl.flat() != before);
}

TEST_CASE("settings without meaning are refused") {
  Bowl bowl;
  CHECK_THROWS_AS(nn::SGD(bowl, {.learning_rate = -1}), Error);
  CHECK_THROWS_AS(nn::SGD(bowl, {.nesterov = true}), Error);
  CHECK_THROWS_AS(nn::Adam(bowl, {.beta1 = 1}), Error);
  CHECK_THROWS_AS(nn::Adam(bowl, {.epsilon = std::nan("")}), Error);
  CHECK_THROWS_AS(nn::Ema(bowl, {.decay = 2}), Error);
  CHECK_THROWS_AS(nn::cosine_schedule(1, 0), Error);
  CHECK_THROWS_AS(nn::clip_by_global_norm({ones({1})}, 0), Error);
}

TEST_CASE("clipping gives PyTorch's figures") {
  for (const json& row : figures().at("clipping")) {
    const std::string kind = row.at("kind").get<std::string>();
    const double limit = row.at("limit").get<double>();
    const auto before = numbers(row.at("before")), after = numbers(row.at("after"));
    const Tensors gradients{tensor(std::span<const double>(before).first(6), {2, 3}, f64), Tensor(),
                            tensor(std::span<const double>(before).subspan(6), {4}, f64)};
    const Tensors clipped = kind == "norm2"      ? nn::clip_by_global_norm(gradients, limit)
                            : kind == "norm_inf" ? nn::clip_by_largest(gradients, limit)
                                                 : nn::clip_by_value(gradients, limit);
    if (kind == "norm2") {
      CHECK(nn::global_norm(gradients).item() == Approx(row.at("total_norm").get<double>()).epsilon(1e-14));
    }
    CHECK_FALSE(clipped[1].defined());
    auto got = clipped[0].to_vector<double>();
    for (double value : clipped[2].to_vector<double>()) got.push_back(value);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(after[i]).epsilon(1e-13));
  }
}

TEST_CASE("schedules give PyTorch's rates") {
  for (auto& [name, row] : figures().at("schedules").items()) {
    INFO(name);
    const json& options = row.at("options");
    const double rate = row.at("lr").get<double>();
    nn::Schedule schedule;
    if (name == "step") schedule = nn::step_schedule(rate, 7, option(options, "gamma", 0));
    if (name == "multi_step") {
      std::vector<std::int64_t> milestones;
      for (double milestone : numbers(options.at("milestones"))) {
        milestones.push_back(static_cast<std::int64_t>(milestone));
      }
      schedule = nn::multi_step_schedule(rate, milestones, option(options, "gamma", 0));
    }
    if (name == "exponential") schedule = nn::exponential_schedule(rate, option(options, "gamma", 0));
    if (name == "cosine_annealing") schedule = nn::cosine_schedule(rate, 25, option(options, "eta_min", 0));
    if (name == "one_cycle_cos") schedule = nn::one_cycle_schedule(option(options, "max_lr", 0), 31);
    if (name == "linear_warm_up") schedule = nn::warm_up_schedule(rate, 8, option(options, "start_factor", 0));
    REQUIRE(schedule);
    const auto rates = numbers(row.at("rates"));
    for (std::size_t step = 0; step < rates.size(); ++step) {
      CHECK(schedule(static_cast<std::int64_t>(step)) == Approx(rates[step]).epsilon(1e-12).margin(1e-15));
    }
  }
  CHECK(nn::constant_schedule(0.3)(12) == 0.3);
  CHECK(nn::warm_up_then(4, 0, nn::exponential_schedule(2, 0.5))(2) == 1);
  CHECK(nn::warm_up_then(4, 0, nn::exponential_schedule(2, 0.5))(5) == 1);
}

TEST_CASE("the learning rate can change between steps") {
  Bowl bowl;
  nn::SGD optimizer(bowl, {.learning_rate = 1});
  const auto before = bowl.flat();
  optimizer.set_learning_rate(0);
  optimizer.minimise(bowl.loss());
  CHECK(bowl.flat() == before);
  CHECK(optimizer.steps() == 1);
}

TEST_CASE("state saved by name goes on to the same bits, and that of another network is refused") {
  for (const char* kind : {"Adam", "SGD"}) {
    Bowl straight, resumed;
    const json options{{"lr", 0.05}, {"momentum", 0.9}, {"amsgrad", true}};
    const auto first = make(straight, kind, options);
    for (int step = 0; step < 4; ++step) first->minimise(straight.loss());
    resumed.load_state(straight.state());
    const auto second = make(resumed, kind, options);
    second->load_state(first->state());
    CHECK(second->steps() == 4);
    for (int step = 0; step < 4; ++step) {
      first->minimise(straight.loss());
      second->minimise(resumed.loss());
    }
    CHECK(straight.flat() == resumed.flat());

    nn::Linear other(3, 2);
    other.initialise(0);
    const auto third = make(other, kind, options);
    CHECK_THROWS_AS(third->load_state(first->state()), Error);
    CHECK_THROWS_AS(third->load_state({}), Error);
  }
}

TEST_CASE("the moving average follows its definition, and swap exchanges it with the weights") {
  Bowl bowl;
  nn::SGD optimizer(bowl, {.learning_rate = 0.1});
  nn::Ema ema(bowl, {.decay = 0.9, .every = 2, .after = 4});
  std::vector<double> expected = bowl.flat();
  for (std::int64_t step = 1; step <= 9; ++step) {
    optimizer.minimise(bowl.loss());
    ema.update(step);
    const auto weights = bowl.flat();
    if (step % 2) continue;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expected[i] = step <= 4 ? weights[i] : 0.9 * expected[i] + 0.1 * weights[i];
    }
  }
  const auto weights = bowl.flat();
  ema.swap();
  const auto averages = bowl.flat();
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(averages[i] == Approx(expected[i]).epsilon(1e-14));
  ema.swap();
  CHECK(bowl.flat() == weights);
  nn::Ema other(bowl);
  other.load_state(ema.state());
  other.swap();
  CHECK(bowl.flat() == averages);
}

TEST_CASE("training leaves no nodes behind") {
  nn::MLP network({2, 8, 1});
  network.initialise(1);
  nn::Adam optimizer(network);
  const Tensor x = reshape(linspace(-1, 1, 20), {10, 2}).detach();
  const auto step = [&] { optimizer.minimise(mean(square(network(x)))); };
  for (int i = 0; i < 3; ++i) step();
  const std::int64_t nodes = live_nodes();
  for (int i = 0; i < 5; ++i) step();
  CHECK(live_nodes() == nodes);
}

TEST_CASE("a step writes over parameters that nobody else holds, and over no others") {
  const StreamingScope whole_tensors(Streaming::off);
  const auto make_network = [] {
    auto network = std::make_unique<nn::MLP>(std::vector<std::int64_t>{2, 256, 256, 256, 256, 1});
    network->initialise(1);
    return network;
  };
  const auto lean = make_network(), lavish = make_network();
  nn::Adam first(*lean), second(*lavish);
  const Tensor x = reshape(linspace(-1, 1, 8), {4, 2}).detach();
  const auto loss = [&](nn::MLP& network) { return mean(square(network(x) - 1.0)); };
  const auto peak_of = [](const std::function<void()>& step) {
    kernels::reset_peak();
    const std::int64_t before = kernels::memory_statistics().live_bytes;
    step();
    return kernels::memory_statistics().peak_bytes - before;
  };
  for (int step = 0; step < 3; ++step) {
    Tensor value;
    const std::int64_t lean_peak = peak_of([&] { value = first.minimise(loss(*lean)); });
    const Tensor held = loss(*lavish);
    const Tensors before = lavish->parameter_values();
    std::vector<std::vector<double>> numbers;
    for (const Tensor& tensor : before) numbers.push_back(tensor.to_vector<double>());
    const std::int64_t lavish_peak = peak_of([&] { CHECK(second.minimise(held).item() == value.item()); });
    for (std::size_t i = 0; i < before.size(); ++i) {
      CHECK(before[i].to_vector<double>() == numbers[i]);
      CHECK(lean->parameter_values()[i].to_vector<double>() == lavish->parameter_values()[i].to_vector<double>());
    }
    CHECK(grad(held, before)[1].to_vector<double>().size() == 256);
    // Two of the three square weights: the last one's gradient is there as well.
    if (step > 0) CHECK(lean_peak + 2 * 256 * 256 * 4 < lavish_peak);
  }
}

TEST_CASE("AdamW decays by 0.01 unless told otherwise, whatever else is set") {
  const auto moved = [](nn::AdamWOptions options) {
    Bowl bowl;
    const std::vector<double> before = bowl.flat();
    nn::AdamW(bowl, options).step({zeros({2, 3}, f64), zeros({4}, f64)});
    return bowl.flat()[0] / before[0];
  };
  CHECK(moved({}) == Approx(1 - 1e-3 * 1e-2).epsilon(1e-14));
  CHECK(moved({.learning_rate = 0.1}) == Approx(1 - 0.1 * 1e-2).epsilon(1e-14));
  CHECK(moved({.learning_rate = 0.1, .weight_decay = 0}) == 1);
}

TEST_CASE("a step that throws leaves parameters, buffers and optimiser as they were") {
  struct Words : nn::Module {
    nn::Embedding embedding{3, 2};
    nn::BatchNorm1d norm{2};
    Words() {
      add_child("embedding", embedding);
      add_child("norm", norm);
      to(f64);
      initialise(1);
    }
    Tensor loss(std::int64_t id) {
      const Tensor ids = tensor(std::vector<std::int64_t>{id, 0, 2}, {3});
      return sum(square(norm(embedding(ids)) - 1.0));
    }
  };
  const auto numbers_of = [](const nn::NamedTensors& state) {
    std::vector<double> all;
    for (const auto& [name, value] : state) {
      for (const double number : cast(value, f64).to_vector<double>()) all.push_back(number);
    }
    return all;
  };
  for (const std::string kind : {"Adam", "AdamW", "SGD"}) {
    INFO(kind);
    const json options{{"lr", 0.05}, {"momentum", 0.9}, {"amsgrad", true}};
    Words straight, stumbling;
    const auto first = make(straight, kind, options), second = make(stumbling, kind, options);
    for (int step = 0; step < 4; ++step) {
      const auto model = numbers_of(stumbling.state()), state = numbers_of(second->state());
      CHECK_THROWS_WITH(second->minimise(stumbling.loss(7)), ContainsSubstring("index 7"));
      CHECK(numbers_of(stumbling.state()) == model);
      CHECK(numbers_of(second->state()) == state);
      first->minimise(straight.loss(1));
      second->minimise(stumbling.loss(1));
    }
    CHECK(numbers_of(straight.state()) == numbers_of(stumbling.state()));
    CHECK(numbers_of(first->state()) == numbers_of(second->state()));
  }
}

TEST_CASE("what CheckFinite finds in a step undoes the step") {
  Bowl bowl, other;
  nn::Adam optimizer(bowl, {.learning_rate = 0.1}), undisturbed(other, {.learning_rate = 0.1});
  optimizer.minimise(bowl.loss());
  undisturbed.minimise(other.loss());
  const auto before = bowl.flat();
  {
    const CheckFinite check;
    CHECK_THROWS_WITH(optimizer.minimise(bowl.loss() + log(bowl.loss() * 0)), ContainsSubstring("not finite"));
  }
  CHECK(bowl.flat() == before);
  CHECK(optimizer.steps() == 1);
  optimizer.minimise(bowl.loss());
  undisturbed.minimise(other.loss());
  CHECK(bowl.flat() == other.flat());
}

TEST_CASE("a parameter's bias correction counts its own updates, also after its state was saved") {
  const std::vector<double> start = Bowl().flat();
  Bowl bowl, resumed;
  nn::Adam optimizer(bowl, {.learning_rate = 0.01, .epsilon = 0});
  const Tensor a = ones({2, 3}, f64), b = ones({4}, f64);
  for (int step = 0; step < 20; ++step) optimizer.step({a, Tensor()});
  CHECK(nn::find(optimizer.state(), "step.b", "test").item() == 0);
  for (int step = 1; step <= 3; ++step) {
    optimizer.step({a, b});
    CHECK(bowl.flat()[6] == Approx(start[6] - 0.01 * step).epsilon(1e-12));
    CHECK(bowl.flat()[0] == Approx(start[0] - 0.01 * (20 + step)).epsilon(1e-12));
  }
  resumed.load_state(bowl.state());
  nn::Adam second(resumed, {.learning_rate = 0.01, .epsilon = 0});
  second.load_state(optimizer.state());
  for (int step = 0; step < 3; ++step) {
    optimizer.step({a, b * 2});
    second.step({a, b * 2});
  }
  CHECK(bowl.flat() == resumed.flat());

  // With one count for all, states are what they were before parameters had counts.
  Bowl even;
  nn::Adam both(even);
  both.step({a, b});
  CHECK(both.state().size() == 5);
}

TEST_CASE("the state of another optimiser, or of one with other settings, is refused") {
  Bowl bowl;
  const Tensor a = ones({2, 3}, f64), b = ones({4}, f64);
  nn::SGD sgd(bowl), momentum(bowl, {.momentum = 0.9});
  nn::Adam adam(bowl), amsgrad(bowl, {.amsgrad = true});
  for (nn::Optimizer* optimizer : std::initializer_list<nn::Optimizer*>{&sgd, &momentum, &adam})
    optimizer->step({a, b});
  CHECK_THROWS_WITH(adam.load_state(sgd.state()), ContainsSubstring("after 1 steps there is no exp_avg"));
  CHECK_THROWS_WITH(momentum.load_state(sgd.state()), ContainsSubstring("momentum_buffer"));
  CHECK_THROWS_WITH(adam.load_state(momentum.state()), ContainsSubstring("unexpected momentum_buffer.a"));
  CHECK_THROWS_WITH(amsgrad.load_state(adam.state()), ContainsSubstring("max_exp_avg_sq.a is missing"));
  CHECK_THROWS_WITH(adam.load_state({{"exp_avg.a", a}, {"steps", scalar(5, i64)}}),
                    ContainsSubstring("exp_avg_sq.a is missing"));
  CHECK_THROWS_WITH(adam.load_state({{"step.a", scalar(3, i64)}, {"steps", scalar(5, i64)}}),
                    ContainsSubstring("exp_avg.a is missing"));
  CHECK_THROWS_WITH(adam.load_state({{"step.a", scalar(9, i64)}, {"steps", scalar(5, i64)}}),
                    ContainsSubstring("step.a has to be one i64 from 0 to 5"));
  CHECK_THROWS_WITH(sgd.load_state({{"steps", scalar(5, i64)}, {"steps", scalar(5, i64)}}),
                    ContainsSubstring("comes twice"));
  nn::Adam idle(bowl), next(bowl);
  idle.step({Tensor(), Tensor()});
  CHECK_NOTHROW(next.load_state(idle.state()));
}

TEST_CASE("a rate below 0 and schedules without meaning are refused") {
  Bowl bowl;
  nn::SGD optimizer(bowl);
  CHECK_THROWS_WITH(optimizer.set_learning_rate(-1), ContainsSubstring("the learning rate has to be 0 or more: -1"));
  CHECK_THROWS_AS(optimizer.set_learning_rate(std::nan("")), Error);
  CHECK(optimizer.learning_rate() == 1e-3);
  CHECK_THROWS_WITH(nn::warm_up_then(-5, 0.1, nn::constant_schedule(1)), ContainsSubstring("warm_up_then"));
  CHECK_THROWS_WITH(nn::warm_up_then(5, 0.1, {}), ContainsSubstring("the schedule is empty"));
}

TEST_CASE("a network that is cast after its optimiser stepped is an error that names the parameter") {
  nn::Linear layer(2, 1);
  layer.initialise(1);
  nn::Adam adam(layer);
  nn::LBFGS lbfgs(layer);
  nn::LevenbergMarquardt least_squares(layer);
  nn::Ema ema(layer);
  const auto loss = [&] { return sum(square(layer(ones({1, 2}, layer.weight().dtype())))); };
  adam.minimise(loss());
  layer.to(f64);
  CHECK_THROWS_WITH(adam.minimise(loss()), ContainsSubstring("step: weight is f64"));
  CHECK_THROWS_WITH(lbfgs.step(loss), ContainsSubstring("LBFGS: weight is f64"));
  CHECK_THROWS_WITH(least_squares.step(loss), ContainsSubstring("LevenbergMarquardt: weight is f64"));
  CHECK_THROWS_WITH(ema.update(200), ContainsSubstring("Ema: weight is f64"));
  CHECK_THROWS_WITH(nn::SGD(layer).step({ones({1, 2}), ones({1})}), ContainsSubstring("gradient of weight is f32"));
}

// Normalisation layers: PyTorch's values and derivatives, running statistics, and what normalisation means.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include <optional>

#include "engine/autodiff.h"
#include "engine/kernels/memory.h"
#include "engine/random.h"
#include "engine/transforms.h"
#include "nn/embedding.h"
#include "nn/norm.h"
#include "tests/gradcheck.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

double value_at(const Tensor& x, std::int64_t i) { return x.to_vector<double>()[i]; }

}  // namespace

TEST_CASE("batch norm has PyTorch's values, first and second derivatives, in training and in evaluation") {
  const auto file = reference("resnet.safetensors");
  for (const std::string mode : {"train", "eval"}) {
    INFO(mode);
    const auto given = nn::with_prefix(file.tensors, "batch_norm." + mode + ".");
    const auto of = [&](const char* name) { return nn::find(given, name, "test"); };
    nn::BatchNorm2d layer(2);
    layer.to(f64);
    layer.load_state({{"weight", of("weight")},
                      {"bias", of("bias")},
                      {"running_mean", of("running_mean")},
                      {"running_var", of("running_var")},
                      {"num_batches_tracked", scalar(0, i64)}});
    layer.train(mode == "train");
    const Tensor x = of("x"), v = of("v");
    const Tensors parameters = layer.parameter_values();
    const Tensor y = layer(x);
    const Tensors first = grad(y, {x, parameters[0], parameters[1]}, v);
    const Tensor s = sum(square(first[0])) + sum(square(first[1])) + sum(square(first[2]));
    const Tensors second = grad(s, {x, parameters[0], v});
    CHECK(relative_difference(y, of("y")) < 1e-12);
    CHECK(relative_difference(first[0], of("dx")) < 1e-12);
    CHECK(relative_difference(first[1], of("dweight")) < 1e-12);
    CHECK(relative_difference(first[2], of("dbias")) < 1e-12);
    CHECK(relative_difference(second[0], of("second_x")) < 1e-11);
    CHECK(relative_difference(second[1], of("second_weight")) < 1e-11);
    CHECK(relative_difference(second[2], of("second_v")) < 1e-11);
  }
}

TEST_CASE("training moves the running statistics by the momentum, with the unbiased variance; evaluation leaves them") {
  nn::BatchNorm2d layer(1);
  layer.initialise(0);
  const Tensor x = tensor({1, 2, 3, 6}, {2, 1, 1, 2});
  layer(x);
  CHECK(layer.running_mean().value().item() == Approx(0.1 * 3));
  CHECK(layer.running_var().value().item() == Approx(0.9 + 0.1 * 14.0 / 3));
  CHECK(layer.num_batches_tracked().value().item() == 1);
  layer.eval();
  const Tensor y = layer(x);
  CHECK(layer.num_batches_tracked().value().item() == 1);
  CHECK(value_at(y, 0) == Approx((1 - 0.3) / std::sqrt(0.9 + 1.4 / 3 + 1e-5)));
}

TEST_CASE("in training a channel comes out with mean 0 and variance 1, whatever its scale and shift") {
  std::mt19937_64 generator(1);
  const Tensor x = test::uniform(generator, {4, 3, 5, 6}, -2, 7);
  nn::BatchNorm2d layer(3, 0);
  layer.to(f64);
  layer.initialise(0);
  const Tensor y = layer(x);
  CHECK(test::largest(mean(y, {0, 2, 3})) < 1e-14);
  CHECK(test::difference(variance(y, {0, 2, 3}), ones({3}, f64)) < 1e-13);
  CHECK(test::difference(layer(x * 3 + 5), y) < 1e-12);
}

TEST_CASE("group norm and layer norm normalise what they say") {
  std::mt19937_64 generator(2);
  const Tensor x = test::uniform(generator, {2, 6, 3, 2}, -2, 7);
  nn::GroupNorm group(3, 6, 0);
  group.to(f64);
  group.initialise(0);
  const Tensor grouped = reshape(group(x), {2, 3, 12});
  CHECK(test::largest(mean(grouped, {2})) < 1e-14);
  CHECK(test::difference(variance(grouped, {2}), ones({2, 3}, f64)) < 1e-13);

  nn::LayerNorm layer({3, 2}, 0);
  layer.to(f64);
  layer.load_state({{"weight", full({3, 2}, 2, f64)}, {"bias", full({3, 2}, 1, f64)}});
  const Tensor y = layer(x);
  CHECK(test::difference(mean(y, {2, 3}), ones({2, 6}, f64)) < 1e-13);
  CHECK(test::difference(variance(y, {2, 3}), full({2, 6}, 4, f64)) < 1e-13);
}

TEST_CASE("a pixel of zeros has value and derivatives zero under the RMS norm") {
  nn::RMSNorm2d layer(3);
  layer.initialise(0);
  const Tensor x = zeros({1, 3, 2, 2}).detach();
  const Tensor y = layer(x);
  CHECK(test::largest(y) == 0);
  const Tensor first = grad(sum(square(y)), x);
  CHECK(test::largest(first) == 0);
  CHECK(test::largest(grad(sum(square(first)), x, Unused::zeros)) == 0);
}

TEST_CASE("the derivatives of all norms agree with finite differences to second order") {
  std::mt19937_64 generator(3);
  const Tensor x = test::uniform(generator, {2, 4, 3, 2}, -1, 1);
  nn::BatchNorm2d batch(4);
  nn::GroupNorm group(2, 4);
  nn::LayerNorm layer({2});
  nn::RMSNorm2d rms(4);
  for (nn::Module* module : std::initializer_list<nn::Module*>{&batch, &group, &layer, &rms}) {
    fill(*module, f64);
    test::check_derivatives([&](const Tensors& inputs) { return (*module)(inputs[0]); }, {x}, 2, generator, 1e-5);
  }
}

TEST_CASE("norms refuse what does not fit") {
  CHECK_THROWS_WITH(nn::BatchNorm2d(3)(zeros({2, 4, 2, 2})), ContainsSubstring("needs [N, 3, H, W]: [2, 4, 2, 2]"));
  CHECK_THROWS_WITH(nn::BatchNorm2d(3)(zeros({1, 3, 1, 1})), ContainsSubstring("more than one value a channel"));
  CHECK_THROWS_WITH(nn::GroupNorm(3, 4), ContainsSubstring("3 groups do not divide 4"));
  CHECK_THROWS_WITH(nn::LayerNorm({3})(zeros({2, 4})), ContainsSubstring("have to be [3]"));
  CHECK_THROWS_WITH(nn::RMSNorm2d(3)(zeros({2, 4})), ContainsSubstring("needs [N, 3, H, W]"));
}

TEST_CASE("forward passes of batch norm keep nothing of past batches, whoever computes their output") {
  for (const bool without_history : {true, false}) {
    nn::BatchNorm2d layer(8);
    layer.initialise(0);
    std::optional<NoGrad> no_grad;
    if (without_history) no_grad.emplace();
    const auto pass = [&](std::uint64_t i) { layer(random_normal({4, 8, 4, 4}, 0, 1, 1, i)).eval(); };
    for (std::uint64_t i = 0; i < 5; ++i) pass(i);
    const std::int64_t nodes = live_nodes();
    const auto memory = kernels::memory_statistics();
    for (std::uint64_t i = 5; i < 3000; ++i) pass(i);
    CHECK(live_nodes() == nodes);
    CHECK(kernels::memory_statistics().live_bytes == memory.live_bytes);
  }
}

TEST_CASE("an update loop of one's own moves a network with batch norm, and nothing grows") {
  nn::BatchNorm2d layer(3);
  layer.initialise(0);
  std::int64_t nodes = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Tensor loss = mean(square(layer(random_normal({4, 3, 4, 4}, 1, 2, 1, i)) - 1.0));
    const Tensors gradients = grad(loss, layer.parameter_values());
    Tensors next;
    {
      const NoGrad no_grad;
      const Tensors values = layer.parameter_values();
      for (std::size_t k = 0; k < values.size(); ++k) next.push_back(values[k] - gradients[k] * 0.1);
    }
    eval(next);
    for (std::size_t k = 0; k < next.size(); ++k) layer.parameters()[k]->set(next[k]);
    if (i == 5) nodes = live_nodes();
    if (i == 199) CHECK(live_nodes() == nodes);
  }
  CHECK(layer.running_mean().value().to_vector<float>()[0] == Approx(1).margin(0.2));
}

TEST_CASE(
    "the running values are those of a layer whose passes were computed one by one, also when two are computed at "
    "once") {
  nn::BatchNorm2d one(2), both(2);
  one.initialise(0);
  both.initialise(0);
  const Tensor a = random_normal({4, 2, 3, 3}, 0, 1, 1, 1), b = random_normal({4, 2, 3, 3}, 3, 2, 1, 2);
  one(a).eval();
  one(b).eval();
  const Tensor first = both(a), second = both(b);
  second.eval();
  CHECK(both.running_mean().value().to_vector<float>() == one.running_mean().value().to_vector<float>());
  CHECK(both.running_var().value().to_vector<float>() == one.running_var().value().to_vector<float>());
}

TEST_CASE("batch norm is as it was before a batch whose evaluation throws") {
  nn::Embedding embedding(3, 2);
  nn::BatchNorm1d layer(2);
  embedding.initialise(1);
  layer.initialise(1);
  const auto out = [&](std::int64_t id) { return layer(embedding(tensor(std::vector<std::int64_t>{id, 0}, {2}))); };
  out(1).eval();
  const auto numbers = [&] {
    std::vector<double> all;
    for (const auto& [name, value] : layer.state()) {
      for (const double number : cast(value, f64).to_vector<double>()) all.push_back(number);
    }
    return all;
  };
  const auto before = numbers();
  CHECK_THROWS_WITH(out(7).eval(), ContainsSubstring("index 7"));
  CHECK(numbers() == before);
  CHECK_THROWS_WITH(out(8).eval(), ContainsSubstring("index 8"));
  CHECK_THROWS_WITH(out(9).eval(), ContainsSubstring("index 9"));
  CHECK(numbers() == before);
  out(2).eval();
  CHECK(layer.num_batches_tracked().value().item() == 2);
  CHECK(numbers() != before);

  // The batch before it counts although nobody had asked for it yet.
  const Tensor good = out(1), bad = out(7);
  good.eval();
  CHECK_THROWS_AS(bad.eval(), Error);
  CHECK(layer.num_batches_tracked().value().item() == 3);
  const Tensor first = out(7), second = out(8);
  CHECK_THROWS_AS(sg::eval({first, second}), Error);
  CHECK(layer.num_batches_tracked().value().item() == 3);
  layer.eval();
  CHECK_NOTHROW(out(1).eval());
}

TEST_CASE("batch norm in training refuses slices of vmap, and is of use afterwards") {
  nn::BatchNorm1d layer(2);
  layer.to(f64);
  layer.initialise(1);
  const Tensor x = random_normal({3, 4, 2}, 0, 1, 1, 1, f64);
  const auto mapped = vmap([&](const Tensor& rows) { return layer(rows); });
  CHECK_THROWS_WITH(mapped(x), ContainsSubstring("BatchNorm1d: in training") && ContainsSubstring("vmap"));
  CHECK_THROWS_WITH(
      per_sample_grad([&](const Tensors& row) { return sum(square(layer(row[0]))); }, layer.parameter_values(), {x}),
      ContainsSubstring("BatchNorm1d: in training"));
  CHECK(layer.num_batches_tracked().value().item() == 0);
  CHECK_NOTHROW(layer.state());
  CHECK_NOTHROW(layer(slice(reshape(x, {12, 2}), 0, 0, 4)).eval());
  layer.eval();
  CHECK(mapped(x).shape() == Shape{3, 4, 2});
}

TEST_CASE("batch norm in a checkpoint counts a batch once, and has the same derivatives as outside") {
  const Tensor x = tensor({1., 2., 4., 7.}, {4, 1}, f64);
  x.requires_grad();
  const auto run = [&](bool recompute) {
    nn::BatchNorm1d layer(1);
    layer.to(f64);
    layer.initialise(1);
    const auto f = [&](const Tensors& in) { return layer(in[0]) * in[0]; };
    const Tensor y = recompute ? checkpoint(f)({x}) : f({x});
    const Tensor by_x = grad(y, x), twice = grad(sum(square(by_x)), x);
    sg::eval({y, by_x, twice});
    CHECK(layer.num_batches_tracked().value().item() == 1);
    return concat({y, by_x, twice, reshape(layer.running_mean(), {1, 1}), reshape(layer.running_var(), {1, 1})}, 0);
  };
  CHECK(sg::test::difference(run(true), run(false)) < 1e-12);
}

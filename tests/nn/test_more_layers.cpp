// Dropout, embeddings, normed weights, attention with masks, residuals; slots by name, summaries and parameter groups.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include <cmath>
#include <set>

#include "engine/autodiff.h"
#include "engine/plan.h"
#include "engine/transforms.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/multihead_attention.h"
#include "nn/norm.h"
#include "nn/optim/adam.h"
#include "nn/optim/sgd.h"
#include "nn/weight_norm.h"
#include "tests/gradcheck.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Matchers::ContainsSubstring;
using Values = std::vector<double>;

TEST_CASE("dropout zeroes the share it is asked for and keeps the mean, in training only") {
  nn::Dropout dropout(0.25);
  dropout.initialise(3);
  const Tensor x = ones({200, 200});
  const Values first = dropout(x).to_vector<double>(), second = dropout(x).to_vector<double>();
  CHECK(first != second);
  double zeros = 0;
  for (double value : first) {
    CHECK((value == 0 || std::abs(value - 4.0 / 3) < 1e-6));
    zeros += value == 0;
  }
  // 40,000 draws: five standard deviations of their share are 0.011.
  CHECK(std::abs(zeros / 40000 - 0.25) < 0.011);
  dropout.eval();
  CHECK(dropout(x).node() == x.node());
  CHECK_THROWS_WITH(nn::Dropout(1.5), ContainsSubstring("Dropout: the rate"));
  nn::Dropout all(1);
  CHECK(sum(all(x)).item() == 0);
}

TEST_CASE("dropout's numbers follow from the seed, the place and the calls, which the state holds") {
  const auto make = [] {
    auto network = std::make_unique<nn::Sequential>();
    network->add<nn::Dropout>(0.5).add<nn::Dropout>(0.5);
    return network;
  };
  const Tensor x = ones({64});
  auto a = make(), b = make();
  a->initialise(1);
  b->initialise(1);
  CHECK((*a)[0](x).to_vector<double>() == (*b)[0](x).to_vector<double>());
  CHECK((*a)[0](x).to_vector<double>() != (*a)[1](x).to_vector<double>());
  auto resumed = make();
  resumed->load_state(a->state());
  CHECK((*a)(x).to_vector<double>() == (*resumed)(x).to_vector<double>());
  CHECK_NOTHROW(resumed->load_state({}));  // what another library saved has no keys
}

TEST_CASE("a step with dropout is run by the plan of the step before, and draws other numbers") {
  nn::Sequential network;
  network.add<nn::Linear>(4, 16).add<nn::Dropout>(0.5).add<nn::Linear>(16, 1);
  network.initialise(5);
  nn::SGD sgd(network, {.learning_rate = 0});
  const Tensor x = formula_tensor("x", {8, 4}, f32);
  std::set<double> losses;
  for (int step = 0; step < 4; ++step) {
    const Tensor loss = mean(square(network(x)));
    sgd.minimise(loss);
    losses.insert(loss.item());
    if (step > 1) CHECK(last_evaluation().reused_plan);
  }
  CHECK(losses.size() == 4);
}

TEST_CASE("dropout has derivatives: the mask of the value") {
  nn::Dropout dropout(0.5);
  const Tensor x = formula_tensor("x", {32}, f64), y = dropout(square(x));
  const Values value = y.to_vector<double>(), slope = grad(sum(y), x).to_vector<double>(), at = x.to_vector<double>();
  for (std::size_t i = 0; i < at.size(); ++i) CHECK(slope[i] == (value[i] == 0 ? 0 : 4 * at[i]));
}

TEST_CASE("embeddings look rows up, keep the padding's at zero and refuse what is no index") {
  nn::Embedding embedding(4, 3, 2);
  embedding.initialise(1);
  const Tensor rows = embedding(tensor({2, 0, 2}, {3}, i64));
  CHECK(rows.shape() == Shape{3, 3});
  CHECK(sum(abs(slice(rows, 0, 0, 1))).item() == 0);
  CHECK(sum(abs(slice(rows, 0, 1, 2))).item() > 0);
  const Values slope = grad(sum(rows), embedding.weight().value()).to_vector<double>();
  CHECK(slope == Values{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(embedding(scalar(1, i64)).shape() == Shape{3});
  CHECK_THROWS_WITH(embedding(ones({2})), ContainsSubstring("have to be i64"));
  CHECK_THROWS_AS(embedding(tensor({4}, {1}, i64)).eval(), Error);
  CHECK_THROWS_WITH(nn::Embedding(4, 3, 4), ContainsSubstring("the padding 4"));
}

TEST_CASE("a normed weight begins as the layer's own, with norms of rows in g") {
  nn::WeightNorm<nn::Linear> normed(3, 2);
  normed.initialise(4);
  CHECK(relative_difference(normed.weight(), normed.weight_v()) < 1e-6);
  const Values norms = norm(normed.weight_v(), 1).to_vector<double>();
  CHECK(normed.weight_g().value().to_vector<double>() == norms);
  CHECK(normed.slot("bias").shape() == Shape{2});
  nn::WeightNorm<nn::Linear> without(3, 2, false);
  CHECK(without.parameters().size() == 2);
  // The length of v does not matter.
  const Tensor x = formula_tensor("x", {5, 3}, f32), before = normed(x);
  before.eval();
  normed.weight_v().set(normed.weight_v().value() * 4);
  CHECK(relative_difference(normed(x), before) < 1e-6);
}

TEST_CASE("the spectral norm's weight tends to a largest singular value of 1") {
  nn::SpectralNorm<nn::Linear> normed(4, 3);
  normed.to(f64);
  normed.initialise(4);
  const Tensor x = formula_tensor("x", {2, 4}, f64);
  for (int call = 0; call < 200; ++call) normed(x).eval();
  const Tensor w = normed.weight();
  // Of W W' the largest eigenvalue is 1: powers of it neither grow nor vanish.
  Tensor power = matmul(w, transpose(w));
  for (int i = 0; i < 6; ++i) power = matmul(power, power);
  CHECK(std::abs(trace(power).item() - 1) < 1e-3);
  normed.eval();
  const Values u = normed.weight_u().value().to_vector<double>();
  normed(x).eval();
  CHECK(normed.weight_u().value().to_vector<double>() == u);
}

TEST_CASE("attention does not see what is masked") {
  nn::MultiheadAttention attention(4, 2, {.batch_first = true});
  fill(attention, f64);
  const Tensor x = formula_tensor("x", {1, 3, 4}, f64);
  const Tensor changed = concat({slice(x, 1, 0, 2), slice(x, 1, 2, 3) + 1}, 1);
  const auto first_two = [](const Tensor& y) { return slice(y, 1, 0, 2).to_vector<double>(); };
  const auto causal = [&](const Tensor& at) { return attention(at, at, at, {nn::causal_mask(3), {}}); };
  CHECK(first_two(causal(x)) == first_two(causal(changed)));
  CHECK(first_two(attention(x)) != first_two(attention(changed)));
  const auto padded = [&](const Tensor& at) { return attention(x, at, at, {{}, tensor({0, 0, 1}, {1, 3}, i64)}); };
  CHECK(padded(x).to_vector<double>() == padded(changed).to_vector<double>());
  const auto result = attention.attend(x, x, x, {nn::causal_mask(3), {}});
  CHECK(result.weights.shape() == Shape{1, 2, 3, 3});
  CHECK(relative_difference(sum(result.weights, -1), ones({1, 2, 3}, f64)) < 1e-15);
  // An added mask of as many heads.
  const Tensor none = attention(x, x, x, {zeros({2, 3, 3}, f64), {}});
  CHECK(relative_difference(none, attention(x)) < 1e-15);
  CHECK_THROWS_WITH(attention(x, x, x, {ones({2, 2}), {}}), ContainsSubstring("the attention mask has to be"));
  CHECK_THROWS_WITH(nn::MultiheadAttention(5, 2), ContainsSubstring("2 heads do not divide 5"));
}

TEST_CASE("attention with keys and values of other widths has weights of their own") {
  nn::MultiheadAttention attention(4, 2, {.bias = false, .key_width = 3, .value_width = 5});
  fill(attention, f64);
  CHECK(attention.slot("k_proj_weight").shape() == Shape{4, 3});
  CHECK(attention.slot("v_proj_weight").shape() == Shape{4, 5});
  const Tensor query = formula_tensor("q", {2, 1, 4}, f64), key = formula_tensor("k", {6, 1, 3}, f64),
               value = formula_tensor("v", {6, 1, 5}, f64);
  CHECK(attention(query, key, value).shape() == Shape{2, 1, 4});
  CHECK_THROWS_WITH(attention(query, value, key), ContainsSubstring("the last extent has to be 3"));
}

TEST_CASE("a residual adds what its modules make, which has to have the input's shape") {
  nn::Residual residual;
  residual.add<nn::Linear>(3, 3).add<nn::Identity>();
  residual.initialise(2);
  const Tensor x = formula_tensor("x", {2, 3}, f32);
  CHECK(relative_difference(residual(x) - x, residual[0](x)) < 1e-6);
  nn::Residual other(std::make_unique<nn::Linear>(3, 2));
  other.initialise(2);
  CHECK_THROWS_WITH(other(x), ContainsSubstring("Residual: the modules make [2, 2] of [2, 3]"));
}

TEST_CASE("slots are found by name, and layers give their weight and bias") {
  nn::Sequential network;
  network.add<nn::Conv1d>(2, 4, 3).add<nn::BatchNorm1d>(4).add<nn::PReLU>(4);
  network.initialise(1);
  auto& conv = dynamic_cast<nn::Conv1d&>(network[0]);
  CHECK(&network.slot("0.weight") == &conv.weight());
  CHECK(&network.slot("0.bias") == &conv.bias());
  auto& normal = dynamic_cast<nn::BatchNorm1d&>(network[1]);
  CHECK(&network.slot("1.weight") == &normal.weight());
  CHECK(&network.slot("1.running_var") == &normal.running_var());
  CHECK_THROWS_WITH(network.slot("0.weights"), ContainsSubstring("there is no 0.weights; there are 0.weight, 0.bias"));
  nn::InstanceNorm1d plain(4);
  CHECK_THROWS_WITH(plain.weight(), ContainsSubstring("not affine"));
  CHECK_THROWS_WITH(normal(ones({2, 3})), ContainsSubstring("BatchNorm1d: needs [N, 4] or [N, 4, L]: [2, 3]"));
}

TEST_CASE("a summary has a line a module, and the sums") {
  nn::Sequential network;
  network.add<nn::Linear>(2, 3).add<nn::BatchNorm1d>(3);
  const std::string text = network.summary();
  CHECK_THAT(text, ContainsSubstring("Sequential"));
  CHECK_THAT(text, ContainsSubstring("Linear"));
  CHECK_THAT(text, ContainsSubstring("weight [3, 2], bias [3]"));
  CHECK_THAT(text, ContainsSubstring("running_mean [3]"));
  CHECK_THAT(text, ContainsSubstring("15 parameters, 7 elements of buffers, 92 bytes"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
}

TEST_CASE("groups of parameters have rates and weight decays of their own") {
  const auto make = [] {
    auto network = std::make_unique<nn::Sequential>();
    network->add<nn::Linear>(3, 4).add<nn::Tanh>().add<nn::Linear>(4, 1);
    network->initialise(6);
    return network;
  };
  const Tensor x = formula_tensor("x", {8, 3}, f32);
  const auto loss = [&](nn::Sequential& network) { return mean(square(network(x) - 1)); };
  const auto values = [](nn::Module& module) {
    Values all;
    for (nn::Slot* slot : module.parameters()) {
      for (double value : slot->value().to_vector<double>()) all.push_back(value);
    }
    return all;
  };
  SECTION("SGD: a rate of 0 keeps, and others are those of an optimiser with that rate") {
    auto grouped = make(), slow = make(), fast = make();
    nn::SGD optimizer(*grouped, {.learning_rate = 0.1, .weight_decay = 0.5});
    optimizer.add_group({.parameters = (*grouped)[0].parameters(), .rate = 0.5, .weight_decay = 0});
    nn::SGD plain_slow(*slow, {.learning_rate = 0.05});
    nn::SGD plain_fast(*fast, {.learning_rate = 0.1, .weight_decay = 0.5});
    optimizer.minimise(loss(*grouped));
    plain_slow.minimise(loss(*slow));
    plain_fast.minimise(loss(*fast));
    CHECK(values((*grouped)[0]) == values((*slow)[0]));
    CHECK(values((*grouped)[2]) == values((*fast)[2]));
  }
  SECTION("AdamW, over steps, with a plan that is kept") {
    auto grouped = make();
    const Values frozen = values((*grouped)[2]);
    nn::AdamW optimizer(*grouped, {.learning_rate = 0.1, .weight_decay = 0.1});
    optimizer.add_group({.parameters = (*grouped)[2].parameters(), .rate = 0});
    for (int step = 0; step < 4; ++step) optimizer.minimise(loss(*grouped));
    CHECK(last_evaluation().reused_plan);
    CHECK(values((*grouped)[2]) == frozen);
    CHECK(values((*grouped)[0]) != values((*make())[0]));
  }
  SECTION("what is no parameter, or twice in groups, is refused") {
    auto network = make(), other = make();
    nn::Adam optimizer(*network);
    CHECK_THROWS_WITH(optimizer.add_group({.parameters = other->parameters()}),
                      ContainsSubstring("is no parameter of the network"));
    optimizer.add_group({.parameters = (*network)[0].parameters()});
    CHECK_THROWS_WITH(optimizer.add_group({.parameters = network->parameters()}),
                      ContainsSubstring("0.weight is in a group already"));
    CHECK_THROWS_WITH(optimizer.add_group({.parameters = {}, .rate = -1}), ContainsSubstring("0 or more"));
  }
}

TEST_CASE("dropout layers differ although nobody initialised them, and by their places in a network that is loaded") {
  struct Net : nn::Module {
    nn::Dropout first{0.5}, second{0.5};
    nn::Linear linear{2, 2};
    Net() {
      add_child("first", first);
      add_child("linear", linear);
      add_child("second", second);
    }
  };
  const Tensor x = ones({64});
  Net bare;
  CHECK(bare.first(x).to_vector<double>() != bare.second(x).to_vector<double>());
  const nn::NamedTensors weights{{"linear.weight", ones({2, 2})}, {"linear.bias", ones({2})}};
  Net a, b;
  a.load_state(weights);
  b.load_state(weights);
  const Values first = a.first(x).to_vector<double>();
  CHECK(first != a.second(x).to_vector<double>());
  CHECK(first == b.first(x).to_vector<double>());
  // What has been initialised stays.
  Net c, d;
  c.initialise(5);
  d.initialise(5);
  c.load_state(weights);
  CHECK(c.first(x).to_vector<double>() == d.first(x).to_vector<double>());
}

TEST_CASE("dropout in a checkpoint has one mask for the value and all derivatives, also where checkpoints are nested") {
  const Tensor x = full({32}, 2.0, f64);
  x.requires_grad();
  for (const bool nested : {false, true}) {
    nn::Dropout plain(0.5), recomputed(0.5);
    plain.initialise(3);
    recomputed.initialise(3);
    const auto f = [](nn::Dropout& dropout, const Tensor& in) { return dropout(in) * in * dropout(square(in)); };
    const auto inner = checkpoint([&](const Tensors& in) { return f(recomputed, in[0]); });
    const auto again = nested ? checkpoint([&](const Tensors& in) { return inner({in[0] * 1.0}); }) : inner;
    for (int call = 0; call < 2; ++call) {
      const Tensor a = f(plain, x), b = again({x});
      const Tensor by_a = grad(a, x), by_b = grad(b, x);
      CHECK(a.to_vector<double>() == b.to_vector<double>());
      CHECK(sg::test::difference(by_a, by_b) < 1e-12);
      CHECK(sg::test::difference(grad(by_a, x), grad(by_b, x)) < 1e-12);
    }
    CHECK(plain.key().value().to_vector<std::int64_t>() == recomputed.key().value().to_vector<std::int64_t>());
  }
}

TEST_CASE("a spectral norm in a checkpoint improves its estimate once, and computes again with that one") {
  const Tensor x = formula_tensor("x", {4, 3}, f64);
  const auto run = [&](bool recompute) {
    nn::SpectralNorm<nn::Linear> layer(3, 2);
    layer.to(f64);
    layer.initialise(2);
    const auto f = [&](const Tensors& in) { return sum(square(layer(in[0]))); };
    const auto call = recompute ? checkpoint(f) : std::function<Tensor(const Tensors&)>(f);
    const Tensor first = call({x});
    call({x}).eval();  // moves the estimate on before the first call's derivative is taken
    return concat({flatten(grad(first, layer.weight_orig())), layer.weight_u()}, 0).eval();
  };
  CHECK(sg::test::difference(run(true), run(false)) < 1e-12);
}

TEST_CASE("a function that draws more when checkpoint runs it again is an error") {
  int calls = 0;
  nn::Dropout dropout(0.5);
  dropout.initialise(1);
  const auto f = checkpoint([&](const Tensors& in) { return ++calls > 1 ? dropout(dropout(in[0])) : dropout(in[0]); });
  CHECK_THROWS_WITH(f({ones({3})}), ContainsSubstring("checkpoint: the function draws more"));
}

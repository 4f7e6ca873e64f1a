// Modules: names, state in and out, modes and dtypes.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include "engine/autodiff.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/models/mlp.h"
#include "nn/norm.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;

namespace {

/// What somebody who adds a layer writes.
class Scale : public nn::Module {
 public:
  explicit Scale(std::int64_t channels) : scale_({channels}, nn::init::ones()), seen_({}, nn::init::zeros()) {
    add_parameter("scale", scale_);
    add_buffer("seen", seen_);
    add_child("inner", inner_);
  }
  Tensor forward(const Tensor& x) override { return inner_(x * scale_); }

 private:
  nn::Parameter scale_;
  nn::Buffer seen_;
  nn::Linear inner_{3, 2};
};

std::vector<std::string> names(nn::Module& module) {
  std::vector<std::string> result;
  for (auto& [name, slot] : module.named_slots()) result.push_back(name);
  return result;
}

}  // namespace

TEST_CASE("names are a module's own parameters, its buffers, then its children's, as in a state_dict") {
  nn::Sequential network;
  network.add<Scale>(3).add<nn::Tanh>().add<nn::Linear>(2, 1, false);
  CHECK(names(network) == std::vector<std::string>{"0.scale", "0.seen", "0.inner.weight", "0.inner.bias", "2.weight"});
  CHECK(network.parameter_count() == 3 + 6 + 2 + 2);
  CHECK(network.parameters().size() == 4);
  CHECK(network.buffers().size() == 1);
}

TEST_CASE("a slot without a value and a wrong value are errors that name it") {
  nn::Linear layer(3, 2);
  CHECK_THROWS_WITH(layer(zeros({1, 3})), ContainsSubstring("weight: the slot holds nothing yet"));
  CHECK_THROWS_WITH(layer.weight().set(zeros({3, 2})), ContainsSubstring("weight: got f32 [3, 2], needs f32 [2, 3]"));
  CHECK_THROWS_AS(layer.weight().set(zeros({2, 3}, f64)), Error);
}

TEST_CASE("load_state names what is missing, unexpected and misshapen, and then changes nothing") {
  nn::Linear layer(3, 2);
  layer.initialise(5);
  const auto before = layer.weight().value().to_vector<float>();
  const nn::NamedTensors wrong{{"weight", zeros({2, 4})}, {"extra", zeros({1})}};
  CHECK_THROWS_WITH(layer.load_state(wrong), ContainsSubstring("missing bias") &&
                                                 ContainsSubstring("unexpected extra") &&
                                                 ContainsSubstring("weight is [2, 4], needs [2, 3]"));
  CHECK_THROWS_WITH(layer.load_state({{"weight", zeros({2, 3})}, {"weight", zeros({2, 3})}, {"bias", zeros({2})}}),
                    ContainsSubstring("twice"));
  CHECK_THROWS_WITH(layer.load_state({{"weight", zeros({2, 3}, i64)}, {"bias", zeros({2})}}), ContainsSubstring("i64"));
  CHECK(layer.weight().value().to_vector<float>() == before);
}

TEST_CASE("state and load_state carry a network to another, across dtypes") {
  nn::Sequential a, b;
  for (nn::Sequential* network : {&a, &b}) network->add<nn::Conv2d>(2, 3, 3).add<nn::BatchNorm2d>(3);
  a.initialise(1);
  b.to(f64);
  b.load_state(a.state());
  const Tensor x = linspace(-1, 1, 2 * 2 * 5 * 5);
  a.eval();
  b.eval();
  const auto from_a = a(reshape(x, {2, 2, 5, 5})).to_vector<double>(),
             from_b = b(cast(reshape(x, {2, 2, 5, 5}), f64)).to_vector<double>();
  REQUIRE(from_a.size() == from_b.size());
  for (std::size_t i = 0; i < from_a.size(); ++i) CHECK(std::abs(from_a[i] - from_b[i]) < 1e-6);
  CHECK(b.state()[0].second.dtype() == f64);
  CHECK(b.state().back().first == "1.num_batches_tracked");
  CHECK(b.state().back().second.dtype() == i64);
}

TEST_CASE("train and eval reach all modules below") {
  nn::Sequential network;
  network.add<nn::Sequential>();
  auto& inner = static_cast<nn::Sequential&>(network[0]);
  inner.add<nn::BatchNorm2d>(1);
  CHECK(inner[0].training());
  network.eval();
  CHECK_FALSE(inner[0].training());
  network.train();
  CHECK(inner[0].training());
}

TEST_CASE("backward fills the parameters' grad with what grad gives") {
  nn::Linear layer(3, 2);
  layer.initialise(2);
  const Tensor loss = mean(square(layer(reshape(linspace(-1, 1, 12), {4, 3}))));
  const Tensors gradients = grad(loss, layer.parameter_values());
  loss.backward();
  CHECK(layer.weight().value().grad().to_vector<float>() == gradients[0].to_vector<float>());
  CHECK(layer.bias().value().grad().to_vector<float>() == gradients[1].to_vector<float>());
}

TEST_CASE("activations are found by name, and an unknown name is an error that lists them") {
  for (const std::string& name : nn::activation_names()) {
    const auto layer = nn::activation(name);
    layer->initialise(0);
    CHECK(layer->forward(zeros({2})).shape() == Shape{2});
  }
  CHECK_THROWS_WITH(nn::activation("tahn"), ContainsSubstring("softplus"));
}

TEST_CASE("prefixes split and join states") {
  const nn::NamedTensors all = nn::add_prefix("encoder.", {{"a", zeros({1})}, {"b", ones({1})}});
  CHECK(all[1].first == "encoder.b");
  CHECK(nn::with_prefix(all, "encoder.").size() == 2);
  CHECK(nn::with_prefix(all, "decoder.").empty());
  CHECK(nn::find(all, "encoder.b", "test").item() == 1);
  CHECK_THROWS_AS(nn::find(all, "b", "test"), Error);
}

TEST_CASE("a network that is const answers every question about its slots") {
  nn::MLP network({2, 3, 1});
  network.initialise(1);
  const nn::MLP& fixed = network;
  CHECK(fixed.parameter_count() == 13);
  CHECK(fixed.parameters().size() == 4);
  CHECK(fixed.buffers().empty());
  CHECK(fixed.named_parameters().size() == fixed.named_slots().size());
  CHECK(fixed.parameter_values()[0].to_vector<float>() == fixed.state()[0].second.to_vector<float>());
}

TEST_CASE("a layer without a bias that is asked for it says which layer it is") {
  nn::Linear linear(3, 2, false);
  nn::Conv2d conv(1, 2, 3, {.bias = false});
  nn::ConvTranspose2d transposed(1, 2, 3, {.bias = false});
  CHECK_THROWS_WITH(linear.bias(), "Linear: the layer of weight [2, 3] was made without a bias");
  CHECK_THROWS_WITH(conv.bias(), "Conv2d: the layer of weight [2, 1, 3, 3] was made without a bias");
  CHECK_THROWS_WITH(transposed.bias(), "ConvTranspose2d: the layer of weight [1, 2, 3, 3] was made without a bias");
  CHECK(nn::Linear(3, 2).bias().shape() == Shape{2});
}

TEST_CASE("names are registered once and are UTF-8") {
  struct Twice : nn::Module {
    nn::Parameter a{{1}, nn::init::ones()}, b{{1}, nn::init::ones()};
    nn::Buffer c{{1}, nn::init::ones()};
    nn::Linear d{1, 1}, e{1, 1};
    explicit Twice(const std::string& first, const std::string& second, const std::string& third = "c",
                   const std::string& fourth = "d", const std::string& fifth = "e") {
      add_parameter(first, a);
      add_parameter(second, b);
      add_buffer(third, c);
      add_child(fourth, d);
      add_child(fifth, e);
    }
  };
  CHECK_NOTHROW(Twice("a", "gr\u00fc\u00dfe"));
  CHECK_THROWS_WITH(Twice("a", "a"), ContainsSubstring("the name \"a\" is registered twice"));
  CHECK_THROWS_WITH(Twice("a", "b", "a"), ContainsSubstring("registered twice"));
  CHECK_THROWS_WITH(Twice("a", "b", "c", "d", "d"), ContainsSubstring("the name \"d\" is registered twice"));
  CHECK_THROWS_WITH(Twice("a", "b", "c", "b"), ContainsSubstring("registered twice"));
  CHECK_THROWS_WITH(Twice("a\xff", "b"), ContainsSubstring("is not UTF-8"));
  struct Again : nn::Module {
    nn::Parameter a{{1}, nn::init::ones()};
    Again() {
      add_parameter("a", a);
      add_parameter("b", a);
    }
  };
  CHECK_THROWS_WITH(Again(), ContainsSubstring("\"b\" is registered already, as \"a\""));
}

TEST_CASE("what is registered under two names is one set of parameters with two names in the state") {
  struct Tied : nn::Module {
    nn::Linear layer{2, 2};
    Tied() {
      add_child("a", layer);
      add_child("b", layer);
    }
  };
  Tied tied;
  tied.initialise(1);
  CHECK(tied.parameter_count() == 6);
  CHECK(tied.parameters().size() == 2);
  CHECK(tied.parameter_values().size() == 2);
  CHECK(tied.named_parameters()[1].first == "a.bias");
  CHECK(tied.state().size() == 4);
  CHECK_THAT(tied.summary(), ContainsSubstring("6 parameters, 0 elements of buffers, 24 bytes"));
}

TEST_CASE("layers without meaning are refused, and so is a module that is not there") {
  CHECK_THROWS_WITH(nn::Linear(-1, 3), ContainsSubstring("Linear: a number of features is negative: -1 to 3"));
  CHECK_THROWS_WITH(nn::Conv2d(1, 3, 0), ContainsSubstring("Conv2d: the kernel has to be at least 1"));
  CHECK_THROWS_WITH(nn::ConvTranspose1d(1, 3, -2), ContainsSubstring("ConvTranspose1d: the kernel"));
  CHECK_THROWS_WITH(nn::Conv1d(-1, 3, 1), ContainsSubstring("negative"));
  CHECK_THROWS_WITH(nn::MLP({2, 1}, "bogus"), ContainsSubstring("activation: there is no 'bogus'"));
  nn::Sequential sequential;
  CHECK_THROWS_WITH(sequential[0], ContainsSubstring("Sequential: there is no module 0 of 0"));
  CHECK_THROWS_WITH(sequential.append(nullptr), ContainsSubstring("null pointer"));
  nn::ModuleList<nn::Linear> list;
  CHECK_THROWS_WITH(list[2], ContainsSubstring("ModuleList: there is no module 2 of 0"));
}

TEST_CASE("a layer into which nothing comes has a bias of zeros, as PyTorch's") {
  nn::Linear layer(0, 3);
  layer.initialise(1);
  CHECK(layer.bias().value().to_vector<double>() == std::vector<double>{0, 0, 0});
  CHECK(layer(zeros({2, 0})).to_vector<double>() == std::vector<double>(6, 0.0));
}

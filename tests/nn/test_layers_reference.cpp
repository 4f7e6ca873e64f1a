// Layers against PyTorch's: values, and first and second derivatives by inputs and parameters.
#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <map>
#include <memory>

#include "engine/autodiff.h"
#include "nn/activation.h"
#include "nn/container.h"
#include "nn/embedding.h"
#include "nn/multihead_attention.h"
#include "nn/norm.h"
#include "nn/pool.h"
#include "nn/weight_norm.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;

namespace {

/// A module, and how it is applied to the reference's input.
struct Case {
  Shape input;
  std::shared_ptr<nn::Module> module;
  std::function<Tensor(nn::Module&, const Tensor&)> apply = [](nn::Module& of, const Tensor& x) { return of(x); };
};

template <class Layer, class... Arguments>
Case layer(Shape input, Arguments&&... arguments) {
  return {input, std::make_shared<Layer>(std::forward<Arguments>(arguments)...)};
}

Case sampled(GridSampleOptions options) {
  Case result = layer<nn::Identity>({2, 2, 4, 3});
  result.apply = [options](nn::Module&, const Tensor& x) {
    const Tensor grid = formula_tensor("grid", {2, 3, 2, 2}, f64, 1.6);
    return grid_sample(x, grid, options);
  };
  return result;
}

Case upsample(Shape input, InterpolateOptions options) { return layer<nn::Upsample>(input, options); }

std::map<std::string, Case> cases() {
  constexpr auto linear = Interpolation::linear, cubic = Interpolation::cubic;
  std::map<std::string, Case> all;
  all["conv1d"] =
      layer<nn::Conv1d>({2, 2, 7}, 2, 4, 3, nn::ConvOptions1d{.stride = 2, .padding = 2, .dilation = 2, .groups = 2});
  all["conv3d"] = layer<nn::Conv3d>(
      {2, 2, 3, 4, 3}, 2, 4, nn::Extent3d(2, 3, 2),
      nn::ConvOptions3d{.stride = {1, 2, 1}, .padding = {1, 1, 0}, .dilation = {2, 1, 1}, .groups = 2});
  all["conv_transpose1d"] = layer<nn::ConvTranspose1d>(
      {2, 2, 4}, 2, 4, 3, nn::ConvOptions1d{.stride = 2, .padding = 1, .output_padding = 1, .groups = 2});
  all["conv_transpose3d"] = layer<nn::ConvTranspose3d>(
      {2, 2, 2, 3, 2}, 2, 4, nn::Extent3d(2, 3, 2),
      nn::ConvOptions3d{.stride = {2, 1, 2}, .padding = {1, 1, 0}, .output_padding = {1, 0, 1}, .groups = 2});
  all["batch_norm1d"] = layer<nn::BatchNorm1d>({4, 3}, 3);
  all["batch_norm1d_line"] = layer<nn::BatchNorm1d>({2, 3, 4}, 3);
  all["batch_norm3d"] = layer<nn::BatchNorm3d>({2, 2, 2, 1, 3}, 2);
  all["instance_norm1d"] = layer<nn::InstanceNorm1d>({2, 3, 4}, 3);
  all["instance_norm2d"] = layer<nn::InstanceNorm2d>({2, 3, 2, 3}, 3, 1e-5, true);
  all["prelu"] = layer<nn::PReLU>({2, 3});
  all["prelu_channels"] = layer<nn::PReLU>({2, 3, 2}, 3);
  all["celu"] = layer<nn::CELU>({7}, 1.5);
  all["selu"] = layer<nn::SELU>({7});
  all["mish"] = layer<nn::Mish>({7});
  all["softsign"] = layer<nn::Softsign>({7});
  all["hardsigmoid"] = layer<nn::Hardsigmoid>({7});
  all["hardswish"] = layer<nn::Hardswish>({7});
  all["softmax"] = layer<nn::Softmax>({2, 4}, 1);
  all["log_softmax"] = layer<nn::LogSoftmax>({2, 4}, 1);
  all["weight_norm"] = layer<nn::WeightNorm<nn::Conv1d>>({2, 2, 4}, 2, 3, 2);
  all["spectral_norm"] = layer<nn::SpectralNorm<nn::Linear>>({2, 4}, 4, 3);
  all["spectral_norm_transposed"] = layer<nn::SpectralNorm<nn::ConvTranspose2d>>({1, 2, 2, 2}, 2, 3, 2);
  all["attention"] = layer<nn::MultiheadAttention>({3, 2, 4}, 4, 2);
  all["attention_masked"] = layer<nn::MultiheadAttention>({3, 2, 4}, 4, 2);
  all["attention_masked"].apply = [](nn::Module& module, const Tensor& x) {
    const Tensor padding = tensor({0, 0, 0, 0, 0, 1}, {2, 3}, i64);
    return dynamic_cast<nn::MultiheadAttention&>(module)(x, x, x, {nn::causal_mask(3), padding});
  };
  all["embedding"] = layer<nn::Embedding>({2, 3}, 5, 3, 1);
  all["embedding"].apply = [](nn::Module& module, const Tensor& x) {
    return module(tensor({0, 1, 4, 0}, {2, 2}, i64)) * x;
  };
  all["adaptive_avg_pool2d"] = layer<nn::AdaptiveAvgPool2d>({1, 2, 5, 5}, nn::Extent2d(3, 2));
  all["adaptive_max_pool2d"] = layer<nn::AdaptiveMaxPool2d>({1, 2, 5, 5}, nn::Extent2d(3, 2));
  all["max_pool1d"] = layer<nn::MaxPool1d>({1, 2, 8}, 3, 2, 1, 2, true);
  all["max_pool2d"] = layer<nn::MaxPool2d>({1, 2, 6, 5}, nn::Extent2d(3, 2), 2, nn::Extent2d(1, 0), 1, true);
  all["max_pool3d"] = layer<nn::MaxPool3d>({1, 2, 3, 3, 2}, 2, nn::Extent3d(1, 2, 1), nn::Extent3d(1, 0, 1), 1, true);
  all["avg_pool1d"] = layer<nn::AvgPool1d>({1, 2, 7}, 3, 2, 1, true);
  all["avg_pool2d"] = layer<nn::AvgPool2d>({1, 2, 6, 5}, nn::Extent2d(3, 2), 2, nn::Extent2d(1, 0), true);
  all["avg_pool2d_inside"] = layer<nn::AvgPool2d>({1, 2, 6, 5}, nn::Extent2d(3, 2), 2, 1, true, false);
  all["avg_pool3d"] = layer<nn::AvgPool3d>({1, 2, 2, 3, 2}, 2, 1, 1, false, false);
  all["upsample_nearest"] = upsample({1, 2, 3, 3}, {.size = {5, 7}});
  all["upsample_factors"] = upsample({1, 2, 3, 5}, {.factors = {1.7, 0.6}, .mode = linear});
  all["upsample_linear"] = upsample({1, 2, 3}, {.size = {7}, .mode = linear, .align_corners = true});
  all["upsample_bilinear"] = upsample({1, 2, 3, 4}, {.size = {5, 3}, .mode = linear});
  all["upsample_trilinear"] = upsample({1, 1, 3, 2, 2}, {.size = {2, 5, 3}, .mode = linear});
  all["upsample_bicubic"] = upsample({1, 2, 4, 5}, {.size = {7, 3}, .mode = cubic});
  all["upsample_bicubic_corners"] = upsample({1, 2, 3, 4}, {.factors = {2}, .mode = cubic, .align_corners = true});
  all["pixel_shuffle"] = layer<nn::PixelShuffle>({1, 8, 2, 3}, 2);
  all["pixel_unshuffle"] = layer<nn::PixelUnshuffle>({1, 2, 4, 2}, 2);
  all["grid_sample_zeros"] = sampled({});
  all["grid_sample_border"] = sampled({.outside = Outside::border, .align_corners = true});
  all["grid_sample_reflection"] = sampled({.outside = Outside::reflection});
  all["grid_sample_corners"] = sampled({.outside = Outside::reflection, .align_corners = true});
  all["grid_sample_nearest"] = sampled({.mode = Interpolation::nearest, .outside = Outside::border});
  return all;
}

}  // namespace

TEST_CASE("layers give PyTorch's values, first and second derivatives by inputs and parameters") {
  const auto file = reference("layers.safetensors");
  std::map<std::string, Tensor> wanted(file.tensors.begin(), file.tensors.end());
  std::size_t compared = 0;
  for (auto& entry : cases()) {
    const std::string& name = entry.first;
    Case& test = entry.second;
    INFO(name);
    fill(*test.module, f64, name + ".");
    for (auto& [slot_name, slot] : test.module->named_slots()) {
      if (slot->trainable() || (slot_name != "weight_u" && slot_name != "weight_v")) continue;
      const Tensor start = formula_tensor(name + "." + slot_name, slot->shape(), f64);
      slot->set(start / norm(start));
    }
    const Tensor x = formula_tensor(name + ".x", test.input, f64);
    const Tensor y = test.apply(*test.module, x);
    const Tensor v = formula_tensor(name + ".v", y.shape(), f64);
    std::vector<std::string> names{"x"};
    Tensors inputs{x};
    for (auto& [slot_name, slot] : test.module->named_parameters()) {
      names.push_back(slot_name);
      inputs.push_back(slot->value());
    }
    const Tensors first = grad(sum(square(y) * v), inputs, {}, Unused::zeros);
    Tensor squares = scalar(0, f64);
    for (const Tensor& gradient : first) squares = squares + sum(square(gradient));
    const Tensors second = grad(squares, inputs, {}, Unused::zeros);
    const auto compare = [&](const std::string& key, const Tensor& value) {
      const auto found = wanted.find(name + "." + key);
      if (found == wanted.end()) {
        CHECK(key.starts_with("second."));  // which PyTorch has not of some
        return;
      }
      INFO(key);
      // PyTorch multiplies by 1/6 in f32 in one derivative.
      CHECK(relative_difference(value, found->second) < (name == "hardsigmoid" && key == "d.x" ? 1e-7 : 1e-12));
      ++compared;
    };
    compare("y", y);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      compare("d." + names[i], first[i]);
      compare("second." + names[i], second[i]);
    }
  }
  CHECK(compared == wanted.size());
}

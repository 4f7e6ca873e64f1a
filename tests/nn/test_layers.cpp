// Layers: shapes, refusals, and the derivatives by inputs and parameters against finite differences.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/models/mlp.h"
#include "nn/models/resnet.h"
#include "nn/models/unet.h"
#include "nn/pool.h"
#include "tests/gradcheck.h"
#include "tests/nn/formula.h"

using namespace sg;
using namespace sg::tests;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Derivatives of the output by the input and by every parameter, along random directions, up to `order`.
void check_module(nn::Module& module, const Shape& input, int order, double tolerance = 1e-5) {
  std::mt19937_64 generator(11);
  fill(module, f64);
  const auto slots = module.parameters();
  Tensors inputs{test::uniform(generator, input, -1, 1)};
  for (nn::Slot* slot : slots) inputs.push_back(slot->value());
  test::check_derivatives(
      [&](const Tensors& at) {
        // The slots hold leaves, so the point enters by its difference from them: the same value, but differentiable.
        const auto put = [&](std::size_t i) { slots[i]->set(at[i + 1].detach()); };
        for (std::size_t i = 0; i < slots.size(); ++i) put(i);
        const Tensor y = module(at[0]);
        Tensors values;
        for (nn::Slot* slot : slots) values.push_back(slot->value());
        Tensor result = y;
        if (slots.empty()) return result;
        const Tensors differences = [&] {
          Tensors list;
          for (std::size_t i = 0; i < slots.size(); ++i) list.push_back(at[i + 1] - stop_gradient(at[i + 1]));
          return list;
        }();
        return result + jvp(y, values, differences, Unused::zeros);
      },
      inputs, order, generator, tolerance);
}

}  // namespace

TEST_CASE("layers' derivatives by inputs and parameters agree with finite differences") {
  nn::Linear linear(3, 2);
  check_module(linear, {4, 3}, 1);
  nn::Conv2d conv(2, 4, {3, 2}, {.stride = {2, 1}, .padding = 1, .groups = 2});
  check_module(conv, {2, 2, 5, 4}, 1);
  nn::ConvTranspose2d transposed(2, 3, 3, {.stride = 2, .padding = 1, .output_padding = 1});
  check_module(transposed, {2, 2, 3, 2}, 1);
  nn::BasicBlock block(2, 3, 2);
  check_module(block, {2, 2, 4, 4}, 1);
  nn::TransposedBlock up(3, 2, 2, {3, 1});
  check_module(up, {2, 3, 2, 2}, 1);
  nn::MLP mlp({2, 5, 5, 1}, "softplus");
  check_module(mlp, {4, 2}, 1);
}

TEST_CASE("attention's derivatives agree with finite differences") {
  nn::AttentionOptions small{.heads = 2, .head_channels = 3, .memory = 2};
  nn::FullAttention2d full(4, small);
  check_module(full, {1, 4, 2, 3}, 1);
  nn::LinearAttention2d linear(4, small);
  check_module(linear, {1, 4, 2, 3}, 1);
}

TEST_CASE("space to depth keeps every number, in the order channel, row, column") {
  const Tensor y = nn::SpaceToDepth(2)(reshape(linspace(0, 15, 16), {1, 1, 4, 4}));
  CHECK(y.shape() == Shape{1, 4, 2, 2});
  CHECK(y.to_vector<double>() == std::vector<double>{0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15});
  CHECK_THROWS_WITH(nn::SpaceToDepth(2)(zeros({1, 1, 3, 4})), ContainsSubstring("divisible by 2"));
}

TEST_CASE("shapes that layers make") {
  const auto shape_of = [](nn::Module& module, const Shape& input) {
    module.initialise(0);
    return module(zeros(input)).shape();
  };
  nn::Conv2d half(1, 2, 3, {.stride = 2, .padding = 1});
  CHECK(shape_of(half, {1, 1, 28, 28}) == Shape{1, 2, 14, 14});
  nn::ConvTranspose2d twice(2, 1, 3, {.stride = 2, .padding = 1, .output_padding = 1});
  CHECK(shape_of(twice, {1, 2, 14, 14}) == Shape{1, 1, 28, 28});
  nn::MaxPool2d pool(3, 2, 1);
  CHECK(shape_of(pool, {1, 2, 9, 8}) == Shape{1, 2, 5, 4});
  nn::AvgPool2d average(2);
  CHECK(shape_of(average, {1, 2, 8, 6}) == Shape{1, 2, 4, 3});
  nn::UpsampleNearest2d nearest(2);
  CHECK(shape_of(nearest, {1, 2, 3, 4}) == Shape{1, 2, 6, 8});
  nn::UpsampleBilinear2d bilinear(2);
  CHECK(shape_of(bilinear, {1, 2, 3, 4}) == Shape{1, 2, 6, 8});
  nn::Linear linear(3, 2);
  CHECK(shape_of(linear, {3}) == Shape{2});
  CHECK(shape_of(linear, {2, 4, 3}) == Shape{2, 4, 2});
  nn::FourierNet fourier(2, 1);
  CHECK(shape_of(fourier, {7, 2}) == Shape{7, 1});
  nn::Siren siren(1, 2, 8, nn::SirenInit::sitzmann, 30);
  CHECK(shape_of(siren, {7, 1}) == Shape{7, 2});
}

TEST_CASE("layers refuse what does not fit") {
  CHECK_THROWS_WITH(nn::Linear(3, 2)(zeros({4, 2})), ContainsSubstring("last extent has to be 3: [4, 2]"));
  CHECK_THROWS_WITH(nn::Unflatten({2, 3})(zeros({4, 5})), ContainsSubstring("needs [N, 6]: [4, 5]"));
  CHECK_THROWS_WITH(nn::Conv2d(3, 4, 3, {.groups = 2}), ContainsSubstring("2 groups do not divide 4 and 3"));
  CHECK_THROWS_WITH(nn::MLP({3}), ContainsSubstring("at least two sizes"));
  CHECK_THROWS_WITH(nn::MLP({3, 0}), ContainsSubstring("at least 1"));
  CHECK_THROWS_WITH(nn::MLP({3, 2, 1}, "swishy"), ContainsSubstring("swishy"));
  CHECK_THROWS_WITH(nn::UnetBlock(2, 2, 4).Module::forward(zeros({1})), ContainsSubstring("takes other arguments"));
}

TEST_CASE("a transposed convolution takes an output padding below the stride or the dilation, and stays the adjoint") {
  // Of the convolution's rows and columns, those that the input has.
  const auto head = [](Tensor y, const Shape& shape) {
    for (std::int64_t axis = 2; axis < static_cast<std::int64_t>(shape.size()); ++axis) {
      y = slice(y, axis, 0, shape[axis]);
    }
    return y;
  };
  const auto values = [](Shape shape, double rate) {
    return reshape(sin(cast(arange(element_count(shape)), f64) * rate), shape);
  };
  for (const std::int64_t padding : {0, 1, 3}) {
    const Conv2dOptions options{.stride = {1, 5}, .padding = {padding, 2}, .dilation = {4, 1}};
    const Tensor x = values({2, 3, 4, 3}, 1.3), weight = values({3, 2, 3, 4}, 0.7);
    const Tensor y = conv_transpose2d(x, weight, options, {3, 4});
    CHECK(y.shape() == Shape{2, 2, 3 - 2 * padding + 8 + 1 + 3, 10 - 4 + 3 + 1 + 4});
    const Tensor c = values(y.shape(), 0.9);
    CHECK(sum(y * c).item() == Approx(sum(x * head(conv2d(c, weight, options), x.shape())).item()).epsilon(1e-12));
    const Conv3dOptions deep{.stride = {1, 1, 2}, .padding = {padding, 0, 1}, .dilation = {4, 3, 1}};
    const Tensor x3 = values({1, 2, 4, 2, 3}, 1.1), weight3 = values({2, 1, 3, 2, 2}, 0.6);
    const Tensor y3 = conv_transpose3d(x3, weight3, deep, {3, 2, 1}), c3 = values(y3.shape(), 0.8);
    CHECK(sum(y3 * c3).item() == Approx(sum(x3 * head(conv3d(c3, weight3, deep), x3.shape())).item()).epsilon(1e-12));
  }
  CHECK_THROWS_WITH(conv_transpose2d(ones({1, 1, 2, 2}), ones({1, 1, 1, 1}), {.dilation = {3, 3}}, {3, 0}),
                    ContainsSubstring("output padding 3 must be smaller than stride 1 or dilation 3"));
  CHECK_THROWS_AS(conv_transpose3d(ones({1, 1, 2, 2, 2}), ones({1, 1, 1, 1, 1}), {}, {1, 0, 0}), Error);
}

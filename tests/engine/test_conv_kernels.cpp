// The convolutions against plain loops in f64, over strides, paddings, dilations, groups and sizes.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "engine/kernels/conv.h"
#include "engine/kernels/parallel.h"

namespace {

using namespace sg::kernels;

enum class Kind { forward, input_gradient, weight_gradient };

std::int64_t input_size(const ConvGeometry& g) { return g.batch * g.in_channels * g.in_height * g.in_width; }
std::int64_t weight_size(const ConvGeometry& g) {
  return g.out_channels * (g.in_channels / g.groups) * g.kernel_height * g.kernel_width;
}
std::int64_t output_size(const ConvGeometry& g) { return g.batch * g.out_channels * g.out_height * g.out_width; }

/// Calls visit(input index, weight index, output index) for every product of the convolution.
template <class Visit>
void for_each_product(const ConvGeometry& g, const Visit& visit) {
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (std::int64_t o = 0; o < g.out_channels; ++o) {
      for (std::int64_t c = 0; c < group_in; ++c) {
        for (std::int64_t ky = 0; ky < g.kernel_height; ++ky) {
          for (std::int64_t kx = 0; kx < g.kernel_width; ++kx) {
            for (std::int64_t y = 0; y < g.out_height; ++y) {
              for (std::int64_t x = 0; x < g.out_width; ++x) {
                const std::int64_t iy = y * g.stride[0] - g.padding[0] + ky * g.dilation[0];
                const std::int64_t ix = x * g.stride[1] - g.padding[1] + kx * g.dilation[1];
                if (iy < 0 || iy >= g.in_height || ix < 0 || ix >= g.in_width) continue;
                visit(((n * g.in_channels + o / group_out * group_in + c) * g.in_height + iy) * g.in_width + ix,
                      ((o * group_in + c) * g.kernel_height + ky) * g.kernel_width + kx,
                      ((n * g.out_channels + o) * g.out_height + y) * g.out_width + x);
              }
            }
          }
        }
      }
    }
  }
}

template <class T>
std::vector<T> random_values(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(normal(generator));
  return values;
}

template <class T>
std::vector<T> run(Kind kind, const ConvGeometry& g, const std::vector<T>& input, const std::vector<T>& weight,
                   const std::vector<T>& output) {
  // What a kernel leaves unwritten shows as NaN.
  const std::int64_t size = kind == Kind::forward          ? output_size(g)
                            : kind == Kind::input_gradient ? input_size(g)
                                                           : weight_size(g);
  std::vector<T> result(static_cast<std::size_t>(size), std::nan(""));
  if (kind == Kind::forward) conv2d(g, input.data(), weight.data(), result.data());
  if (kind == Kind::input_gradient) conv2d_input_gradient(g, output.data(), weight.data(), result.data());
  if (kind == Kind::weight_gradient) conv2d_weight_gradient(g, input.data(), output.data(), result.data());
  return result;
}

std::string describe(const ConvGeometry& g) {
  const auto pair = [](const std::int64_t* v) { return std::to_string(v[0]) + "x" + std::to_string(v[1]); };
  return "batch " + std::to_string(g.batch) + ", " + std::to_string(g.in_channels) + " -> " +
         std::to_string(g.out_channels) + ", " + std::to_string(g.in_height) + "x" + std::to_string(g.in_width) +
         " -> " + std::to_string(g.out_height) + "x" + std::to_string(g.out_width) + ", kernel " +
         std::to_string(g.kernel_height) + "x" + std::to_string(g.kernel_width) + ", stride " + pair(g.stride) +
         ", padding " + pair(g.padding) + ", dilation " + pair(g.dilation) + ", groups " + std::to_string(g.groups);
}

/// The largest error of each result in units of the sum of its products' magnitudes times the type's epsilon.
template <class T>
void check_against_loops(const ConvGeometry& g, double tolerance = 24) {
  INFO(describe(g));
  const auto input = random_values<T>(input_size(g), 1), weight = random_values<T>(weight_size(g), 2);
  const auto output = random_values<T>(output_size(g), 3);
  for (const Kind kind : {Kind::forward, Kind::input_gradient, Kind::weight_gradient}) {
    INFO("kind " << static_cast<int>(kind));
    const std::vector<T> result = run(kind, g, input, weight, output);
    std::vector<double> expected(result.size(), 0), magnitude(result.size(), 0);
    for_each_product(g, [&](std::int64_t i, std::int64_t w, std::int64_t o) {
      const std::int64_t to = kind == Kind::forward ? o : kind == Kind::input_gradient ? i : w;
      const double product = kind == Kind::forward          ? double(input[i]) * double(weight[w])
                             : kind == Kind::input_gradient ? double(output[o]) * double(weight[w])
                                                            : double(input[i]) * double(output[o]);
      expected[to] += product;
      magnitude[to] += std::abs(product);
    });
    double worst = 0;
    std::size_t where = 0;
    for (std::size_t i = 0; i < result.size(); ++i) {
      const double error =
          std::abs(result[i] - expected[i]) / (magnitude[i] * std::numeric_limits<T>::epsilon() + 1e-300);
      const double seen = result[i] == expected[i] ? 0 : std::isnan(error) ? 1e300 : error;
      if (seen > worst) worst = seen, where = i;
    }
    INFO("element " << where << ": " << (where < result.size() ? result[where] : T(0)) << " instead of "
                    << (where < result.size() ? expected[where] : 0));
    CHECK(worst < tolerance);
  }
}

ConvGeometry square(std::int64_t batch, std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t kernel,
                    std::int64_t stride, std::int64_t padding, std::int64_t dilation = 1, std::int64_t groups = 1,
                    std::int64_t unread = 0) {
  // `unread` input rows and columns beyond the last that an output reads: a transposed convolution's output padding.
  ConvGeometry g{
      batch, in, side, side, out, kernel, kernel, 0, 0, {stride, stride}, {padding, padding}, {dilation, dilation},
      groups};
  g.out_height = g.out_width =
      std::max<std::int64_t>(0, (side - unread + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1);
  return g;
}

TEST_CASE("convolutions agree with plain loops over strides, paddings, dilations and groups", "[conv]") {
  for (const std::int64_t side : {1, 5, 8, 13}) {
    for (const std::int64_t kernel : {1, 2, 3, 5}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        for (const std::int64_t padding : {0, 1, 2, 5}) {
          for (const std::int64_t dilation : {1, 2}) {
            if (side + 2 * padding < dilation * (kernel - 1) + 1) continue;
            check_against_loops<float>(square(2, 3, 5, side, kernel, stride, padding, dilation));
            check_against_loops<double>(square(1, 4, 6, side, kernel, stride, padding, dilation, 2));
          }
        }
      }
    }
  }
}

TEST_CASE("convolutions agree with plain loops for every small number of channels", "[conv]") {
  for (std::int64_t in = 1; in <= 9; ++in) {
    for (std::int64_t out = 1; out <= 17; ++out) {
      check_against_loops<float>(square(3, in, out, 7, 3, 1, 1));
      check_against_loops<double>(square(2, in, out, 6, 3, 2, 1, 1, 1, 1));
    }
  }
}

TEST_CASE("convolutions of fewer outputs than inputs agree with plain loops", "[conv]") {
  for (const std::int64_t kernel : {1, 2, 3}) {
    for (const std::int64_t padding : {0, 1, 2, 5}) {
      for (const std::int64_t dilation : {1, 3}) {
        check_against_loops<float>(square(3, 12, 1, 8, kernel, 1, padding, dilation));
        check_against_loops<float>(square(2, 18, 6, 9, kernel, 1, padding, dilation, 3));
        check_against_loops<double>(square(2, 10, 4, 7, kernel, 1, padding, dilation, 2));
      }
    }
  }
  check_against_loops<float>({2, 20, 9, 31, 2, 3, 5, 10, 23, {1, 1}, {2, 0}, {1, 2}, 1});
  check_against_loops<float>({2, 20, 9, 31, 2, 5, 3, 9, 31, {1, 1}, {2, 1}, {1, 1}, 1});
  // Results of the image's size: few of many channels, and taps that are further apart than the image is wide.
  check_against_loops<float>(square(3, 12, 3, 7, 3, 1, 3, 3));
  check_against_loops<float>(square(3, 2, 12, 9, 3, 1, 1));
  check_against_loops<float>(square(2, 20, 4, 9, 3, 1, 1, 1, 2));
  check_against_loops<float>(square(2, 150, 1, 9, 3, 1, 1));
  check_against_loops<float>(square(2, 9, 2, 4, 3, 1, 5, 5));
  check_against_loops<double>(square(2, 12, 3, 5, 5, 1, 2));
  // Fewer pixels than the outputs would read, and more.
  check_against_loops<float>({2, 12, 6, 6, 3, 3, 3, 9, 9, {1, 1}, {1, 1}, {1, 1}, 1});
  check_against_loops<float>({2, 12, 20, 20, 3, 3, 3, 4, 5, {1, 1}, {1, 1}, {1, 1}, 1});
}

TEST_CASE("convolutions whose planes are whole vectors agree with plain loops", "[conv]") {
  for (const std::int64_t side : {4, 16, 28, 48, 64}) {
    check_against_loops<float>(square(5, 1, 9, side, 3, 1, 1));
    check_against_loops<float>(square(5, 9, 1, side, 3, 1, 1));
    check_against_loops<float>(square(5, 20, 12, side, 1, 1, 0));
    check_against_loops<double>(square(3, 6, 9, side, 3, 2, 1, 1, 3));
  }
}

TEST_CASE("convolutions agree with plain loops on sizes that are cut into blocks", "[conv]") {
  check_against_loops<float>(square(9, 40, 33, 14, 3, 1, 1));
  check_against_loops<float>(square(1, 70, 9, 40, 3, 1, 1));
  check_against_loops<float>(square(3, 65, 70, 9, 3, 2, 1));
  check_against_loops<float>(square(2, 3, 20, 61, 7, 2, 3));
  check_against_loops<float>(square(17, 96, 100, 2, 3, 1, 1));
  check_against_loops<float>(square(3, 300, 20, 5, 1, 1, 0));
  check_against_loops<float>(square(4, 24, 24, 11, 3, 1, 1, 1, 24));
  check_against_loops<float>(square(5, 32, 1, 28, 3, 1, 1));
  check_against_loops<float>(square(1, 1, 1, 120, 5, 1, 2));
  check_against_loops<double>(square(9, 40, 33, 14, 3, 1, 1));
  check_against_loops<double>(square(3, 65, 70, 9, 3, 2, 1));
  check_against_loops<double>(square(17, 96, 100, 2, 3, 1, 1));
}

TEST_CASE("3 x 3 convolutions of many channels agree with plain loops over paddings, odd sides and blocks", "[conv]") {
  for (const std::int64_t side : {1, 2, 3, 4, 7, 12}) {
    for (const std::int64_t padding : {0, 1, 2, 3}) {
      if (side + 2 * padding < 3) continue;
      check_against_loops<float>(square(3, 17, 35, side, 3, 1, padding));
      check_against_loops<double>(square(2, 33, 18, side, 3, 1, padding));
    }
  }
  check_against_loops<float>({2, 20, 5, 37, 24, 3, 3, 5, 39, {1, 1}, {1, 2}, {1, 1}, 1});
  check_against_loops<float>({2, 20, 33, 6, 24, 3, 3, 31, 6, {1, 1}, {0, 1}, {1, 1}, 1});
  check_against_loops<float>(square(1, 16, 16, 80, 3, 1, 1));
  check_against_loops<float>(square(60, 16, 32, 6, 3, 1, 1));
  check_against_loops<float>(square(2, 300, 130, 4, 3, 1, 1));
  for (const std::int64_t side : {15, 16, 28, 29, 30}) {
    for (const std::int64_t padding : {0, 1, 2}) {
      check_against_loops<float>(square(2, 17, 35, side, 3, 2, padding));
      check_against_loops<double>(square(1, 33, 18, side, 3, 2, padding));
    }
  }
  // Enough channels to pay for the transforms of stride 2.
  for (const std::int64_t side : {28, 29, 30}) {
    for (const std::int64_t padding : {0, 1, 2}) check_against_loops<float>(square(1, 65, 70, side, 3, 2, padding));
  }
  check_against_loops<double>(square(1, 66, 65, 28, 3, 2, 1));
  check_against_loops<float>({1, 66, 36, 24, 65, 3, 3, 18, 13, {2, 2}, {1, 2}, {1, 1}, 1});
  check_against_loops<float>({1, 66, 36, 24, 65, 3, 3, 19, 12, {2, 2}, {2, 0}, {1, 1}, 1});
  check_against_loops<float>(square(2, 16, 16, 60, 3, 2, 1, 1, 1, 1));
  check_against_loops<float>(square(40, 20, 33, 16, 3, 2, 1));
  check_against_loops<float>({2, 20, 16, 36, 24, 3, 3, 8, 19, {2, 2}, {1, 2}, {1, 1}, 1});
  check_against_loops<float>({2, 20, 16, 36, 24, 3, 3, 9, 18, {2, 2}, {2, 0}, {1, 1}, 1});
}

TEST_CASE("3 x 3 convolutions of few channels and wide images agree with plain loops", "[conv]") {
  for (const std::int64_t width : {30, 32, 61, 64}) {
    for (const std::int64_t padding : {0, 1, 2}) {
      const std::int64_t out = width + 2 * padding - 2;
      check_against_loops<float>(
          {2, 16, 11, width, 19, 3, 3, 9 + 2 * padding, out, {1, 1}, {padding, padding}, {1, 1}, 1});
      check_against_loops<double>(
          {1, 17, 8, width, 16, 3, 3, 6 + 2 * padding, out, {1, 1}, {padding, padding}, {1, 1}, 1});
    }
  }
  check_against_loops<float>(square(2, 16, 16, 64, 3, 1, 1));
  check_against_loops<float>(square(3, 48, 33, 32, 3, 1, 1));
  check_against_loops<float>({2, 16, 3, 64, 16, 3, 3, 5, 64, {1, 1}, {2, 1}, {1, 1}, 1});
}

TEST_CASE("3 x 3 convolutions of 2 x 2 pixels agree with plain loops", "[conv]") {
  for (const std::int64_t batch : {1, 16, 24, 32, 150, 260}) {
    check_against_loops<float>(square(batch, 64, 97, 2, 3, 1, 1));
    check_against_loops<double>(square(batch, 130, 64, 2, 3, 1, 1));
  }
}

/// The rms error over that of plain sums in f32, for inputs of either sign or for positive ones, which are the harder
/// ones where transforms take their mean away.
double error_by_plain_sums(Kind kind, const ConvGeometry& g, bool positive) {
  auto input = random_values<float>(input_size(g), 1);
  if (positive) {
    for (float& value : input) value = std::max(value, 0.0F);
  }
  const auto weight = random_values<float>(weight_size(g), 2), output = random_values<float>(output_size(g), 3);
  const std::vector<float> result = run(kind, g, input, weight, output);
  std::vector<float> plain(result.size(), 0);
  std::vector<double> expected(result.size(), 0);
  for_each_product(g, [&](std::int64_t i, std::int64_t w, std::int64_t o) {
    const std::int64_t to = kind == Kind::forward ? o : kind == Kind::input_gradient ? i : w;
    const float a = kind == Kind::input_gradient ? output[o] : input[i];
    const float b = kind == Kind::weight_gradient ? output[o] : weight[w];
    expected[to] += double(a) * double(b);
    plain[to] += a * b;
  });
  double square_error = 0, plain_square_error = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    square_error += std::pow(result[i] - expected[i], 2);
    plain_square_error += std::pow(plain[i] - expected[i], 2);
  }
  return std::sqrt(square_error / plain_square_error);
}

TEST_CASE("the rms error of 3 x 3 convolutions is no larger than that of plain sums in f32", "[conv]") {
  // The last ones in wide tiles.
  const ConvGeometry g =
      GENERATE(square(4, 32, 32, 16, 3, 1, 1), square(1, 16, 16, 64, 3, 1, 1), square(2, 64, 64, 16, 3, 1, 1),
               square(10, 64, 64, 16, 3, 1, 1), square(3, 128, 33, 22, 3, 1, 1));
  const bool positive = GENERATE(false, true);
  for (const Kind kind : {Kind::forward, Kind::input_gradient, Kind::weight_gradient}) {
    INFO("kind " << static_cast<int>(kind) << ", " << g.in_channels << " channels, positive " << positive);

    CHECK(error_by_plain_sums(kind, g, positive) <= 1);
  }
}

TEST_CASE("the rms error of convolutions of many channels is well below that of plain sums in f32", "[conv]") {
  // Taps in groups, channels in pieces, images of 2 x 2 pixels, an even kernel, and the transforms of stride 2. Sums of
  // n terms in pieces of 144 round sqrt((144 + n / 144) / n) times as much as plain ones: 0.54 for the shortest of
  // these.
  const ConvGeometry g =
      GENERATE(square(2, 96, 96, 7, 5, 1, 2), square(2, 320, 320, 4, 3, 2, 1), square(16, 256, 256, 2, 3, 1, 1),
               square(2, 128, 128, 8, 4, 2, 1), square(2, 256, 256, 12, 3, 2, 1));
  for (const Kind kind : {Kind::forward, Kind::input_gradient}) {
    INFO("kind " << static_cast<int>(kind) << ", " << g.in_channels << " channels");

    CHECK(error_by_plain_sums(kind, g, false) <= 0.6);
  }
}

TEST_CASE("convolutions whose axes differ agree with plain loops", "[conv]") {
  check_against_loops<float>({2, 3, 9, 14, 4, 2, 5, 10, 6, {1, 3}, {1, 2}, {2, 1}, 1});
  check_against_loops<float>({2, 3, 20, 3, 4, 7, 1, 5, 3, {3, 1}, {0, 0}, {1, 4}, 1});
  check_against_loops<double>({1, 2, 1, 200, 3, 1, 9, 1, 200, {1, 1}, {0, 4}, {1, 1}, 1});
  check_against_loops<double>({1, 2, 200, 1, 3, 9, 1, 67, 1, {3, 1}, {4, 0}, {1, 1}, 1});
  // An input that is larger than what the outputs read, and one that ends before the last output.
  check_against_loops<float>({2, 3, 30, 30, 4, 3, 3, 4, 5, {2, 2}, {1, 1}, {1, 1}, 1});
  check_against_loops<float>({2, 3, 4, 4, 4, 3, 3, 9, 9, {1, 1}, {1, 1}, {1, 1}, 1});
}

TEST_CASE("a stride larger than the kernel leaves inputs without a gradient", "[conv]") {
  check_against_loops<float>(square(2, 3, 4, 17, 1, 4, 0));
  check_against_loops<double>(square(2, 3, 4, 17, 2, 5, 1));
  check_against_loops<float>(square(2, 200, 200, 17, 2, 5, 1));
}

TEST_CASE("empty convolutions give zeros or nothing", "[conv]") {
  check_against_loops<float>(square(0, 3, 4, 8, 3, 1, 1));
  check_against_loops<float>(square(2, 0, 4, 8, 3, 1, 1));
  check_against_loops<float>(square(2, 3, 0, 8, 3, 1, 1));
  check_against_loops<float>({2, 3, 2, 2, 4, 3, 3, 0, 0, {1, 1}, {0, 0}, {1, 1}, 1});
}

const std::vector<ConvGeometry> kShapes = {
    square(13, 16, 24, 14, 3, 1, 1), square(6, 24, 40, 13, 3, 2, 1),  square(16, 128, 128, 2, 3, 1, 1),
    square(2, 3, 16, 50, 7, 2, 3),   square(5, 40, 9, 17, 1, 1, 0),   square(3, 16, 16, 20, 3, 1, 1, 1, 16),
    square(6, 20, 33, 21, 3, 1, 2),  square(6, 20, 33, 28, 3, 2, 1),  square(9, 32, 1, 28, 3, 1, 1),
    square(9, 1, 32, 28, 3, 1, 1),   square(7, 64, 72, 28, 3, 2, 1),  square(3, 16, 24, 64, 3, 1, 1),
    square(1, 33, 16, 128, 3, 1, 1), square(20, 64, 40, 20, 3, 1, 1), square(32, 64, 80, 2, 3, 1, 1)};

TEST_CASE("convolutions give the same bits on any number of threads", "[conv]") {
  const int before = threads();
  for (const ConvGeometry& g : kShapes) {
    INFO(describe(g));
    const auto input = random_values<float>(input_size(g), 1), weight = random_values<float>(weight_size(g), 2);
    const auto output = random_values<float>(output_size(g), 3);
    for (const Kind kind : {Kind::forward, Kind::input_gradient, Kind::weight_gradient}) {
      set_threads(1);
      const std::vector<float> expected = run(kind, g, input, weight, output);
      for (const int count : {2, 3, 7}) {
        set_threads(count);
        CHECK(run(kind, g, input, weight, output) == expected);
      }
    }
  }
  set_threads(before);
}

TEST_CASE("the three convolutions are adjoint to each other", "[conv]") {
  const auto inner = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  for (const ConvGeometry& g : kShapes) {
    INFO(describe(g));
    const auto input = random_values<double>(input_size(g), 1), weight = random_values<double>(weight_size(g), 2);
    const auto output = random_values<double>(output_size(g), 3);
    const double expected = inner(run(Kind::forward, g, input, weight, output), output);
    CHECK(std::abs(inner(run(Kind::input_gradient, g, input, weight, output), input) - expected) <
          1e-9 * std::abs(expected) + 1e-9);
    CHECK(std::abs(inner(run(Kind::weight_gradient, g, input, weight, output), weight) - expected) <
          1e-9 * std::abs(expected) + 1e-9);
  }
}

}  // namespace

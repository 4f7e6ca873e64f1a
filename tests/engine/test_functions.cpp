// Functions as objects, and random numbers and Fourier transforms in graphs: what their rows do not say.
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <regex>

#include "engine/functions.h"
#include "engine/plan.h"
#include "engine/transforms.h"
#include "tests/gradcheck.h"
#include "tests/paths.h"

using namespace sg;

namespace {
std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
}  // namespace

TEST_CASE("every function of ops.h and linalg.h is an object in functions.h") {
  const std::string objects = text_of(test::source_folder() / "engine" / "functions.h");
  int count = 0;
  for (const char* header : {"ops.h", "linalg.h"}) {
    const std::string text = text_of(test::source_folder() / "engine" / header);
    const std::regex declaration(R"(\n(?:Tensor|Tensors|Sorted|std::pair<Tensor, Tensor>) (\w+)\()");
    for (std::sregex_iterator at(text.begin(), text.end(), declaration), end; at != end; ++at) {
      const std::string name = (*at)[1];
      if (name == "operator") continue;
      INFO(name);
      CHECK(objects.find("inline constexpr auto " + name + " =") != std::string::npos);
      ++count;
    }
  }
  CHECK(count > 200);
}

TEST_CASE("functions whose names the C library has are called and passed on") {
  const Tensor x = tensor({1, 2}, {2}, f64), y = tensor({2, 4}, {2}, f64);
  CHECK(div(x, y).to_vector<double>() == std::vector<double>{0.5, 0.5});
  const std::function<Tensor(const Tensor&, const Tensor&)> quotient = functions::div;
  CHECK(quotient(x, y).to_vector<double>() == std::vector<double>{0.5, 0.5});
  const std::function<Tensor(const Tensor&)> leaky = functions::leaky_relu;  // with its default
  CHECK(leaky(-x).to_vector<double>() == std::vector<double>{-0.01, -0.02});
  CHECK(vmap(functions::exp)(x).to_vector<double>() == exp(x).to_vector<double>());
  CHECK(vmap(functions::remainder)(y, x).to_vector<double>() == std::vector<double>{0, 0});
  CHECK(functions::sum(x, 0).item() == 3);
}

TEST_CASE("the same graph with another key draws other numbers by the same plan") {
  const auto draw = [](std::uint64_t stream) {
    const Tensor key = random_key(3, stream);
    const Tensor y = normal(key, {100}, f64) + uniform(key, {100}, f64) * bernoulli(key, {100}, 0.5, f64);
    return y.to_vector<double>();
  };
  const auto first = draw(0), second = draw(1);
  CHECK(last_evaluation().reused_plan);
  CHECK(first != second);
  CHECK(draw(0) == first);
}

TEST_CASE("keys are mapped: each draws its own stream") {
  const Tensor keys = stack({random_key(1, 5), random_key(2, 6)});
  const auto mapped = vmap([](const Tensor& key) { return normal(key, {3}, f64); })(keys);
  CHECK(mapped.shape() == Shape{2, 3});
  CHECK(test::difference(slice(mapped, 0, 1, 2), unsqueeze(normal(random_key(2, 6), {3}, f64), 0)) == 0);
  CHECK(test::difference(normal(keys, {3}, f64), mapped) == 0);
}

TEST_CASE("a Fourier transform keeps energy, inverts, and turns shifts into phases, at any length and axis") {
  std::mt19937_64 generator(4);
  for (const std::int64_t n : {1, 2, 7, 16, 97, 360}) {
    INFO(n);
    const Tensor z = test::uniform(generator, {3, n, 70, 2}, -1, 1);
    const Tensor f = fft(z, 1);
    CHECK(test::difference(ifft(f, 1), z) < 1e-14);
    CHECK(std::abs(sum(square(f)).item() / static_cast<double>(n) - sum(square(z)).item()) < 1e-9);
    const Tensor x = test::uniform(generator, {2, n}, -1, 1);
    const Tensor half = rfft(x);
    CHECK(test::difference(irfft(half, n), x) < 1e-14);
    const Tensor whole = fft(stack({x, x * 0}, -1));
    CHECK(test::difference(half, slice(whole, 1, 0, n / 2 + 1)) < 1e-13 * static_cast<double>(n));
    const Tensor power = sum(square(half), -1), shifted = sum(square(rfft(roll(x, 1, 1))), -1);
    CHECK(test::difference(power, shifted) < 1e-12);
    CHECK(test::difference(cast(rfft(cast(x, f32)), f64), half) < 1e-6);
  }
}

TEST_CASE("Fourier transforms are mapped, as lines of one more axis") {
  std::mt19937_64 generator(5);
  const Tensor x = test::uniform(generator, {4, 3, 6}, -1, 1);
  const auto twice = [](const Tensor& line) { return irfft(rfft(line, 1) * 2, 6, 1); };
  CHECK(test::difference(vmap(twice)(x), x * 2) < 1e-14);
  const auto spectrum = [](const Tensor& line) { return fft(rfft(line), 0); };
  CHECK(test::difference(vmap(spectrum)(x), fft(rfft(x), 1)) < 1e-13);
}

TEST_CASE("integers are multiplied as matrices, exactly and modulo 2^64, batched and transposed") {
  const std::int64_t big = (std::int64_t{1} << 53) + 1;
  const Tensor a = tensor(std::vector<std::int64_t>{big, 2, 3, 4, 5, 6}, {2, 3}), b = transpose(a);
  const auto product = matmul(a, b).to_vector<std::int64_t>();
  const auto square_of_big =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(big) * static_cast<std::uint64_t>(big));
  CHECK(product == std::vector<std::int64_t>{square_of_big + 13, 4 * big + 28, 4 * big + 28, 77});
  const Tensor batch = reshape(arange(24), {2, 3, 4});
  CHECK(cast(matmul(batch, transpose(batch)), f64).to_vector<double>() ==
        matmul(cast(batch, f64), cast(transpose(batch), f64)).to_vector<double>());
  CHECK(matmul(arange(3), arange(3)).to_vector<std::int64_t>() == std::vector<std::int64_t>{5});
  CHECK(max_pool2d(reshape(arange(16), {1, 1, 4, 4})).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{5, 7, 13, 15});
  CHECK(pow(3, arange(4)).to_vector<std::int64_t>() == std::vector<std::int64_t>{1, 3, 9, 27});
}

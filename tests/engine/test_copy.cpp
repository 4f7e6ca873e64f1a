// Strided copies against index arithmetic, for transposes, slices, broadcasts and reversals of every element size.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "engine/kernels/copy.h"
#include "engine/kernels/parallel.h"

using namespace sg::kernels;

namespace {

using Extents = std::vector<std::int64_t>;

struct View {
  Extents shape, strides;
  std::int64_t offset = 0;  // of the first element in its buffer
  std::int64_t buffer = 1;  // elements of the buffer
  std::int64_t total = 1;

  /// Calls function(position in the contiguous tensor, position in the buffer).
  template <class Function>
  void for_each(const Function& function) const {
    for (std::int64_t flat = 0; flat < total; ++flat) {
      std::int64_t rest = flat, at = offset;
      for (std::size_t d = shape.size(); d-- > 0;) {
        at += rest % shape[d] * strides[d];
        rest /= shape[d];
      }
      function(flat, at);
    }
  }
};

View random_view(std::mt19937& random, bool broadcasts) {
  static const std::int64_t extents[] = {1, 2, 3, 5, 8, 15, 16, 17, 32, 63, 64, 65, 100, 150, 300};
  View view;
  do {
    view = {};
    view.shape.resize(random() % 5);
    for (auto& extent : view.shape) extent = extents[random() % 15];
    if (random() % 40 == 0 && !view.shape.empty()) view.shape[random() % view.shape.size()] = 0;
    for (const std::int64_t extent : view.shape) view.total *= extent;
  } while (view.total > 100000);
  std::vector<std::size_t> order(view.shape.size());
  for (std::size_t d = 0; d < order.size(); ++d) order[d] = d;
  if (random() % 3 != 0) std::shuffle(order.begin(), order.end(), random);
  view.strides.resize(view.shape.size());
  for (std::size_t k = order.size(); k-- > 0;) {
    const std::size_t d = order[k];
    if (broadcasts && random() % 6 == 0) continue;
    view.strides[d] = view.buffer;
    view.buffer *= std::max<std::int64_t>(view.shape[d], 1);
    if (random() % 6 == 0) view.buffer += 3;        // a slice
    if (random() % 8 == 0) view.buffer *= 2;        // every other one
    if (random() % 10 == 0 && view.shape[d] > 0) {  // reversed
      view.offset += (view.shape[d] - 1) * view.strides[d];
      view.strides[d] = -view.strides[d];
    }
  }
  return view;
}

}  // namespace

TEST_CASE("copies: gathering and scattering views agree with index arithmetic") {
  std::mt19937 random(4);
  for (int round = 0; round < 600; ++round) {
    const int size = 1 << (round % 5);
    const View view = random_view(random, false), broadcast = random_view(random, true);
    for (const View* which : {&view, &broadcast}) {
      std::vector<unsigned char> memory(which->buffer * size), got(which->total * size + 32, 0xab), expected = got;
      for (auto& byte : memory) byte = static_cast<unsigned char>(random());
      which->for_each(
          [&](std::int64_t dense, std::int64_t at) { std::memcpy(&expected[dense * size], &memory[at * size], size); });
      copy_strided(got.data(), memory.data() + which->offset * size, which->shape, which->strides, size);
      REQUIRE(got == expected);
    }
    std::vector<unsigned char> source(view.total * size), got(view.buffer * size + 32, 0xab), expected = got;
    for (auto& byte : source) byte = static_cast<unsigned char>(random());
    view.for_each(
        [&](std::int64_t dense, std::int64_t at) { std::memcpy(&expected[at * size], &source[dense * size], size); });
    scatter_strided(got.data() + view.offset * size, source.data(), view.shape, view.strides, size);
    REQUIRE(got == expected);
  }
}

TEST_CASE("copies: an enlarged picture repeats each element and each row") {
  const std::int64_t planes = 3, height = 40, width = 50;
  std::vector<float> picture(planes * height * width);
  for (std::size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<float>(i);
  for (const std::int64_t factor : {2, 3, 4, 16, 17}) {
    std::vector<float> got(picture.size() * factor * factor, -1);
    copy_strided(got.data(), picture.data(), Extents{planes, height, factor, width, factor},
                 Extents{height * width, width, 0, 1, 0}, 4);
    bool right = true;
    for (std::int64_t row = 0; row < planes * height * factor; ++row) {
      for (std::int64_t column = 0; column < width * factor; ++column) {
        right &= got[row * width * factor + column] == picture[row / factor * width + column / factor];
      }
    }
    CHECK(right);
  }
}

TEST_CASE("copies: a transpose of a transpose is the tensor, on any number of threads") {
  const int before = threads();
  const std::int64_t rows = 517, columns = 1030;
  std::vector<float> original(rows * columns), turned(rows * columns), back(rows * columns);
  for (std::size_t i = 0; i < original.size(); ++i) original[i] = static_cast<float>(i);
  for (const int count : {1, 3}) {
    set_threads(count);
    copy_strided(turned.data(), original.data(), Extents{columns, rows}, Extents{1, columns}, 4);
    copy_strided(back.data(), turned.data(), Extents{rows, columns}, Extents{1, rows}, 4);
    CHECK(back == original);
    std::fill(back.begin(), back.end(), 0.0f);
    scatter_strided(back.data(), turned.data(), Extents{columns, rows}, Extents{1, columns}, 4);
    CHECK(back == original);
  }
  set_threads(before);
}

TEST_CASE("copies: filling sets every element and no other") {
  for (const std::int64_t count : {0, 1, 15, 16, 17, 1000, 100000}) {
    std::vector<double> values(count + 2, -1.0);
    const double value = 2.5;
    fill(values.data() + 1, &value, count, 8);
    bool right = values.front() == -1.0 && values.back() == -1.0;
    for (std::int64_t i = 1; i <= count; ++i) right = right && values[i] == value;
    CHECK(right);
  }
}

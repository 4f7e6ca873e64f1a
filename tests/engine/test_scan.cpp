// Running sums and orders of elements, against plain loops.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/random.h"

using namespace sg;

namespace {

/// `count` values of which many are equal, and some are what floating point has beside numbers.
template <class T>
std::vector<T> values_with_ties(std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  Philox generator(7);
  for (T& value : values) {
    const std::int64_t kind = generator.below(20);
    value = static_cast<T>(generator.below(2 * count + 1) - count);
    if constexpr (std::is_floating_point_v<T>) {
      constexpr T infinity = std::numeric_limits<T>::infinity();
      const std::vector<T> special{
          -T(0), T(0), infinity, -infinity, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::denorm_min()};
      if (kind < std::ssize(special)) value = special[static_cast<std::size_t>(kind)];
    } else if (kind == 0) {
      value = generator.below(2) == 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
    }
  }
  return values;
}

/// The stable order of a line: NaN is the largest.
template <class T>
std::vector<std::int64_t> order_of(const std::vector<T>& line, bool descending) {
  std::vector<std::int64_t> order(line.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
    const T a = line[static_cast<std::size_t>(i)], b = line[static_cast<std::size_t>(j)];
    if (a != a || b != b) return descending ? a != a && b == b : a == a && b != b;
    return descending ? a > b : a < b;
  });
  return order;
}

template <class T>
void check_orders(Dtype dtype) {
  for (const std::int64_t length : {1, 2, 100, 128, 129, 1000}) {
    const std::vector<T> values = values_with_ties<T>(3 * length);
    const Tensor rows = tensor(std::span<const T>(values), {3, length}, dtype);
    for (const bool descending : {false, true}) {
      CAPTURE(length, descending, dtype);
      std::vector<std::vector<std::int64_t>> expected;
      for (std::int64_t row = 0; row < 3; ++row) {
        expected.push_back(
            order_of(std::vector<T>(values.begin() + row * length, values.begin() + (row + 1) * length), descending));
      }
      for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, (length + 1) / 2, length}) {
        std::vector<std::int64_t> first;
        for (const auto& order : expected) first.insert(first.end(), order.begin(), order.begin() + count);
        CHECK(topk(rows, count, 1, descending).index.to_vector<std::int64_t>() == first);
        CHECK(transpose(topk(transpose(rows), count, 0, descending).index).to_vector<std::int64_t>() == first);
      }
      std::vector<std::int64_t> all;
      for (const auto& order : expected) all.insert(all.end(), order.begin(), order.end());
      CHECK(argsort(rows, 1, descending).to_vector<std::int64_t>() == all);
    }
  }
}

}  // namespace

TEST_CASE("orders of elements are stable, and NaN counts as the largest", "[scan]") {
  check_orders<float>(f32);
  check_orders<double>(f64);
  check_orders<std::int64_t>(i64);
}

TEST_CASE("running sums along any axis are those of a plain loop", "[scan]") {
  for (const Shape& shape : {Shape{7, 1}, Shape{5, 3}, Shape{4, 64}, Shape{3, 200}, Shape{2, 4, 65}, Shape{0, 3}}) {
    const Tensor x = random_uniform(shape, -1, 1, 3, 0, f64);
    for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(shape.size()); ++axis) {
      CAPTURE(shape, axis);
      const std::int64_t length = shape[static_cast<std::size_t>(axis)];
      std::vector<Tensor> sums, sums_from_the_end;
      for (std::int64_t k = 0; k < length; ++k) {
        sums.push_back(sum(slice(x, axis, 0, k + 1), {axis}, true));
        sums_from_the_end.push_back(sum(slice(x, axis, k, length), {axis}, true));
      }
      if (x.size() == 0) {
        CHECK(cumsum(x, axis).shape() == shape);
        continue;
      }
      CHECK(max(abs(cumsum(x, axis) - concat(sums, axis))).item() < 1e-14);
      Tensor start = x;
      const Tensor y = cumsum(start, axis);
      CHECK(max(abs(grad(sum(y * x), start) - concat(sums_from_the_end, axis) - y)).item() < 1e-13);
    }
  }
}

// Mixed partials against closed forms, for every multi-index.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <map>

#include "engine/autodiff.h"
#include "engine/error.h"
#include "losses/partials.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor column(const Tensor& x, std::int64_t i) { return slice(x, 1, i, i + 1); }

}  // namespace

TEST_CASE("partials: multi-indices are all there, each once", "[losses]") {
  CHECK(losses::multi_indices(2, 2) == std::vector<losses::MultiIndex>{{2, 0}, {1, 1}, {0, 2}});
  CHECK(losses::multi_indices(3, 0) == std::vector<losses::MultiIndex>{{0, 0, 0}});
  for (int d = 1; d <= 5; ++d) {
    for (int order = 0; order <= 5; ++order) {
      std::map<losses::MultiIndex, int> seen;
      for (const auto& index : losses::multi_indices(d, order)) ++seen[index];
      double count = 1;
      for (int k = 1; k < d; ++k) count *= static_cast<double>(order + k) / k;
      CHECK(seen.size() == static_cast<std::size_t>(std::llround(count)));
    }
  }
}

TEST_CASE("partials: those of a product of exponentials are its powers", "[losses]") {
  std::mt19937_64 generator(41);
  for (const std::int64_t d : {1, 2, 3, 4}) {
    const Tensor x = uniform(generator, {5, d}, -0.5, 0.5);
    // exp(sum of a_i x_i) has the partial a^index exp(...).
    std::vector<double> rates;
    for (std::int64_t i = 0; i < d; ++i) rates.push_back(0.7 + 0.4 * static_cast<double>(i));
    const Tensor u = exp(matmul(x, tensor(std::span<const double>(rates), {d, 1}, f64)));
    const int order = d == 4 ? 3 : 5;
    const Tensors all = losses::partials(u, x, order);
    REQUIRE(all.size() == static_cast<std::size_t>(order) + 1);
    for (int k = 0; k <= order; ++k) {
      const auto indices = losses::multi_indices(d, k);
      REQUIRE(all[k].shape() == Shape{5, static_cast<std::int64_t>(indices.size())});
      for (std::size_t c = 0; c < indices.size(); ++c) {
        double factor = 1;
        for (std::int64_t i = 0; i < d; ++i) factor *= std::pow(rates[i], indices[c][i]);
        CAPTURE(d, k, c);
        CHECK(difference(column(all[k], static_cast<std::int64_t>(c)), u * factor) < 1e-9);
      }
    }
  }
}

TEST_CASE("partials: they are those of nested reverse passes, and can be differentiated again", "[losses]") {
  std::mt19937_64 generator(42);
  const Tensor x = uniform(generator, {4, 2}, -1, 1), w = uniform(generator, {2, 5}, -1, 1);
  const Tensor u = sum(tanh(matmul(x, w)), {1}, true);
  const Tensor third = losses::partials(u, x, 3)[3];
  const Tensor by_x = column(grad(u, x), 0), by_xx = column(grad(by_x, x), 0);
  CHECK(difference(column(third, 0), column(grad(by_xx, x), 0)) < 1e-11);
  CHECK(difference(column(third, 1), column(grad(by_xx, x), 1)) < 1e-11);
  CHECK(difference(grad(column(third, 1), w), grad(column(grad(by_xx, x), 1), w)) < 1e-11);
}

TEST_CASE("biharmonic: plane waves are its eigenfunctions, and it is the Laplacian's Laplacian", "[losses]") {
  std::mt19937_64 generator(43);
  for (const std::int64_t d : {1, 2, 3, 5}) {
    const Tensor x = uniform(generator, {6, d}, -1, 1), k = uniform(generator, {d, 1}, -1, 1);
    const Tensor u = sin(matmul(x, k));
    const double squared = sum(square(k)).item();
    CHECK(difference(losses::biharmonic(u, x), u * (squared * squared)) < 1e-12);
    CHECK(difference(losses::biharmonic(u, x), laplacian(laplacian(u, x), x)) < 1e-12);
  }
}

TEST_CASE("stochastic_laplacian: within its standard error of the Laplacian, which shrinks as its root says",
          "[losses]") {
  std::mt19937_64 generator(44);
  const Tensor x = uniform(generator, {3, 20}, -1, 1), w = uniform(generator, {20, 6}, -0.5, 0.5);
  const Tensor u = sum(tanh(matmul(x, w)), {1}, true), exact = laplacian(u, x);
  const auto few = losses::stochastic_laplacian(u, x, 200, 5, 1), many = losses::stochastic_laplacian(u, x, 3200, 5, 1);
  for (const auto& estimate : {few, many}) {
    REQUIRE(estimate.mean.shape() == Shape{3, 1});
    CHECK(max(abs(estimate.mean - exact) / estimate.standard_error).item() < 4);
  }
  const double ratio = (sum(few.standard_error) / sum(many.standard_error)).item();
  CHECK(ratio > 3);
  CHECK(ratio < 5.3);
  CHECK_THROWS_WITH(losses::stochastic_laplacian(u, x, 1, 0, 0), ContainsSubstring("at least two directions"));
  CHECK_THROWS_WITH(losses::partials(u, x, -1), ContainsSubstring("partials: the order is negative"));
  CHECK_THROWS_WITH(losses::biharmonic(x, x), ContainsSubstring("biharmonic: needs u [N, 1]"));
}

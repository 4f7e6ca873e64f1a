// Losses of classifiers and distributions against their definitions in plain loops.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <limits>

#include "engine/error.h"
#include "losses/classification.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor classes(std::vector<std::int64_t> values, Shape shape) {
  return tensor(std::span<const std::int64_t>(values), std::move(shape));
}

}  // namespace

TEST_CASE("cross_entropy: weights, an ignored class and smoothing as in PyTorch's definition", "[losses]") {
  std::mt19937_64 generator(51);
  const std::int64_t n = 3, c = 4, l = 2;
  const Tensor logits = uniform(generator, {n, c, l}, -3, 3), weights = uniform(generator, {c}, 0.5, 2);
  const std::vector<std::int64_t> labels{0, 3, 2, -100, 1, 1};
  for (const bool weighted : {false, true}) {
    for (const double smoothing : {0.0, 0.1, 1.0}) {
      losses::ClassOptions options{weighted ? weights : Tensor(), -100, smoothing};
      const auto x = logits.to_vector<double>(), w = weights.to_vector<double>();
      double loss = 0, spread = 0, total = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < l; ++j) {
          const std::int64_t label = labels[i * l + j];
          if (label == -100) continue;
          double partition = 0;
          for (std::int64_t k = 0; k < c; ++k) partition += std::exp(x[(i * c + k) * l + j]);
          const auto log_probability = [&](std::int64_t k) { return x[(i * c + k) * l + j] - std::log(partition); };
          const auto weight = [&](std::int64_t k) { return weighted ? w[k] : 1; };
          loss -= weight(label) * log_probability(label);
          for (std::int64_t k = 0; k < c; ++k) spread -= weight(k) * log_probability(k) / static_cast<double>(c);
          total += weight(label);
        }
      }
      const double wanted = ((1 - smoothing) * loss + smoothing * spread) / total;
      CHECK(is_close(losses::cross_entropy(logits, classes(labels, {n, l}), options).item(), wanted, 1e-13));
      CHECK(is_close(losses::nll(log_softmax(logits, 1), classes(labels, {n, l}), options).item(), wanted, 1e-13));
    }
  }
  const Function loss = [&](const Tensors& in) { return losses::cross_entropy(in[0], classes(labels, {n, l})); };
  check_derivatives(loss, {logits}, 3, generator);
}

TEST_CASE("bce_with_logits, l1, huber, kl_div, total_variation: their definitions, and derivatives", "[losses]") {
  std::mt19937_64 generator(52);
  const Tensor x = uniform(generator, {4, 3}, -2, 2), t = uniform(generator, {4, 3}, 0.1, 0.9);
  const auto a = x.to_vector<double>(), b = t.to_vector<double>();
  double bce = 0, l1 = 0, huber = 0, kl = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double p = 1 / (1 + std::exp(-a[i])), d = std::abs(a[i] - b[i]);
    bce -= 2.5 * b[i] * std::log(p) + (1 - b[i]) * std::log(1 - p);
    l1 += d;
    huber += d <= 0.7 ? d * d / 2 : 0.7 * (d - 0.35);
    kl += b[i] * (std::log(b[i]) - a[i]);
  }
  CHECK(is_close(losses::bce_with_logits(x, t, 2.5).item(), bce / 12, 1e-14));
  CHECK(is_close(losses::l1(x, t).item(), l1 / 12, 1e-14));
  CHECK(is_close(losses::huber(x, t, 0.7).item(), huber / 12, 1e-14));
  CHECK(is_close(losses::kl_div(x, t).item(), kl / 4, 1e-14));
  check_derivatives([&](const Tensors& in) { return losses::bce_with_logits(in[0], t, 2.5); }, {x}, 3, generator);
  check_derivatives([&](const Tensors& in) { return losses::kl_div(in[0], in[1]); }, {x, t}, 3, generator);
  // Far from zero neither side overflows, and a target of nothing costs nothing.
  CHECK(losses::bce_with_logits(full({1}, 1000, f64), ones({1}, f64)).item() == 0);
  CHECK(losses::bce_with_logits(full({1}, -1000, f64), ones({1}, f64)).item() == 1000);
  CHECK(losses::kl_div(x, zeros({4, 3}, f64)).item() == 0);
  // A picture that rises by 1 a column varies by 1 at each of its H (W - 1) borders.
  const Tensor ramp = broadcast_to(cast(arange(5), f64), {2, 1, 3, 5});
  CHECK(losses::total_variation(ramp).item() == 12);
  CHECK(losses::total_variation(ones({2, 1, 1, 1}, f64)).item() == 0);
}

TEST_CASE("losses of classifiers refuse what does not fit, in their own names", "[losses]") {
  const Tensor logits = ones({2, 3});
  CHECK_THROWS_WITH(losses::cross_entropy(logits, classes({0}, {1})),
                    ContainsSubstring("cross_entropy: the classes are [1]"));
  CHECK_THROWS_WITH(losses::cross_entropy(logits, ones({2})), ContainsSubstring("cross_entropy: needs f32 or f64"));
  CHECK_THROWS_AS(losses::cross_entropy(logits, classes({0, 3}, {2})).eval(), Error);
  CHECK_THROWS_WITH(losses::nll(logits, classes({0, 1}, {2}), {ones({2}), -100, 0}),
                    ContainsSubstring("nll: the class weights"));
  CHECK_THROWS_WITH(losses::nll(logits, classes({0, 1}, {2}), {{}, -100, 2}),
                    ContainsSubstring("nll: label_smoothing"));
  CHECK_THROWS_WITH(losses::huber(logits, logits, 0), ContainsSubstring("huber: delta must be positive"));
  CHECK_THROWS_WITH(losses::l1(logits, ones({3, 2})), ContainsSubstring("l1: prediction and target differ"));
  CHECK_THROWS_WITH(losses::bce_with_logits(logits, ones({2, 3}, f64)),
                    ContainsSubstring("bce_with_logits: needs two of f32"));
  CHECK_THROWS_WITH(losses::total_variation(logits), ContainsSubstring("total_variation: needs pictures"));
}

TEST_CASE("cross_entropy: a target that is ignored does not count, however infinite its logits", "[losses]") {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor logits = tensor({-inf, 1, 2, 0.5, 0.25, 1}, {2, 3}, f64);
  logits.requires_grad();
  const Tensor loss = losses::cross_entropy(logits, classes({-100, 1}, {2}));
  CHECK(std::abs(loss.item() - (std::log(std::exp(0.5) + std::exp(0.25) + std::exp(1.0)) - 0.25)) < 1e-14);
  const auto by_logits = grad(loss, logits).to_vector<double>();
  for (int i = 0; i < 3; ++i) CHECK(by_logits[i] == 0);
  CHECK(std::isfinite(losses::nll(logits, classes({-100, 1}, {2})).item()));
  CHECK(std::isfinite(losses::nll(logits, classes({-100, 1}, {2}), {.label_smoothing = 0.1}).item()));
}

TEST_CASE("kl_div: NaN and negative targets make NaN", "[losses]") {
  const Tensor model = log(tensor({0.5, 0.5}, {1, 2}, f64));
  CHECK(std::isnan(losses::kl_div(model, tensor({std::nan(""), 0.5}, {1, 2}, f64)).item()));
  CHECK(std::isnan(losses::kl_div(model, tensor({-1.0, 0.5}, {1, 2}, f64)).item()));
  CHECK(std::abs(losses::kl_div(model, tensor({0.0, 1.0}, {1, 2}, f64)).item() - std::log(2)) < 1e-15);
}

// Random expressions: values, first to third derivatives by every mode against each other, precision, fusion, threads.
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <random>

#include "engine/inspect.h"
#include "engine/kernels/parallel.h"
#include "tests/engine/random_graph.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;

namespace {

constexpr int kGraphs = 300;
constexpr int kDeepest = 12;

/// SOBOGRAD_TEST_SEED, or a seed of its own.
std::uint64_t first_seed() {
  const char* given = std::getenv("SOBOGRAD_TEST_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 20261124;
}

/// The first comparison that fails, in words; empty when none does.
std::string check(const RandomGraph& graph) {
  std::mt19937_64 random(7);
  const Tensors xs = graph.leaf_values(f64);
  const Tensor y = graph.build(xs);
  Tensors v, u, forward, backward;
  const double h = 1e-6;
  for (const Tensor& x : xs) {
    v.push_back(uniform(random, x.shape(), -1, 1));
    u.push_back(uniform(random, x.shape(), -1, 1));
    forward.push_back((x + v.back() * h).detach());
    backward.push_back((x - v.back() * h).detach());
  }
  const Tensor cotangent = uniform(random, y.shape(), -1, 1);
  const auto along = [](const Tensors& gradients, const Tensors& directions) {
    Tensor total = scalar(0, f64);
    for (std::size_t i = 0; i < gradients.size(); ++i) total = total + sum(gradients[i] * directions[i]);
    return total;
  };
  std::string wrong;
  const auto compare = [&](const char* what, double a, double b, double tolerance) {
    if (wrong.empty() && !is_close(a, b, tolerance)) wrong = fmt::format("{}: {} and {}", what, a, b);
  };

  Tensor unfused;
  {
    const CheckFinite alone;
    unfused = graph.build(graph.leaf_values(f64));
    unfused.eval();
  }
  if (difference(unfused, y) > 1e-13) return "fused and unfused values differ";

  const Tensor first = along(grad(y, xs, cotangent, Unused::zeros), v);
  const Tensor tangent = jvp(y, xs, v, Unused::zeros);
  const double numeric = (dot(graph.build(forward), cotangent) - dot(graph.build(backward), cotangent)) / (2 * h);
  compare("reverse mode and finite differences", first.item(), numeric, 1e-5);
  compare("forward and reverse mode", dot(tangent, cotangent), first.item(), 1e-10);

  const Tensor second = along(grad(first, xs, {}, Unused::zeros), u);
  compare("reverse and forward over reverse", jvp(first, xs, u, Unused::zeros).item(), second.item(), 1e-9);
  const Tensor forward_twice = jvp(tangent, xs, u, Unused::zeros);
  compare("forward over forward and reverse over reverse", dot(forward_twice, cotangent), second.item(), 1e-9);

  const Tensor third = along(grad(second, xs, {}, Unused::zeros), v);
  const Tensor forward_thrice = jvp(forward_twice, xs, v, Unused::zeros);
  compare("third derivatives, forward and reverse", dot(forward_thrice, cotangent), third.item(), 1e-8);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const Tensors taylor = jet(y, xs[i], v[i], 3, Unused::zeros);
    Tensor nested = y;
    for (int k = 1; k <= 3; ++k) {
      nested = jvp(nested, {xs[i]}, {v[i]}, Unused::zeros);
      compare("Taylor mode and nested forward mode", dot(taylor[k], cotangent), dot(nested, cotangent), 1e-9);
    }
    compare("gradients through Taylor mode and through nested forward mode",
            along(grad(taylor[2], xs, cotangent, Unused::zeros), u).item(),
            along(grad(jvp(jvp(y, {xs[i]}, {v[i]}, Unused::zeros), {xs[i]}, {v[i]}, Unused::zeros), xs, cotangent,
                       Unused::zeros),
                  u)
                .item(),
            1e-8);
  }

  const Tensors singles = graph.leaf_values(f32);
  const Tensor single = graph.build(singles);
  if (wrong.empty() && difference(cast(single, f64), y) > 1e-3) wrong = "f32 and f64 values differ";
  const Tensors gradients = grad(y, xs, cotangent, Unused::zeros),
                gradients_of_single = grad(single, singles, cast(cotangent, f32), Unused::zeros);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (wrong.empty() && difference(cast(gradients_of_single[i], f64), gradients[i]) > 1e-3) {
      wrong = "f32 and f64 gradients differ";
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("300 random expressions have the same derivatives by every mode") {
  const std::uint64_t seed = first_seed();
  for (int i = 0; i < kGraphs; ++i) {
    const RandomGraph graph = random_graph(seed + i, kDeepest);
    if (check(graph).empty()) continue;
    const RandomGraph least = reduce(graph, check);
    FAIL_CHECK("SOBOGRAD_TEST_SEED=" << seed + i << ": " << check(least) << "\n" << least.as_cpp());
  }
}

TEST_CASE("random expressions have the same bits on one thread and on two") {
  const int before = kernels::threads();
  for (int i = 0; i < 30; ++i) {
    const RandomGraph graph = random_graph(first_seed() + i, kDeepest);
    std::vector<std::vector<double>> results;
    for (const int threads : {1, 2}) {
      kernels::set_threads(threads);
      const Tensors xs = graph.leaf_values(f64);
      const Tensor y = graph.build(xs);
      std::vector<double> all = y.to_vector<double>();
      for (const Tensor& gradient : grad(y, xs, {}, Unused::zeros)) {
        for (double value : gradient.to_vector<double>()) all.push_back(value);
      }
      results.push_back(all);
    }
    CHECK(results[0] == results[1]);
  }
  kernels::set_threads(before);
}

TEST_CASE("a failing expression is reduced to the operation that fails, and printed as C++") {
  // A check that takes every matrix product for wrong.
  const GraphCheck no_products = [](const RandomGraph& graph) {
    for (const GraphNode& node : graph.nodes) {
      if (node.text.starts_with("matmul")) return std::string("a product");
    }
    return std::string();
  };
  int found = 0;
  for (std::uint64_t seed = 1; seed < 400 && found < 5; ++seed) {
    const RandomGraph graph = random_graph(seed, kDeepest);
    if (no_products(graph).empty() || graph.operations() < 4) continue;
    ++found;
    const RandomGraph least = reduce(graph, no_products);
    CHECK(least.operations() == 1);
    CHECK(least.nodes.size() <= 3);
    CHECK(least.as_cpp().find("Tensor y = matmul(t0, t") != std::string::npos);
  }
  CHECK(found == 5);
  RandomGraph known;
  known.nodes.push_back({"", nullptr, {}, {2}, {0.5, -1}});
  known.nodes.push_back({"softmax({0}, 0)", [](const Tensors& x) { return softmax(x[0], 0); }, {0}, {2}, {}});
  CHECK(known.as_cpp() == "Tensor t0 = tensor({0.5, -1}, {2}, f64);\nTensor y = softmax(t0, 0);\n");
}

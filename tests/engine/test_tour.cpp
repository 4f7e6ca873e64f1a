// The listings and numbers of engine/README.md are what the engine prints. With SOBOGRAD_WRITE_TOUR set in the
// environment this test writes them anew instead of comparing.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "engine/autodiff.h"
#include "engine/inspect.h"
#include "engine/ops.h"
#include "engine/plan.h"
#include "tests/paths.h"

using namespace sg;

namespace {

struct Example {
  Tensor x = tensor({0.1, 0.7, -0.4}, {3, 1}, f64).named("x");
  Tensor w = tensor({0.5, -1.2}, {1, 2}, f64).named("w");
  Tensor y = tanh(matmul(x, w));
};

std::int64_t node_count(const Tensor& root) {
  const std::string text = print_graph({root});
  return std::count(text.begin(), text.end(), '\n');
}

/// u [N, 1] of x [N, d] by two hidden layers of tanh.
Tensor network(const Tensor& x, const Tensors& weights) {
  return matmul(tanh(matmul(tanh(matmul(x, weights[0])), weights[1])), weights[2]);
}

std::string growth() {
  const Tensor x = reshape(linspace(-1, 1, 5, f64), {5, 1});
  const Tensors weights{ones({1, 8}, f64).eval(), ones({8, 8}, f64).eval(), ones({8, 1}, f64).eval()};
  const Tensor u = network(x, weights);
  std::string table = "order  nested reverse  Taylor mode\n";
  Tensor derivative = u;
  for (int order = 1; order <= 6; ++order) {
    derivative = grad(derivative, x);
    table += fmt::format("{:>5}  {:>14}  {:>11}\n", order, node_count(derivative),
                         node_count(jet(u, x, ones_like(x), order).back()));
  }
  return table;
}

std::string streamed_plan() {
  const Tensor x = reshape(linspace(-1, 1, 200000), {100000, 2});
  const Tensors weights{ones({2, 64}).eval(), ones({64, 64}).eval(), ones({64, 1}).eval()};
  const Tensor u = network(x, weights), slopes = grad(u, x);
  return print_plan(grad(mean(square(u)) + mean(square(slopes)), weights));
}

std::string small_plan() {
  const Example e;
  const Tensor second = grad(grad(e.y, e.x), e.x);
  std::string text = print_plan({second});
  second.eval();
  const EvaluationStatistics& last = last_evaluation();
  return text + fmt::format("{} nodes, {} kernels, {} buffers\n", last.nodes, last.kernels, last.buffers);
}

std::string small_tile_program() {
  const Example e;
  return print_tile_programs({grad(grad(e.y, e.x), e.x)});
}

std::map<std::string, std::function<std::string()>> listings() {
  const auto e = std::make_shared<Example>();
  return {
      {"forward", [e] { return print_graph({e->y}); }},
      {"forward drawn", [e] { return graphviz({e->y}); }},
      {"first drawn", [e] { return graphviz({grad(e->y, e->x)}); }},
      {"first", [e] { return print_graph({grad(e->y, e->x)}); }},
      {"second", [e] { return print_graph({grad(grad(e->y, e->x), e->x)}); }},
      {"jet", [e] { return print_graph({jet(e->y, e->x, ones_like(e->x), 2)[2]}); }},
      {"laplacian", [e] { return print_graph({laplacian(e->y, e->x)}); }},
      {"growth", growth},
      {"plan", small_plan},
      {"tile program", small_tile_program},
      {"streamed", streamed_plan},
  };
}

}  // namespace

TEST_CASE("the tour's listings are what the engine prints", "[tour]") {
  const auto path = test::source_folder() / "engine" / "README.md";
  std::ifstream file(path);
  std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const auto& [name, listing] : listings()) {
    INFO(name);
    std::string text = listing();
    while (text.ends_with('\n')) text.pop_back();
    const std::string begin = fmt::format("<!-- tour: {} -->\n```\n", name), end = "\n```\n";
    const std::size_t from = page.find(begin);
    REQUIRE(from != std::string::npos);
    const std::size_t start = from + begin.size(), stop = page.find(end, start);
    REQUIRE(stop != std::string::npos);
    if (std::getenv("SOBOGRAD_WRITE_TOUR")) {
      page.replace(start, stop - start, text);
    } else {
      CHECK(page.substr(start, stop - start) == text);
    }
  }
  if (std::getenv("SOBOGRAD_WRITE_TOUR")) std::ofstream(path) << page;
}

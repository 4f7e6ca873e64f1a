// Looking at graphs: printing, drawing, names, scopes that find what is not finite, and the profile.
#include "engine/inspect.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/profile.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("tensors print as NumPy prints them, long axes shortened") {
  CHECK(to_string(tensor({1, 2.5, -3, 4}, {2, 2}, f64)) == "[[1, 2.5],\n [-3, 4]] f64 [2, 2]");
  CHECK(to_string(scalar(0.5)) == "0.5 f32 []");
  CHECK(to_string(arange(100)) == "[0, 1, 2, ..., 97, 98, 99] i64 [100]");
  CHECK(to_string(zeros({2, 0})) == "[[],\n []] f32 [2, 0]");
}

TEST_CASE("a graph is printed with a line a node, inputs first, and drawn with names") {
  const Tensor x = tensor({1, 2}, {2}, f64).named("x");
  const Tensor y = sin(x).named("wave \"a\"");
  CHECK(print_graph({y}) == "%0 = leaf : f64 [2]  \"x\"\n%1 = sin %0 : f64 [2]  \"wave \"a\"\"\n");
  const std::string drawing = graphviz({y});
  CHECK_THAT(drawing, ContainsSubstring("n0 [label=\"leaf\\nx\\nf64 [2]\"") && ContainsSubstring("n0 -> n1;") &&
                          ContainsSubstring("sin\\nwave \\\"a\\\""));
  CHECK(y.name() == "wave \"a\"");
}

TEST_CASE("check_finite names the first operation that makes what is not finite, and the tensor's name") {
  const Tensor x = tensor({1, 0, -1}, {3}, f64);
  const Tensor ratio = (1.0 / x).named("ratio");
  CHECK_NOTHROW(exp(ratio).eval());  // without the scope nobody looks
  const CheckFinite check;
  const Tensor again = (1.0 / x).named("ratio");
  CHECK_THROWS_WITH(exp(again).eval(),
                    ContainsSubstring("check_finite: ") && ContainsSubstring("ratio") && ContainsSubstring("[3]"));
  CHECK_THROWS_WITH(log(x).eval(), ContainsSubstring("log"));
  // In a derivative, too.
  CHECK_THROWS_WITH(grad(sum(sqrt(abs(x))), x).eval(), ContainsSubstring("check_finite: "));
  CHECK_NOTHROW(sin(x).eval());
}

TEST_CASE("an error on a missing dependence names the tensors") {
  const Tensor x = tensor({1}, {1}, f64).named("position"), w = tensor({2}, {1}, f64).named("weight");
  CHECK_THROWS_WITH(grad(sin(x), w), ContainsSubstring("weight"));
  CHECK(grad(sin(x), w, Unused::zeros).item() == 0);
}

TEST_CASE("the profile counts calls, operations and bytes by primitive") {
  profile::enable(true);
  const Tensor a = ones({16, 8}), b = ones({8, 4});
  for (int i = 0; i < 3; ++i) matmul(a, b).eval();
  const std::vector<profile::Row> rows = profile::rows();
  const std::string table = profile::table();
  profile::enable(false);
  const auto product = std::ranges::find(rows, std::string("matmul"), &profile::Row::primitive);
  REQUIRE(product != rows.end());
  CHECK(product->calls == 3);
  CHECK(product->flops == 3 * 2.0 * 16 * 8 * 4);
  CHECK(product->bytes == 3 * 4.0 * (16 * 8 + 8 * 4 + 16 * 4));
  const auto planning = std::ranges::find(rows, std::string("planning"), &profile::Row::primitive);
  REQUIRE(planning != rows.end());
  CHECK(planning->calls == 3);
  CHECK_THAT(table, ContainsSubstring("GFLOP/s") && ContainsSubstring("matmul"));
}

// PINN residuals: they vanish on exact solutions, and their norms are what they say.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <numbers>

#include "engine/ops.h"
#include "losses/pinn.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using losses::Equation;
using std::numbers::pi;

namespace {

Tensor first(const Tensor& p) { return slice(p, 1, 0, 1); }
Tensor second(const Tensor& p) { return slice(p, 1, 1, 2); }

Tensor points() {
  const Tensor raw = sin(1.9 * cast(arange(60), f64) * cast(arange(60), f64));
  return reshape(abs(raw), {30, 2}).eval();
}

struct Exact {
  Equation equation;
  double coefficient;
  losses::Network u, source;
};

std::vector<Exact> exact_solutions() {
  return {
      {Equation::heat, 0.3, [](const Tensor& p) { return sin(pi * first(p)) * exp(-0.3 * pi * pi * second(p)); }, {}},
      // A travelling front.
      {Equation::burgers,
       0.1,
       [](const Tensor& p) { return 0.8 - 0.5 * tanh(0.5 / 0.2 * (first(p) - 0.8 * second(p))); },
       {}},
      {Equation::poisson, 1, [](const Tensor& p) { return sin(pi * first(p)) * sin(2 * pi * second(p)); },
       [](const Tensor& p) { return 5 * pi * pi * (sin(pi * first(p)) * sin(2 * pi * second(p))); }},
      {Equation::advection, 0.7, [](const Tensor& p) { return exp(sin(2 * pi * (first(p) - 0.7 * second(p)))); }, {}},
  };
}

}  // namespace

TEST_CASE("residuals of exact solutions vanish, with their derivatives", "[losses]") {
  const Exact exact = exact_solutions()[GENERATE(0, 1, 2, 3)];
  const Tensor p = points();
  const Tensor residual = losses::pinn_residual(exact.equation, exact.u, p, exact.coefficient, exact.source);
  CHECK(max(abs(residual)).item() < 1e-10);
  CHECK(std::sqrt(losses::residual_norm(residual, p, 2).item()) < 1e-8);
  losses::PinnProblem problem{exact.equation, exact.coefficient, exact.source, exact.u, p, {{p, 0}, {p, 1}}};
  for (const int order : {0, 1, 2}) CHECK(std::sqrt(losses::pinn_loss(problem, exact.u, order).item()) < 1e-8);
}

TEST_CASE("a residual that is not zero is found", "[losses]") {
  const Exact exact = exact_solutions()[GENERATE(0, 1, 2, 3)];
  const Tensor residual =
      losses::pinn_residual(exact.equation, exact.u, points(), exact.coefficient + 0.1, [&](const Tensor& p) {
        return exact.source ? 1.1 * exact.source(p) : zeros({30, 1}, f64);
      });
  CHECK(max(abs(residual)).item() > 0.01);
}

TEST_CASE("the norms of a residual are means of its squared derivatives", "[losses]") {
  const Tensor p = points(), x = first(p), t = second(p);
  const Tensor r = sin(2.0 * x) * exp(t);  // a quarter of -r_xx is r, r_t = r_tt = r
  const double zero = mean(square(r)).item(), by_x = mean(square(2.0 * cos(2.0 * x) * exp(t))).item();
  CHECK_THAT(losses::residual_norm(r, p, 0).item(), WithinRel(zero, 1e-12));
  CHECK_THAT(losses::residual_norm(r, p, 1).item(), WithinRel(zero + by_x + zero, 1e-12));
  CHECK_THAT(losses::residual_norm(r, p, 2).item(), WithinRel(2 * zero + by_x + 16 * zero + 2 * by_x + zero, 1e-12));
  CHECK_THAT(losses::trace_norm(r, p, 0, 2).item(), WithinRel(zero + by_x + 16 * zero, 1e-12));
  CHECK_THAT(losses::trace_norm(r, p, 1, 1).item(), WithinRel(2 * zero, 1e-12));
}

TEST_CASE("the parts of a PINN's loss by order add up to it", "[losses]") {
  const Exact exact = exact_solutions()[0];
  const Tensor p = points();
  const losses::PinnProblem problem{exact.equation, exact.coefficient, exact.source, exact.u, p, {{p, 0}, {p, 1}}};
  const losses::Network wrong = [](const Tensor& x) { return sin(first(x) * 2.0) * exp(second(x)); };
  for (const int order : {0, 1, 2}) {
    const Tensors terms = losses::pinn_terms(problem, wrong, order);
    REQUIRE(terms.size() == 2 * static_cast<std::size_t>(order + 1));
    double sum = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) sum += terms[i].item() * (static_cast<int>(i) <= order ? 1 : 0.7);
    CHECK_THAT(sum, WithinRel(losses::pinn_loss(problem, wrong, order, 0.7).item(), 1e-13));
  }
}

TEST_CASE("residuals refuse what does not fit", "[losses]") {
  CHECK_THROWS_AS(losses::equation_named("wave"), Error);
  CHECK_THROWS_AS(losses::pinn_residual(Equation::heat, first, zeros({3, 1}, f64), 1), Error);
  CHECK_THROWS_AS(losses::residual_norm(zeros({3, 1}, f64), zeros({4, 2}, f64), 1), Error);
  CHECK_THROWS_AS(losses::residual_norm(zeros({3, 1}, f64), zeros({3, 2}, f64), 3), Error);
}

TEST_CASE("the residuals' squares add up to the PINN's loss") {
  for (const Exact& exact : exact_solutions()) {
    const Tensor p = points();
    const losses::PinnProblem problem{exact.equation, exact.coefficient, exact.source, exact.u, p, {{p, 0}, {p, 1}}};
    const losses::Network wrong = [](const Tensor& x) { return sin(first(x) * 2.0) * exp(second(x)); };
    for (const int order : {0, 1, 2}) {
      const Tensor residuals = losses::pinn_residuals(problem, wrong, order, 0.7);
      CHECK_THAT(sum(square(residuals)).item(), WithinRel(losses::pinn_loss(problem, wrong, order, 0.7).item(), 1e-13));
    }
  }
}

TEST_CASE("pinn: a source or boundary value of another shape, none for traces, and other orders are refused") {
  const losses::Network u = [](const Tensor& p) { return sin(first(p)) * second(p); };
  const losses::Network flat = [](const Tensor& p) { return flatten(first(p)); };
  CHECK_THROWS_WITH(losses::pinn_residual(Equation::heat, u, points(), 1, flat),
                    ContainsSubstring("the source must give [30, 1]") && ContainsSubstring("it gave [30]"));
  losses::PinnProblem problem;
  problem.interior = points();
  problem.traces = {{points(), 0}};
  for (const int order : {0, 1}) {
    problem.boundary_value = flat;
    CHECK_THROWS_WITH(losses::pinn_loss(problem, u, order), ContainsSubstring("boundary_value"));
    CHECK_THROWS_WITH(losses::pinn_residuals(problem, u, order),
                      ContainsSubstring("boundary_value on a trace must be [30, 1]: [30, 1] and [30]"));
    problem.boundary_value = {};
    CHECK_THROWS_WITH(losses::pinn_loss(problem, u, order), ContainsSubstring("boundary_value is empty"));
    CHECK_THROWS_WITH(losses::pinn_residuals(problem, u, order), ContainsSubstring("boundary_value is empty"));
  }
  problem.boundary_value = u;
  CHECK_THROWS_WITH(losses::pinn_residuals(problem, u, -5), ContainsSubstring("order must be 0, 1 or 2: -5"));
  CHECK_THROWS_WITH(losses::pinn_loss(problem, u, -5), ContainsSubstring("order must be 0, 1 or 2: -5"));
}

TEST_CASE("pinn: a residual that does not depend on the points has derivatives 0 on a trace too") {
  const Tensor constant = full({30, 1}, 0.5, f64);
  for (const int order : {0, 1, 2}) {
    CHECK(losses::trace_norm(constant, points(), 0, order).item() == 0.25);
    CHECK(losses::residual_norm(constant, points(), order).item() == 0.25);
  }
}

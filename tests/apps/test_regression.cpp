// regression's parts: targets, tables, data sets, equations.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "apps/regression/dataset.h"
#include "apps/regression/equations.h"
#include "apps/regression/objective.h"
#include "apps/regression/random_points.h"
#include "apps/regression/table.h"
#include "engine/ops.h"
#include "losses/route.h"
#include "losses/sobolev.h"

using namespace sg;
using namespace sg::regression;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

constexpr double pi = 3.14159265358979323846;

/// The targets' formulas again, as the engine differentiates them.
Tensor formula(const std::string& name, const Tensor& p) {
  const Tensor x = slice(p, 1, 0, 1), y = slice(p, 1, p.shape(1) - 1, p.shape(1));
  if (name == "waves2d") return sin(10.0 * (x + y)) + square(x - y) - 1.5 * x + 2.5 * y + 1.0;
  if (name == "chirp") return x + sin(2 * pi * square(square(x)));
  if (name == "twotone") return sin(2 * pi * x) + sin(20 * pi * x);
  if (name == "envelope") return exp(x) * sin(20.0 * x);
  return -20.0 * exp(-0.2 * sqrt((square(x) + square(y)) * 0.5)) - exp((cos(2 * pi * x) + cos(2 * pi * y)) * 0.5) +
         20.0 + std::exp(1.0);
}

/// A file that goes with the test.
struct File {
  explicit File(const std::string& text)
      : path(std::filesystem::temp_directory_path() / fmt::format("sobograd-table-{}-{}.csv", ::getpid(), count++)) {
    std::ofstream(path) << text;
  }
  ~File() { std::filesystem::remove(path); }
  std::filesystem::path path;
  inline static int count = 0;
};

std::string error_of(const std::string& table) {
  const File file(table);
  try {
    read_table(file.path.string());
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string error_of_dataset(const DatasetOptions& options) {
  try {
    make_dataset(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("every target's derivatives are those of its formula", "[regression]") {
  for (const Target& target : targets()) {
    const Tensor p = uniform_points(3, Stream::test_points, 40, target.inputs, target.first, target.last, f64);
    const Tensors exact = target_derivatives(target, p);
    const Tensors found =
        losses::derivatives([&](const Tensor& q) { return formula(target.name, q); }, p, 2, losses::Route::reverse);
    for (int order = 0; order <= 2; ++order) {
      INFO(target.name << " of order " << order);
      CHECK(losses::relative_error(exact[order], found[order]).item() < 1e-12);
    }
  }
}

TEST_CASE("ackley is finite at the origin", "[regression]") {
  const Tensors all = target_derivatives(target_named("ackley"), zeros({1, 2}, f64));
  CHECK_THAT(all[0].item(), WithinAbs(0, 1e-14));
  CHECK(max(abs(all[1])).item() == 0);
  CHECK(std::isfinite(sum(all[2]).item()));
}

TEST_CASE("a table is read with whatever derivatives it has", "[regression]") {
  const File file("x1,x2,u,u_x2,u_x1x2\r\n0,1,2,3,4\n\n-1.5e0, +2 ,1,0,7\n");
  const Table table = read_table(file.path.string());
  CHECK(table.inputs == 2);
  CHECK(table.rows == 2);
  CHECK(table.points == std::vector<double>{0, 1, -1.5, 2});
  CHECK(table.derivatives[0] == std::vector<double>{2, 1});
  CHECK(table.derivatives[1] == std::vector<double>{0, 3, 0, 0});
  CHECK(table.present[1] == std::vector<bool>{false, true});
  CHECK(table.derivatives[2] == std::vector<double>{0, 4, 4, 0, 0, 7, 7, 0});
  CHECK(table.present[2] == std::vector<bool>{false, true, true, false});
}

TEST_CASE("a malformed table is refused with the line and the reason", "[regression]") {
  CHECK_THAT(error_of(""), ContainsSubstring("is empty"));
  CHECK_THAT(error_of("a,b\n1,2\n"), ContainsSubstring("no column x1"));
  CHECK_THAT(error_of("x1\n1\n"), ContainsSubstring("no column u"));
  CHECK_THAT(error_of("x1,x3,u\n1,2,3\n"), ContainsSubstring("no column x2"));
  CHECK_THAT(error_of("x1,u,u\n1,2,3\n"), ContainsSubstring("comes twice"));
  CHECK_THAT(error_of("x1,u,v\n1,2,3\n"), ContainsSubstring("`v` is not known"));
  CHECK_THAT(error_of("x1,u,u_x2\n1,2,3\n"), ContainsSubstring("`u_x2` is not known"));
  CHECK_THAT(error_of("x1,u\n1,2,3\n"), ContainsSubstring(":2: 3 cells for 2 columns"));
  CHECK_THAT(error_of("x1,u\n1,2\n1,two\n"), ContainsSubstring(":3: column `u`: `two`"));
  CHECK_THAT(error_of("x1,u\n1,nan\n"), ContainsSubstring("not a finite number"));
  CHECK_THAT(error_of("x1,u\n1,\n"), ContainsSubstring("not a finite number"));
  CHECK_THAT(error_of("x1,u\n"), ContainsSubstring("no rows"));
  CHECK_THAT(error_of("x99999999999999999999,u\n1,2\n"),
             ContainsSubstring("is not known") || ContainsSubstring("no column"));
  CHECK_THROWS_AS(read_table("/nowhere/at/all.csv"), Error);
  CHECK_THROWS_AS(read_table(std::filesystem::temp_directory_path().string()), Error);
}

TEST_CASE("a data set estimates what a table on a grid does not have", "[regression]") {
  std::string text = "x1,u\n";
  for (int i = 40; i >= 0; --i) text += fmt::format("{:.17g},{:.17g}\n", i / 40.0, std::sin(i / 40.0));
  const File file(text);
  DatasetOptions options;
  options.file = file.path.string();
  options.order = 1;
  options.dtype = f64;
  const Dataset left_out = make_dataset(options);
  CHECK(left_out.train.size() == 1);
  CHECK(left_out.notices.size() == 1);
  CHECK(left_out.train_points.shape(0) + left_out.test_points.shape(0) == 41);
  options.estimator = losses::Estimator::fd4;
  const Dataset estimated = make_dataset(options);
  REQUIRE(estimated.train.size() == 2);
  CHECK(losses::relative_error(estimated.train[1], cos(estimated.train_points)).item() < 1e-6);
  options.estimator = losses::Estimator::chebyshev;
  CHECK_THROWS_AS(make_dataset(options), Error);
}

TEST_CASE("a number that the type cannot be trained on is refused with its line, its column and the remedy",
          "[regression]") {
  const File file("x1,u,u_x1\n1,2,0\n2,3,1e20\n");
  CHECK_THAT(error_of_dataset({.file = file.path.string(), .test_fraction = 0}),
             ContainsSubstring(":3: column `u_x1`: 1e+20 is too large for f32") && ContainsSubstring("--dtype f64"));
  CHECK(error_of_dataset({.file = file.path.string(), .test_fraction = 0, .dtype = f64}) == "no error");
  CHECK(std::isfinite(1e8 * largest_number(f64) * largest_number(f64)));
  CHECK(std::isfinite(1e8f * static_cast<float>(largest_number(f32)) * static_cast<float>(largest_number(f32))));
  const File steep("x1,u\n0,0\n1e-10,1e14\n2e-10,0\n3e-10,0\n4e-10,0\n");
  CHECK_THAT(error_of_dataset(
                 {.file = steep.path.string(), .estimator = losses::Estimator::fd2, .order = 1, .test_fraction = 0}),
             ContainsSubstring("the derivative u_x1") && ContainsSubstring("too large for f32"));
}

TEST_CASE("points that fall together in f32 are told of", "[regression]") {
  const File file("x1,x2,u\n1000000001,0,1\n1000000002,0,2\n1000000002,0,2\n1000000003,5,3\n");
  const auto notices_of = [&](Dtype dtype) {
    return make_dataset({.file = file.path.string(), .test_fraction = 0, .dtype = dtype}).notices;
  };
  CHECK(notices_of(f64).size() == 1);
  const std::vector<std::string> notices = notices_of(f32);
  REQUIRE(notices.size() == 2);
  CHECK_THAT(notices[0], ContainsSubstring("in f32 1 point cannot be told from another"));
}

TEST_CASE("second derivatives count where the first ones are not known, and notices name what is left out",
          "[regression]") {
  const File file("x1,x2,u,u_x1x2\n0,0,1,3\n1,0,1,3\n0,1,2,3\n1,1,4,3\n");
  const Dataset data = make_dataset({.file = file.path.string(), .order = 2, .test_fraction = 0, .dtype = f64});
  REQUIRE(data.train.size() == 3);
  // Of u = x y the mixed derivative is 1: wrong by 2, and it counts twice; u itself is wrong at each point.
  const losses::Network product = [](const Tensor& p) { return slice(p, 1, 0, 1) * slice(p, 1, 1, 2); };
  const double values = (1 + 1 + 4 + 9) / 4.0;
  CHECK_THAT(fit_loss({}, {"h2", "h2", 2}, data, {1, 1, 1}, product).item(), WithinRel(values + 2 * 4.0, 1e-12));
  CHECK_THAT(fit_loss({}, {"h1", "h1", 1}, data, {1, 1}, product).item(), WithinRel(values, 1e-12));
  CHECK(data.test.size() == 1);
  REQUIRE(data.notices.size() == 3);
  CHECK_THAT(data.notices[1], ContainsSubstring("has no u_x1, u_x2, which"));
  CHECK_THAT(data.notices[2], ContainsSubstring("has no u_x1x1, u_x2x2, which"));
  CHECK(make_dataset({.file = file.path.string(), .order = 0, .test_fraction = 0}).notices.size() == 1);
}

TEST_CASE("values of the norm 0 are refused, first derivatives of the norm 0 are not tested", "[regression]") {
  const File zero("x1,u,u_x1\n0,0,1\n1,0,1\n2,0,1\n");
  CHECK_THAT(error_of_dataset({.file = zero.path.string(), .test_fraction = 0}),
             ContainsSubstring("the norm 0 in f32"));
  const File constant("x1,u,u_x1\n0,2,0\n1,2,0\n2,2,0\n");
  const Dataset data = make_dataset({.file = constant.path.string(), .order = 1, .test_fraction = 0});
  CHECK(data.train.size() == 2);
  CHECK(data.test.size() == 1);
}

TEST_CASE("estimated targets converge to the exact ones", "[regression]") {
  DatasetOptions options;
  options.target = &target_named("waves2d");
  options.points = 64 * 64;
  options.order = 2;
  options.dtype = f64;
  for (const auto estimator : {losses::Estimator::fd4, losses::Estimator::chebyshev}) {
    options.estimator = estimator;
    const Dataset data = make_dataset(options);
    const Tensors exact = target_derivatives(*options.target, data.train_points);
    const double bound = estimator == losses::Estimator::chebyshev ? 1e-9 : 0.02;
    CHECK(losses::relative_error(data.train[1], exact[1]).item() < bound);
    CHECK(losses::relative_error(data.train[2], exact[2]).item() < bound);
  }
}

TEST_CASE("random points depend on seed and use alone", "[regression]") {
  const Tensor a = uniform_points(1, Stream::train_points, 50, 2, -1, 1, f64),
               b = uniform_points(1, Stream::train_points, 50, 2, -1, 1, f64);
  CHECK(a.to_vector<double>() == b.to_vector<double>());
  CHECK(a.to_vector<double>() != uniform_points(1, Stream::test_points, 50, 2, -1, 1, f64).to_vector<double>());
  CHECK(a.to_vector<double>() != uniform_points(2, Stream::train_points, 50, 2, -1, 1, f64).to_vector<double>());
  const Tensor directions = unit_directions(4, 7, 5, 3, f64);
  CHECK(max(abs(sum(square(directions), {1}) - 1.0)).item() < 1e-12);
}

TEST_CASE("reference solutions satisfy their equations and their boundary values", "[regression]") {
  const std::string name = GENERATE("heat", "burgers", "poisson", "advection");
  const EquationSetting setting = equation_setting(name, 0);
  const double h = 1e-3, c = setting.coefficient;
  for (const double a : {0.21, 0.5, 0.83}) {
    const double x = setting.first[0] + a * (setting.last[0] - setting.first[0]),
                 t = setting.first[1] + 0.6 * (setting.last[1] - setting.first[1]);
    const SolutionSample at = setting.solution(x, t);
    auto u = [&](double dx, double dt) { return setting.solution(x + dx, t + dt).u; };
    const double by_x = (u(-2 * h, 0) - 8 * u(-h, 0) + 8 * u(h, 0) - u(2 * h, 0)) / (12 * h);
    const double by_t = (u(0, -2 * h) - 8 * u(0, -h) + 8 * u(0, h) - u(0, 2 * h)) / (12 * h);
    auto second = [&](double dx, double dt) {
      return (-u(-2 * dx, -2 * dt) + 16 * u(-dx, -dt) - 30 * at.u + 16 * u(dx, dt) - u(2 * dx, 2 * dt)) / (12 * h * h);
    };
    CHECK_THAT(at.gradient[0], WithinAbs(by_x, 1e-6));
    CHECK_THAT(at.gradient[1], WithinAbs(by_t, 1e-6));
    double residual = 0;
    if (name == "heat") residual = by_t - c * second(h, 0);
    if (name == "burgers") residual = by_t + at.u * by_x - c * second(h, 0);
    if (name == "poisson") residual = -second(h, 0) - second(0, h) - 5 * pi * pi * at.u;
    if (name == "advection") residual = by_t + c * by_x;
    CHECK_THAT(residual, WithinAbs(0, 1e-4));
  }
  for (const EquationSetting::Side& side : setting.sides) {
    for (const double along : {0.1, 0.7}) {
      double p[2];
      p[side.fixed_axis] = side.at_last ? setting.last[side.fixed_axis] : setting.first[side.fixed_axis];
      p[1 - side.fixed_axis] = setting.first[1 - side.fixed_axis] +
                               along * (setting.last[1 - side.fixed_axis] - setting.first[1 - side.fixed_axis]);
      const double given = setting.boundary_value(tensor({p[0], p[1]}, {1, 2}, f64)).item();
      CHECK_THAT(given, WithinAbs(setting.solution(p[0], p[1]).u, 1e-9));
    }
  }
}

TEST_CASE("Burgers' reference solution is good to 1e-6 where its front is steep", "[regression]") {
  // Known values for nu = 0.01 / pi at t = 0.5: the solution is odd, and the slope at the origin for t = 1.6037 / pi is
  // -152.00516 (Basdevant et al. 1986).
  const EquationSetting setting = equation_setting("burgers", 0.01 / pi);
  CHECK_THAT(setting.solution(0, 1.6037 / pi).gradient[0], WithinRel(-152.00516, 1e-6));
  CHECK_THAT(setting.solution(0.3, 0.5).u, WithinRel(-setting.solution(-0.3, 0.5).u, 1e-10));
  CHECK_THROWS_AS(equation_setting("burgers", 1e-4), Error);
}

TEST_CASE("balanced weights bring second derivatives to the size of first ones", "[regression]") {
  const Tensors target{full({10, 1}, 2.0, f64), full({10, 2}, 6.0, f64), full({10, 4}, 30.0, f64)};
  const std::vector<double> weights = order_weights("auto", target, 2);
  CHECK(weights[0] == 1);
  CHECK(weights[1] == 1);
  CHECK_THAT(weights[2], WithinRel(72.0 / 3600.0, 1e-12));
  // A target without second derivatives says nothing about their size.
  CHECK(order_weights("auto", {target[0], target[1], zeros({10, 4}, f64)}, 2)[2] == 1);
  CHECK(order_weights("1,0.5,0.25", target, 1) == std::vector<double>{1, 0.5});
  for (const char* bad : {"", "none", "1,-1", "1,2,3,4", "1,,2", "nan"}) {
    CHECK_THROWS_AS(order_weights(bad, target, 1), Error);
  }
}

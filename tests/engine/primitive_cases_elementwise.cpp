// Rows of elementwise primitives, constants and reductions: to add a primitive, copy a neighbour's row.
#include <algorithm>
#include <cmath>

#include "tests/engine/case_rows.h"

namespace sg::test {
namespace {

PrimitiveCase unary(std::string name, Tensor (*function)(const Tensor&), double (*formula)(double), double low,
                    double high) {
  std::vector<std::function<Tensor()>> refused;
  const auto integers = {"neg", "abs", "sign", "square"};
  if (std::find(integers.begin(), integers.end(), name) == integers.end()) {
    refused.push_back([function] { return function(some({2}, i64)); });
  }
  return {name, [function](const Tensors& x) { return function(x[0]); }, {{2, 3}}, low,
          high, [formula](const Values& x) { return formula(x[0]); },    {},       std::move(refused)};
}

PrimitiveCase binary(std::string name, Tensor (*function)(const Tensor&, const Tensor&),
                     double (*formula)(double, double), double low = -1.5, double high = 1.5) {
  return {name,
          [function](const Tensors& x) { return function(x[0], x[1]); },
          {{2, 3}, {2, 3}},
          low,
          high,
          [formula](const Values& x) { return formula(x[0], x[1]); },
          {},
          {[function] {
             return function(some({2, 3}), some({2, 4}));
           },
           [function] { return function(some({2}), some({2}, f32)); }}};
}

}  // namespace

void add_elementwise_primitives(std::vector<PrimitiveCase>& rows) {
  // unary.cpp
  rows.push_back(unary(
      "neg", neg, [](double x) { return -x; }, -2, 2));
  rows.push_back(unary(
      "abs", abs, [](double x) { return std::abs(x); }, 0.2, 2));
  rows.push_back(unary(
      "abs", abs, [](double x) { return std::abs(x); }, -2, -0.2));
  rows.push_back(unary(
      "sign", sign, [](double x) { return double(x > 0) - double(x < 0); }, 0.1, 2));
  rows.push_back(unary(
      "floor", floor, [](double x) { return std::floor(x); }, -0.9, -0.1));
  rows.push_back(unary(
      "square", square, [](double x) { return x * x; }, -2, 2));
  rows.push_back(unary(
      "sqrt", sqrt, [](double x) { return std::sqrt(x); }, 0.5, 3));
  rows.push_back(unary(
      "rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.5, 3));
  rows.push_back(unary(
      "reciprocal", reciprocal, [](double x) { return 1 / x; }, 0.5, 3));
  rows.push_back(unary(
      "exp", exp, [](double x) { return std::exp(x); }, -2, 2));
  rows.push_back(unary(
      "expm1", expm1, [](double x) { return std::expm1(x); }, -2, 2));
  rows.push_back(unary(
      "log", log, [](double x) { return std::log(x); }, 0.5, 3));
  rows.push_back(unary(
      "log1p", log1p, [](double x) { return std::log1p(x); }, -0.5, 3));
  rows.push_back(unary(
      "sin", sin, [](double x) { return std::sin(x); }, -3, 3));
  rows.push_back(unary(
      "cos", cos, [](double x) { return std::cos(x); }, -3, 3));
  rows.push_back(unary(
      "tanh", tanh, [](double x) { return std::tanh(x); }, -2, 2));
  rows.push_back(unary(
      "sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -3, 3));
  rows.push_back(unary(
      "softplus", softplus, [](double x) { return std::log1p(std::exp(x)); }, -3, 3));
  rows.push_back(unary(
      "erf", erf, [](double x) { return std::erf(x); }, -2, 2));
  rows.push_back(unary(
      "atan", atan, [](double x) { return std::atan(x); }, -3, 3));
  rows.push_back(unary(
      "tan", tan, [](double x) { return std::tan(x); }, -1, 1));
  rows.push_back(unary(
      "asin", asin, [](double x) { return std::asin(x); }, -0.8, 0.8));
  rows.push_back(unary(
      "acos", acos, [](double x) { return std::acos(x); }, -0.8, 0.8));
  rows.push_back(unary(
      "sinh", sinh, [](double x) { return std::sinh(x); }, -2, 2));
  rows.push_back(unary(
      "cosh", cosh, [](double x) { return std::cosh(x); }, -2, 2));
  rows.push_back(unary(
      "asinh", asinh, [](double x) { return std::asinh(x); }, -3, 3));
  rows.push_back(unary(
      "acosh", acosh, [](double x) { return std::acosh(x); }, 1.5, 3));
  rows.push_back(unary(
      "atanh", atanh, [](double x) { return std::atanh(x); }, -0.8, 0.8));
  rows.push_back(unary(
      "exp2", exp2, [](double x) { return std::exp2(x); }, -2, 2));
  rows.push_back(unary(
      "log2", log2, [](double x) { return std::log2(x); }, 0.5, 3));
  rows.push_back(unary(
      "log10", log10, [](double x) { return std::log10(x); }, 0.5, 3));
  rows.push_back({"cast",
                  [](const Tensors& x) { return cast(cast(x[0], f64), x[0].dtype()); },
                  {{2, 3}},
                  -1,
                  1,
                  [](const Values& x) { return x[0]; }});
  rows.push_back({"stop_gradient",
                  [](const Tensors& x) { return stop_gradient(x[0] * 0) + x[0]; },
                  {{2, 3}},
                  -1,
                  1,
                  [](const Values& x) { return x[0]; }});

  // binary.cpp
  rows.push_back(binary("add", add, [](double a, double b) { return a + b; }));
  rows.push_back(binary("sub", sub, [](double a, double b) { return a - b; }));
  rows.push_back(binary("mul", mul, [](double a, double b) { return a * b; }));
  rows.push_back(binary(
      "div", div, [](double a, double b) { return a / b; }, 0.5, 2));
  rows.push_back(binary(
      "pow", pow, [](double a, double b) { return std::pow(a, b); }, 0.5, 2));
  rows.push_back({"pow",
                  [](const Tensors& x) { return pow(x[0], 4.0); },
                  {{2, 3}},
                  -1,
                  1,
                  [](const Values& x) { return std::pow(x[0], 4); }});
  rows.push_back({"pow",
                  [](const Tensors& x) { return pow(x[0], -2.5); },
                  {{2, 3}},
                  0.5,
                  2,
                  [](const Values& x) { return std::pow(x[0], -2.5); }});
  rows.push_back(binary("maximum", maximum, [](double a, double b) { return std::max(a, b); }));
  rows.push_back(binary("minimum", minimum, [](double a, double b) { return std::min(a, b); }));
  rows.push_back(binary("equal", equal, [](double a, double b) { return double(a == b); }));
  rows.push_back(binary("not_equal", not_equal, [](double a, double b) { return double(a != b); }));
  rows.push_back(binary("less", less, [](double a, double b) { return double(a < b); }));
  rows.push_back(binary("less_equal", less_equal, [](double a, double b) { return double(a <= b); }));
  rows.push_back(binary("mul_no_nan", mul_no_nan, [](double a, double b) { return a * b; }));
  rows.push_back(binary(
      "atan2", atan2, [](double a, double b) { return std::atan2(a, b); }, 0.5, 2));
  rows.push_back({"where",
                  [](const Tensors& x) { return where(less(x[0], x[1]), square(x[1]), x[2]); },
                  {{2, 3}, {2, 3}, {2, 3}},
                  -1.5,
                  1.5,
                  [](const Values& x) { return x[0] < x[1] ? x[1] * x[1] : x[2]; },
                  {},
                  {[] { return where(some({2}), some({3}), some({3})); },
                   [] { return where(some({2}), some({2}), some({2}, f32)); }}});

  // create.cpp
  rows.push_back({"full",
                  [](const Tensors& x) { return x[0] * full(x[0].shape(), 2.5, x[0].dtype()); },
                  {{2, 3}},
                  -1,
                  1,
                  [](const Values& x) { return 2.5 * x[0]; },
                  {},
                  {[] {
                     return full({2, -1}, 0);
                   },
                   [] {
                     return full({1 << 30, 1 << 30}, 0);
                   }}});

  // reduce.cpp
  rows.push_back(plain(
      "sum", [](const Tensors& x) { return sum(x[0], {1}); }, {{2, 3}},
      [](const auto& x) {
        return Values{x[0][0] + x[0][1] + x[0][2], x[0][3] + x[0][4] + x[0][5]};
      },
      {[] {
         return sum(some({2, 3}), {2});
       },
       [] {
         return sum(some({2, 3}), {0, 0});
       }}));
  rows.push_back(plain(
      "sum",
      [](const Tensors& x) {
        return sum(square(x[0]), {0, 2}, true);
      },
      {{2, 2, 2}},
      [](const auto& v) {
        const Values& x = v[0];
        return Values{x[0] * x[0] + x[1] * x[1] + x[4] * x[4] + x[5] * x[5],
                      x[2] * x[2] + x[3] * x[3] + x[6] * x[6] + x[7] * x[7]};
      },
      {}));
  rows.push_back(plain(
      "max", [](const Tensors& x) { return max(x[0], {0}); }, {{2, 3}},
      [](const auto& x) {
        return Values{std::max(x[0][0], x[0][3]), std::max(x[0][1], x[0][4]), std::max(x[0][2], x[0][5])};
      },
      {[] {
        return max(some({0, 3}), {0});
      }}));
  rows.push_back(plain(
      "min", [](const Tensors& x) { return min(x[0], {-1}, true); }, {{2, 3}},
      [](const auto& x) {
        return Values{std::min({x[0][0], x[0][1], x[0][2]}), std::min({x[0][3], x[0][4], x[0][5]})};
      },
      {[] {
        return min(some({0, 3}), {0});
      }}));
  rows.push_back(plain(
      "argmax", [](const Tensors& x) { return cast(argmax(x[0], 0), x[0].dtype()) + x[0]; }, {{2, 3}},
      [](const auto& v) {
        Values result = v[0];
        for (int i = 0; i < 6; ++i) result[i] += v[0][3 + i % 3] > v[0][i % 3];
        return result;
      },
      {[] {
         return argmax(some({0, 3}), 0);
       },
       [] { return argmax(some({2}), 1); }}));
}

}  // namespace sg::test

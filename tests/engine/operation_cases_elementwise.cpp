// Rows of elementwise functions of ops.h, activations among them.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/engine/case_rows.h"

namespace sg::test {
namespace {

/// An elementwise function that refuses integers.
PrimitiveCase unary(std::string name, std::function<Tensor(const Tensor&)> function, double (*formula)(double),
                    double low, double high) {
  return {std::move(name),
          [function](const Tensors& x) { return function(x[0]); },
          {{2, 3}},
          low,
          high,
          [formula](const Values& x) { return formula(x[0]); },
          {},
          {[function] { return function(some({2}, i64)); }}};
}

/// An elementwise function that takes integers too.
PrimitiveCase any_dtype(std::string name, std::function<Tensor(const Tensor&)> function, double (*formula)(double),
                        double low = -1.5, double high = 1.5) {
  PrimitiveCase row = unary(std::move(name), std::move(function), formula, low, high);
  row.refused.clear();
  return row;
}

PrimitiveCase binary(std::string name, std::function<Tensor(const Tensor&, const Tensor&)> function,
                     double (*formula)(double, double), double low = -1.5, double high = 1.5,
                     std::string speaker = {}) {
  PrimitiveCase row{std::move(name),
                    [function](const Tensors& x) { return function(x[0], x[1]); },
                    {{2, 3}, {2, 3}},
                    low,
                    high,
                    [formula](const Values& x) { return formula(x[0], x[1]); },
                    {},
                    {[function] { return function(some({2}), some({2}, f32)); }}};
  row.speaker = std::move(speaker);
  return row;
}

}  // namespace

void add_elementwise(std::vector<PrimitiveCase>& rows) {
  rows.push_back(unary(
      "ceil", ceil, [](double x) { return std::ceil(x); }, 0.1, 0.9));
  rows.push_back(unary(
      "trunc", trunc, [](double x) { return std::trunc(x); }, -1.9, -1.1));
  rows.push_back(unary(
      "round", round, [](double x) { return std::nearbyint(x); }, 1.6, 2.4));
  rows.push_back(any_dtype("isnan", isnan, [](double x) { return double(std::isnan(x)); }));
  rows.push_back(any_dtype("isinf", isinf, [](double x) { return double(std::isinf(x)); }));
  rows.push_back(any_dtype("isfinite", isfinite, [](double x) { return double(std::isfinite(x)); }));
  rows.push_back(any_dtype("logical_not", logical_not, [](double x) { return double(x == 0); }));
  rows.push_back(binary(
      "logical_and", logical_and, [](double a, double b) { return double(a != 0 && b != 0); }, -1.5, 1.5, "mul"));
  rows.push_back(binary(
      "logical_or", logical_or, [](double a, double b) { return double(a != 0 || b != 0); }, -1.5, 1.5, "maximum"));
  rows.push_back(binary(
      "logical_xor", logical_xor, [](double a, double b) { return double((a != 0) != (b != 0)); }, -1.5, 1.5,
      "not_equal"));
  rows.push_back(binary(
      "remainder", remainder, [](double a, double b) { return a - std::floor(a / b) * b; }, 1.1, 1.9));
  rows.push_back(
      binary("logaddexp", logaddexp, [](double a, double b) { return std::log(std::exp(a) + std::exp(b)); }));
  rows.push_back(binary(
      "lerp", [](const Tensor& a, const Tensor& b) { return lerp(a, b, 0.25); },
      [](double a, double b) { return a + 0.25 * (b - a); }));
  rows.push_back({"lerp",
                  [](const Tensors& x) { return lerp(x[0], x[1], x[2]); },
                  {{2, 3}, {2, 3}, {2, 3}},
                  -1.5,
                  1.5,
                  [](const Values& x) { return x[0] + x[2] * (x[1] - x[0]); }});
  rows.push_back(binary(
      "greater", [](const Tensor& a, const Tensor& b) { return greater(a, b); },
      [](double a, double b) { return double(a > b); }, -1.5, 1.5, "less"));
  rows.push_back(binary(
      "greater_equal", [](const Tensor& a, const Tensor& b) { return greater_equal(a, b); },
      [](double a, double b) { return double(a >= b); }, -1.5, 1.5, "less_equal"));
  // Numbers on either side.
  const auto number = [&](std::string name, std::function<Tensor(const Tensor&)> function, double (*formula)(double)) {
    PrimitiveCase row = any_dtype(name, function, formula);
    row.refused = {[function] { return function(some({2}, i64)); }};
    rows.push_back(row);
  };
  number(
      "maximum", [](const Tensor& x) { return maximum(x, 0.5); }, [](double x) { return std::max(x, 0.5); });
  number(
      "minimum", [](const Tensor& x) { return minimum(0.5, x); }, [](double x) { return std::min(x, 0.5); });
  number(
      "equal", [](const Tensor& x) { return equal(x, 0.5); }, [](double x) { return double(x == 0.5); });
  number(
      "not_equal", [](const Tensor& x) { return not_equal(0.5, x); }, [](double x) { return double(x != 0.5); });
  number(
      "less", [](const Tensor& x) { return less(x, 0.5); }, [](double x) { return double(x < 0.5); });
  number(
      "less_equal", [](const Tensor& x) { return less_equal(0.5, x); }, [](double x) { return double(0.5 <= x); });
  number(
      "greater", [](const Tensor& x) { return greater(0.5, x); }, [](double x) { return double(0.5 > x); });
  number(
      "greater_equal", [](const Tensor& x) { return greater_equal(x, 0.5); },
      [](double x) { return double(x >= 0.5); });
  number(
      "where", [](const Tensor& x) { return where(less(x, 0), square(x), 0.5); },
      [](double x) { return x < 0 ? x * x : 0.5; });
  number(
      "where", [](const Tensor& x) { return where(less(0, x), 0.5, x); }, [](double x) { return x > 0 ? 0.5 : x; });
  number(
      "pow", [](const Tensor& x) { return pow(x, 2.5); }, [](double x) { return std::pow(x, 2.5); });
  rows.back().low = 0.5;
  rows.push_back(any_dtype(
      "pow", [](const Tensor& x) { return pow(1.5, x); }, [](double x) { return std::pow(1.5, x); }));
}

void add_activations(std::vector<PrimitiveCase>& rows) {
  for (const auto& [low, high] : {std::pair{-1.5, -0.2}, std::pair{0.2, 1.5}}) {
    rows.push_back(any_dtype(
        "relu", relu, [](double x) { return std::max(x, 0.0); }, low, high));
    rows.push_back(any_dtype(
        "relu_squared", relu_squared, [](double x) { return x > 0 ? x * x : 0; }, low, high));
    rows.push_back(unary(
        "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); }, [](double x) { return x > 0 ? x : 0.1 * x; },
        low, high));
    rows.push_back(unary(
        "elu", [](const Tensor& x) { return elu(x, 1.5); }, [](double x) { return x > 0 ? x : 1.5 * std::expm1(x); },
        low, high));
    rows.push_back(unary(
        "celu", [](const Tensor& x) { return celu(x, 1.5); },
        [](double x) { return x > 0 ? x : 1.5 * std::expm1(x / 1.5); }, low, high));
    rows.push_back(unary(
        "selu", selu,
        [](double x) { return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * std::expm1(x)); }, low,
        high));
    rows.push_back(unary(
        "softsign", softsign, [](double x) { return x / (1 + std::abs(x)); }, low, high));
  }
  rows.push_back(unary(
      "gelu", gelu, [](double x) { return x * 0.5 * std::erfc(-x / std::numbers::sqrt2); }, -3, 3));
  rows.push_back(unary(
      "gelu_tanh", gelu_tanh,
      [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x))); },
      -3, 3));
  rows.push_back(unary(
      "silu", silu, [](double x) { return x / (1 + std::exp(-x)); }, -3, 3));
  rows.push_back(unary(
      "mish", mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -3, 3));
  for (const double middle : {-4.0, 0.0, 4.0}) {
    rows.push_back(unary(
        "hardsigmoid", hardsigmoid, [](double x) { return x <= -3  ? 0
                                                          : x >= 3 ? 1
                                                                   : x / 6 + 0.5; }, middle - 0.9,
        middle + 0.9));
    rows.push_back(unary(
        "hardswish", hardswish, [](double x) { return x <= -3  ? 0
                                                      : x >= 3 ? x
                                                               : x * (x + 3) / 6; }, middle - 0.9,
        middle + 0.9));
    PrimitiveCase row = any_dtype(
        "clamp", [](const Tensor& x) { return clamp(x, -1.5, 2); },
        [](double x) { return std::min(std::max(x, -1.5), 2.0); }, middle - 0.9, middle + 0.9);
    row.refused = {[] { return clamp(some({2}), 1, 0); }, [] { return clamp(some({2}, i64), 0.5, 2); }};
    rows.push_back(row);
  }
  rows.push_back(plain(
      "prelu", [](const Tensors& x) { return prelu(x[0], x[1]); }, {{2, 2}, {2}},
      [](const auto& v) {
        Values y = v[0];
        for (int i = 0; i < 4; ++i) y[i] = y[i] > 0 ? y[i] : y[i] * v[1][i % 2];
        return y;
      },
      {[] {
         return prelu(some({2, 3}), some({2}));
       },
       [] { return prelu(some({2}, i64), some({1}, i64)); }},
      {{{{0, 2}, {2}}, {0, 2}}, {{{}, {}}, {}}}));
}

}  // namespace sg::test

// One row a primitive: to add a primitive, copy a neighbour's row.
#include "tests/engine/primitive_cases.h"

#include <algorithm>
#include <cmath>

#include "engine/linalg.h"
#include "engine/transforms.h"

namespace sg::test {
namespace {

Tensor some(const Shape& shape, Dtype dtype = f64) { return ones(shape, dtype); }

Tensor index(std::initializer_list<double> values, const Shape& shape) { return tensor(values, shape, i64); }

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

/// Rows whose inputs are [2, 3]: the value is spelled out by index arithmetic.
PrimitiveCase plain(std::string name, Function function, std::vector<Shape> shapes,
                    std::function<Values(const std::vector<Values>&)> value,
                    std::vector<std::function<Tensor()>> refused) {
  return {std::move(name), std::move(function), std::move(shapes), -1.5, 1.5, {}, std::move(value), std::move(refused)};
}

Values pick(const Values& x, std::initializer_list<int> places) {
  Values result;
  for (int place : places) result.push_back(place < 0 ? 0.0 : x[place]);
  return result;
}

std::vector<PrimitiveCase> make_cases() {
  std::vector<PrimitiveCase> rows;
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

  // movement.cpp
  rows.push_back(plain(
      "reshape",
      [](const Tensors& x) {
        return reshape(x[0], {3, -1});
      },
      {{2, 3}}, [](const auto& x) { return x[0]; },
      {[] {
         return reshape(some({2, 3}), {4, 2});
       },
       [] {
         return reshape(some({2, 3}), {-1, -1});
       }}));
  rows.push_back(plain(
      "transpose",
      [](const Tensors& x) {
        return transpose(x[0], {1, 0});
      },
      {{2, 3}},
      [](const auto& x) {
        return pick(x[0], {0, 3, 1, 4, 2, 5});
      },
      {[] {
         return transpose(some({2, 3}), {0});
       },
       [] {
         return transpose(some({2, 3}), {0, 0});
       }}));
  rows.push_back(plain(
      "broadcast_to",
      [](const Tensors& x) {
        return broadcast_to(x[0], {2, 2, 2});
      },
      {{2, 1}},
      [](const auto& x) {
        return pick(x[0], {0, 0, 1, 1, 0, 0, 1, 1});
      },
      {[] {
        return broadcast_to(some({2, 3}), {3, 3});
      }}));
  rows.push_back(plain(
      "slice", [](const Tensors& x) { return slice(x[0], 1, 1, 5, 2); }, {{2, 6}},
      [](const auto& x) {
        return pick(x[0], {1, 3, 7, 9});
      },
      {[] {
         return slice(some({2, 3}), 2, 0, 1);
       },
       [] { return slice(some({2}), 0, 0, 1, 0); }}));
  rows.push_back(plain(
      "flip", [](const Tensors& x) { return flip(x[0], {1}) * x[0]; }, {{2, 3}},
      [](const auto& v) {
        Values result = pick(v[0], {2, 1, 0, 5, 4, 3});
        for (int i = 0; i < 6; ++i) result[i] *= v[0][i];
        return result;
      },
      {[] { return flip(some({2}), {1}); }}));
  rows.push_back(plain(
      "pad",
      [](const Tensors& x) {
        return pad(x[0], {1, 0}, {0, 2});
      },
      {{1, 2}},
      [](const auto& x) {
        return pick(x[0], {-1, -1, -1, -1, 0, 1, -1, -1});
      },
      {[] {
         return pad(some({2}), {1, 1}, {0});
       },
       [] { return pad(some({2}), {-1}, {0}); }}));
  rows.push_back(plain(
      "dilate", [](const Tensors& x) { return dilate(x[0], 1, 2, 4); }, {{2, 2}},
      [](const auto& x) {
        return pick(x[0], {0, -1, 1, -1, 2, -1, 3, -1});
      },
      {[] { return dilate(some({3}), 0, 2, 4); }}));
  rows.push_back(plain(
      "concat",
      [](const Tensors& x) {
        return concat({x[0], x[1], x[0]}, 1);
      },
      {{2, 1}, {2, 2}},
      [](const auto& x) { return Values{x[0][0], x[1][0], x[1][1], x[0][0], x[0][1], x[1][2], x[1][3], x[0][1]}; },
      {[] { return concat({}, 0); },
       [] {
         return concat({some({2, 1}), some({3, 1})}, 1);
       },
       [] {
         return concat({some({2}), some({2}, f32)}, 0);
       }}));

  // indexing.cpp
  rows.push_back(plain(
      "gather",
      [](const Tensors& x) {
        return gather(x[0], index({2, 0, 0, 1}, {2, 2}), 1);
      },
      {{2, 3}},
      [](const auto& x) {
        return pick(x[0], {2, 0, 3, 4});
      },
      {[] {
         return gather(some({2, 3}), index({0}, {1}), 1);
       },
       [] {
         return gather(some({2, 3}), some({2, 2}), 1);
       },
       [] {
         return gather(some({2, 3}), index({3, 0}, {2, 1}), 1).eval();
       }}));
  rows.push_back(plain(
      "scatter_add",
      [](const Tensors& x) {
        return scatter_add(x[0], index({2, 0, 1, 1}, {2, 2}), x[1], 1);
      },
      {{2, 3}, {2, 2}},
      [](const auto& x) {
        Values r = x[0];
        r[2] += x[1][0], r[0] += x[1][1], r[4] += x[1][2], r[4] += x[1][3];
        return r;
      },
      {[] {
         return scatter_add(some({2, 3}), index({0, 0}, {2, 1}), some({2, 2}), 1);
       },
       [] {
         return scatter_add(some({2, 3}), index({-1, 0}, {2, 1}), some({2, 1}), 1).eval();
       }}));

  rows.push_back(plain(
      "scatter_place",
      [](const Tensors& x) {
        return scatter(x[0], index({2, 0}, {2, 1}), x[1], 1);
      },
      {{2, 3}, {2, 1}}, [](const auto& x) { return Values{x[0][0], x[0][1], x[1][0], x[1][1], x[0][4], x[0][5]}; },
      {}));

  // scan.cpp
  rows.push_back(plain(
      "cumsum", [](const Tensors& x) { return square(cumsum(x[0], 1)); }, {{2, 3}},
      [](const auto& v) {
        Values r = v[0];
        for (int i : {1, 2, 4, 5}) r[i] += r[i - 1];
        for (double& value : r) value *= value;
        return r;
      },
      {[] { return cumsum(some({2}), 1); }}));
  rows.back().edges = {{{{2, 0}}, {2, 0}}, {{{1, 1}}, {1, 1}}};
  rows.push_back(plain(
      "argsort", [](const Tensors& x) { return gather(x[0], argsort(x[0], 0), 0); }, {{4}},
      [](const auto& v) {
        Values r = v[0];
        std::sort(r.begin(), r.end());
        return r;
      },
      {[] { return argsort(some({2}), 1); }}));
  rows.back().edges = {{{{0}}, {0}}, {{{1}}, {1}}};

  // matmul.cpp
  rows.push_back(plain(
      "matmul", [](const Tensors& x) { return matmul(x[0], x[1]); }, {{2, 2}, {2, 2}},
      [](const auto& x) {
        const Values &a = x[0], &b = x[1];
        return Values{a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2],
                      a[2] * b[1] + a[3] * b[3]};
      },
      {[] {
         return matmul(some({2, 3}), some({2, 3}));
       },
       [] {
         return matmul(some({}), some({2, 3}));
       },
       [] {
         return matmul(some({2, 2, 3}), some({3, 3, 2}));
       },
       [] {
         return matmul(some({2, 3}, i64), some({3, 2}, i64));
       }}));
  rows.push_back(plain(
      "matmul", [](const Tensors& x) { return matmul(transpose(x[0]), x[1]); }, {{2, 1, 2}, {1, 1, 1}},
      [](const auto& x) {
        Values r = x[0];
        for (double& v : r) v *= x[1][0];
        return r;
      },
      {}));

  // conv.cpp: values against plain loops are in test_conv_kernels.cpp, here one small sum each
  const Conv2dOptions strided{{2, 1}, {1, 0}, {1, 1}, 1};
  rows.push_back(plain(
      "conv2d", [=](const Tensors& x) { return conv2d(x[0], x[1], strided); }, {{1, 1, 2, 2}, {1, 1, 2, 2}},
      [](const auto& v) {
        const Values &x = v[0], &w = v[1];
        return Values{x[0] * w[2] + x[1] * w[3], x[2] * w[0] + x[3] * w[1]};
      },
      {[] {
         return conv2d(some({1, 2, 3, 3}), some({1, 1, 2, 2}));
       },
       [] {
         return conv2d(some({1, 1, 1, 1}), some({1, 1, 2, 2}));
       },
       [] {
         return conv2d(some({1, 1, 3}), some({1, 1, 2, 2}));
       },
       [] {
         return conv2d(some({1, 1, 3, 3}), some({1, 1, 2, 2}), {.stride = {0, 1}});
       }}));
  rows.push_back(plain(
      "conv_transpose2d", [=](const Tensors& x) { return conv_transpose2d(x[0], x[1], strided); },
      {{1, 1, 2, 1}, {1, 1, 2, 2}},
      [](const auto& v) {
        const Values &y = v[0], &w = v[1];
        return Values{y[0] * w[2], y[0] * w[3], y[1] * w[0], y[1] * w[1]};
      },
      {[] {
         return conv_transpose2d(some({1, 2, 3, 3}), some({1, 1, 2, 2}));
       },
       [] {
         return conv_transpose2d(some({1, 1, 3, 3}), some({1, 1, 2, 2}), {}, {1, 0});
       }}));
  rows.push_back(plain(
      "conv2d_weight_gradient",
      [=](const Tensors& x) {
        return conv2d_weight_gradient(x[0], x[1], {2, 2}, strided);
      },
      {{1, 1, 2, 2}, {1, 1, 2, 1}},
      [](const auto& v) {
        const Values &x = v[0], &g = v[1];
        return Values{x[2] * g[1], x[3] * g[1], x[0] * g[0], x[1] * g[0]};
      },
      {[] {
        return conv2d_weight_gradient(some({1, 1, 3, 3}), some({1, 1, 3, 3}), {2, 2});
      }}));
  rows.push_back({"conv2d",
                  [](const Tensors& x) {
                    return conv2d(x[0], x[1], {{2, 1}, {1, 2}, {1, 2}, 2});
                  },
                  {{2, 4, 5, 4}, {4, 2, 3, 2}}});

  // pool.cpp
  rows.push_back(plain(
      "max_pool2d_index",
      [](const Tensors& x) {
        return max_pool2d(x[0], {{2, 2}, {2, 1}, {0, 1}});
      },
      {{1, 1, 2, 2}},
      [](const auto& v) {
        const Values& x = v[0];
        return Values{std::max(x[0], x[2]), std::max({x[0], x[1], x[2], x[3]}), std::max(x[1], x[3])};
      },
      {[] {
         return max_pool2d(some({1, 2, 2}));
       },
       [] {
         return max_pool2d(some({1, 1, 1, 2}));
       },
       [] {
         return max_pool2d(some({1, 1, 4, 4}), {{2, 2}, {2, 2}, {2, 2}});
       }}));
  rows.back().speaker = "max_pool2d";

  // linalg.cpp: symmetric and well-conditioned matrices are made of any inputs
  const auto near_identity = [](const Tensor& x) { return x * 0.3 + eye(2, x.dtype()) * 2; };
  const auto symmetric = [](const Tensor& x) {
    return (x + transpose(x)) * 0.1 + tensor({2, 0.2, 0.2, 3}, {2, 2}, x.dtype());
  };
  rows.push_back(plain(
      "solve", [=](const Tensors& x) { return solve(near_identity(x[0]), x[1]); }, {{2, 2}, {2, 1}},
      [](const auto& v) {
        const double a = v[0][0] * 0.3 + 2, b = v[0][1] * 0.3, c = v[0][2] * 0.3, d = v[0][3] * 0.3 + 2;
        const double p = v[1][0], q = v[1][1], det = a * d - b * c;
        return Values{(d * p - b * q) / det, (a * q - c * p) / det};
      },
      {[] {
         return solve(some({2, 3}), some({2, 1}));
       },
       [] {
         return solve(some({2, 2}), some({3, 1}));
       },
       [] {
         return solve(some({2, 2}), some({2, 1})).eval();
       }}));
  rows.push_back(plain(
      "triangular_solve_lower", [=](const Tensors& x) { return triangular_solve(near_identity(x[0]), x[1]); },
      {{2, 2}, {2, 1}},
      [](const auto& v) {
        const double a = v[0][0] * 0.3 + 2, c = v[0][2] * 0.3, d = v[0][3] * 0.3 + 2, first = v[1][0] / a;
        return Values{first, (v[1][1] - c * first) / d};
      },
      {[] {
        return triangular_solve(zeros({2, 2}), some({2, 1}, f32)).eval();
      }}));
  rows.back().speaker = "triangular_solve";
  rows.push_back(plain(
      "triangular_solve_upper", [=](const Tensors& x) { return triangular_solve(near_identity(x[0]), x[1], false); },
      {{2, 2}, {2, 1}},
      [](const auto& v) {
        const double a = v[0][0] * 0.3 + 2, b = v[0][1] * 0.3, d = v[0][3] * 0.3 + 2, last = v[1][1] / d;
        return Values{(v[1][0] - b * last) / a, last};
      },
      {[] {
        return triangular_solve(some({2, 2}), some({2, 1}, f32), false);
      }}));
  rows.back().speaker = "triangular_solve";
  rows.push_back(plain(
      "cholesky", [=](const Tensors& x) { return cholesky(symmetric(x[0])); }, {{2, 2}},
      [](const auto& v) {
        const double a = v[0][0] * 0.2 + 2, b = (v[0][1] + v[0][2]) * 0.1 + 0.2, d = v[0][3] * 0.2 + 3;
        const double l = std::sqrt(a);
        return Values{l, 0, b / l, std::sqrt(d - b * b / a)};
      },
      {[] { return cholesky(neg(eye(2))).eval(); }, [] { return cholesky(some({2})); }}));
  rows.push_back(plain(
      "determinant_sign", [=](const Tensors& x) { return slogdet(near_identity(x[0])).first * x[0]; }, {{2, 2}},
      [](const auto& v) { return v[0]; }, {[] {
        return slogdet(some({2, 3})).first;
      }}));
  rows.back().speaker = "slogdet";
  rows.push_back(plain(
      "log_determinant", [=](const Tensors& x) { return slogdet(near_identity(x[0])).second; }, {{2, 2}},
      [](const auto& v) {
        const double a = v[0][0] * 0.3 + 2, b = v[0][1] * 0.3, c = v[0][2] * 0.3, d = v[0][3] * 0.3 + 2;
        return Values{std::log(a * d - b * c)};
      },
      {[] { return det(some({3})); }}));
  rows.back().speaker = "det";
  rows.push_back(plain(
      "eigh", [=](const Tensors& x) { return eigh(symmetric(x[0])).first; }, {{2, 2}},
      [](const auto& v) {
        const double a = v[0][0] * 0.2 + 2, b = (v[0][1] + v[0][2]) * 0.1 + 0.2, d = v[0][3] * 0.2 + 3;
        const double middle = (a + d) / 2, radius = std::sqrt((a - d) * (a - d) / 4 + b * b);
        return Values{middle - radius, middle + radius};
      },
      {[] {
        return eigh(some({2, 3})).first;
      }}));
  // A vector's projector does not depend on its sign.
  rows.push_back({"eigh",
                  [=](const Tensors& x) {
                    const Tensor first = slice(eigh(symmetric(x[0])).second, 1, 0, 1);
                    return matmul(first, transpose(first));
                  },
                  {{2, 2}}});

  // transforms.cpp
  rows.push_back({"vmap_input",
                  [](const Tensors& x) {
                    return squeeze(vmap([](const Tensor& slice) { return sin(slice); })(unsqueeze(x[0], 0)), 0);
                  },
                  {{2, 3}},
                  -1,
                  1,
                  [](const Values& x) { return std::sin(x[0]); }});
  DerivativeRules sine;
  sine.vjp = [](const Tensors& in, const Tensor&, const Tensor& cotangent) { return Tensors{cotangent * cos(in[0])}; };
  rows.push_back({"custom_derivative",
                  [sine](const Tensors& x) {
                    return custom_derivative([](const Tensors& in) { return sin(in[0]); }, sine)({x[0]});
                  },
                  {{2, 3}},
                  -1,
                  1,
                  [](const Values& x) { return std::sin(x[0]); }});
  rows.back().speaker = "max_pool2d";
  return rows;
}

}  // namespace

const std::vector<PrimitiveCase>& primitive_cases() {
  static const std::vector<PrimitiveCase> rows = make_cases();
  return rows;
}

}  // namespace sg::test

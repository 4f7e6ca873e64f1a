// One row a function of ops.h that is not the public face of one primitive: to add a function, copy a neighbour's row.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/engine/primitive_cases.h"

namespace sg::test {
namespace {

Tensor some(const Shape& shape, Dtype dtype = f64) { return ones(shape, dtype); }
Tensor index(std::initializer_list<double> values, const Shape& shape) { return tensor(values, shape, i64); }

using Call = std::function<Tensor()>;

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

PrimitiveCase plain(std::string name, Function function, std::vector<Shape> shapes,
                    std::function<Values(const std::vector<Values>&)> value, std::vector<Call> refused = {},
                    std::vector<PrimitiveCase::Edge> edges = {}) {
  PrimitiveCase row{std::move(name),  std::move(function), std::move(shapes), -1.5, 1.5, {},
                    std::move(value), std::move(refused)};
  row.edges = std::move(edges);
  return row;
}

/// A reduction of [2, 3] over its last axis, over an empty tensor's and over one element.
PrimitiveCase reduction(std::string name, Tensor (*function)(const Tensor&, const Axes&, bool),
                        std::function<double(const Values&)> of_line, double low = -1.5, double high = 1.5,
                        bool takes_integers = false, bool takes_nothing = true) {
  PrimitiveCase row{name,
                    [function](const Tensors& x) { return function(x[0], {-1}, false); },
                    {{2, 3}},
                    low,
                    high,
                    {},
                    [of_line](const std::vector<Values>& x) {
                      return Values{of_line({x[0][0], x[0][1], x[0][2]}), of_line({x[0][3], x[0][4], x[0][5]})};
                    },
                    {[function] {
                       return function(some({2, 3}), {2}, false);
                     },
                     [function] {
                       return function(some({2, 3}), {0, 0}, false);
                     }}};
  if (!takes_integers) row.refused.push_back([function] { return function(some({2}, i64), {0}, false); });
  row.edges = {{{{0, 3}}, {0}}, {{{1}}, {}}, {{{1, 1}}, {1}}};
  if (takes_nothing) row.edges.push_back({{{3, 0}}, {3}});
  return row;
}

double total(const Values& x) {
  double sum = 0;
  for (double v : x) sum += v;
  return sum;
}
double spread(const Values& x) {
  const double mean = total(x) / static_cast<double>(x.size());
  double sum = 0;
  for (double v : x) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(x.size());
}

Values with(const Values& x, std::initializer_list<double> added) {
  Values result = x;
  std::size_t i = 0;
  for (double v : added) result[i++] += v;
  return result;
}

Values pick(const Values& x, std::initializer_list<int> places) {
  Values result;
  for (int place : places) result.push_back(place < 0 ? 0.0 : x[place]);
  return result;
}

void add_creation(std::vector<PrimitiveCase>& rows) {
  const auto refuses = [&](Call call) { return std::vector<Call>{std::move(call)}; };
  rows.push_back(plain(
      "tensor",
      [](const Tensors& x) {
        return x[0] + tensor({1, 2, 3}, {3}, x[0].dtype());
      },
      {{3}},
      [](const auto& x) {
        return with(x[0], {1, 2, 3});
      },
      {[] {
         return tensor({1, 2}, {3});
       },
       [] { return tensor({0.5}, {1}, i64); }}));
  rows.push_back(plain(
      "scalar", [](const Tensors& x) { return x[0] * scalar(2.5, x[0].dtype()); }, {{1}},
      [](const auto& x) { return Values{x[0][0] * 2.5}; }, refuses([] { return scalar(0.5, i64); })));
  rows.push_back(plain(
      "zeros", [](const Tensors& x) { return x[0] + zeros({3}, x[0].dtype()); }, {{3}},
      [](const auto& x) { return x[0]; }));
  rows.push_back(plain(
      "ones", [](const Tensors& x) { return x[0] + ones({3}, x[0].dtype()); }, {{3}},
      [](const auto& x) {
        return with(x[0], {1, 1, 1});
      }));
  rows.push_back(plain(
      "zeros_like", [](const Tensors& x) { return x[0] + zeros_like(x[0]); }, {{3}},
      [](const auto& x) { return x[0]; }));
  rows.push_back(plain(
      "ones_like", [](const Tensors& x) { return x[0] + ones_like(x[0]); }, {{3}},
      [](const auto& x) {
        return with(x[0], {1, 1, 1});
      }));
  PrimitiveCase like = plain(
      "full_like", [](const Tensors& x) { return x[0] + full_like(x[0], 2); }, {{3}},
      [](const auto& x) {
        return with(x[0], {2, 2, 2});
      },
      refuses([] { return full_like(some({2}, i64), 0.5); }));
  like.speaker = "full";
  rows.push_back(like);
  rows.push_back(plain(
      "arange", [](const Tensors& x) { return x[0] + arange(3, x[0].dtype()); }, {{3}},
      [](const auto& x) {
        return with(x[0], {0, 1, 2});
      },
      refuses([] { return arange(-1); })));
  rows.push_back(plain(
      "linspace", [](const Tensors& x) { return x[0] + linspace(1, 2, 3, x[0].dtype()); }, {{3}},
      [](const auto& x) {
        return with(x[0], {1, 1.5, 2});
      },
      refuses([] { return linspace(0, 1, -1); })));
  rows.push_back(plain(
      "eye", [](const Tensors& x) { return x[0] + eye(2, x[0].dtype()); }, {{2, 2}},
      [](const auto& x) {
        return with(x[0], {1, 0, 0, 1});
      },
      refuses([] { return eye(-1); })));
}

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
      [](double a, double b) { return a + 0.25 * (b - a); }, -1.5, 1.5, "sub"));
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

void add_reductions(std::vector<PrimitiveCase>& rows) {
  rows.push_back(reduction("sum", sum, total, -1.5, 1.5, true));
  rows.push_back(reduction(
      "mean", mean, [](const Values& x) { return total(x) / 3; }, -1.5, 1.5, true, false));
  rows.push_back(reduction(
      "prod", prod, [](const Values& x) { return x[0] * x[1] * x[2]; }, -1.5, 1.5, true));
  rows.push_back(reduction(
      "norm", norm, [](const Values& x) { return std::sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]); }, 0.3, 1.5));
  rows.push_back(reduction("variance", variance, spread, -1.5, 1.5, false, false));
  rows.push_back(reduction(
      "standard_deviation", standard_deviation, [](const Values& x) { return std::sqrt(spread(x)); }, -1.5, 1.5, false,
      false));
  rows.push_back(reduction(
      "logsumexp", logsumexp,
      [](const Values& x) { return std::log(std::exp(x[0]) + std::exp(x[1]) + std::exp(x[2])); }, -1.5, 1.5, false,
      false));
  rows.push_back(reduction(
      "max", max, [](const Values& x) { return *std::max_element(x.begin(), x.end()); }, -1.5, 1.5, true, false));
  rows.push_back(reduction(
      "min", min, [](const Values& x) { return *std::min_element(x.begin(), x.end()); }, -1.5, 1.5, true, false));
  rows.push_back(reduction(
      "any", any, [](const Values&) { return 1.0; }, 0.2, 1.5, true));
  rows.push_back(reduction(
      "all", all, [](const Values&) { return 1.0; }, 0.2, 1.5, true));
  const auto whole = [&](std::string name, Tensor (*function)(const Tensor&), std::function<double(const Values&)> of) {
    rows.push_back(plain(
        std::move(name), [function](const Tensors& x) { return function(x[0]); }, {{2, 2}},
        [of](const auto& x) { return Values{of(x[0])}; }, {}, {{{{1}}, {}}, {{{}}, {}}}));
  };
  whole("sum", sum, total);
  whole("mean", mean, [](const Values& x) { return total(x) / 4; });
  whole("prod", prod, [](const Values& x) { return x[0] * x[1] * x[2] * x[3]; });
  whole("variance", variance, spread);
  whole("max", max, [](const Values& x) { return *std::max_element(x.begin(), x.end()); });
  rows.push_back(plain(
      "argmin", [](const Tensors& x) { return cast(argmin(x[0], 1), x[0].dtype()) + sum(x[0], 1); }, {{2, 3}},
      [](const auto& v) {
        Values r;
        for (int i = 0; i < 2; ++i) {
          const auto line = v[0].begin() + 3 * i;
          r.push_back(static_cast<double>(std::min_element(line, line + 3) - line) + line[0] + line[1] + line[2]);
        }
        return r;
      },
      {[] {
         return argmin(some({0, 3}), 0);
       },
       [] { return argmin(some({2}), 1); }}));
  const auto soft = [](const Values& x, bool logarithm) {
    Values r;
    for (int i = 0; i < 6; ++i) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += std::exp(x[i / 3 * 3 + k]);
      r.push_back(logarithm ? x[i] - std::log(sum) : std::exp(x[i]) / sum);
    }
    return r;
  };
  rows.push_back(plain(
      "softmax", [](const Tensors& x) { return softmax(x[0], 1); }, {{2, 3}},
      [soft](const auto& x) { return soft(x[0], false); },
      {[] { return softmax(some({2}), 1); }, [] { return softmax(some({2}, i64), 0); }},
      {{{{0, 3}}, {0, 3}}, {{{1, 1}}, {1, 1}}}));
  rows.push_back(plain(
      "log_softmax", [](const Tensors& x) { return log_softmax(x[0], 1); }, {{2, 3}},
      [soft](const auto& x) { return soft(x[0], true); },
      {[] { return log_softmax(some({2}), 1); }, [] { return log_softmax(some({2}, i64), 0); }},
      {{{{0, 3}}, {0, 3}}, {{{1, 1}}, {1, 1}}}));
  rows.push_back(plain(
      "cumprod", [](const Tensors& x) { return cumprod(x[0], 0); }, {{5}},
      [](const auto& v) {
        Values r = v[0];
        for (int i = 1; i < 5; ++i) r[i] *= r[i - 1];
        return r;
      },
      {[] { return cumprod(some({2}), 1); }}, {{{{0}}, {0}}, {{{1}}, {1}}}));
  const auto sorted = [](Values x, bool down) {
    std::sort(x.begin(), x.end());
    if (down) std::reverse(x.begin(), x.end());
    return x;
  };
  rows.push_back(plain(
      "sort", [](const Tensors& x) { return sort(x[0], 0, true).values; }, {{5}},
      [sorted](const auto& x) { return sorted(x[0], true); }, {[] { return sort(some({2}), 1).values; }},
      {{{{0}}, {0}}, {{{1}}, {1}}}));
  rows.push_back(plain(
      "topk", [](const Tensors& x) { return topk(x[0], 2, 0, false).values; }, {{5}},
      [sorted](const auto& x) {
        return pick(sorted(x[0], false), {0, 1});
      },
      {[] { return topk(some({2}), 3, 0).values; }}));
}

void add_movement(std::vector<PrimitiveCase>& rows) {
  const auto same = [](const std::vector<Values>& x) { return x[0]; };
  rows.push_back(plain("flatten", [](const Tensors& x) { return flatten(x[0], 1); }, {{1, 2, 3}}, same,
                       {[] { return flatten(some({2}), 1); }}, {{{{2, 0, 3}}, {2, 0}}, {{{1}}, {1}}}));
  rows.back().edges.pop_back();
  rows.push_back(plain("unsqueeze",
                       [](const Tensors& x) {
                         return unsqueeze(unsqueeze(x[0], Axes{0, 2}), -1);
                       },
                       {{2}}, same, {[] { return unsqueeze(some({2}), 3); }},
                       {{{{0}}, {1, 0, 1, 1}}, {{{1}}, {1, 1, 1, 1}}}));
  rows.push_back(plain("squeeze",
                       [](const Tensors& x) {
                         return squeeze(squeeze(x[0], Axes{0, -1}), 1);
                       },
                       {{1, 2, 1, 1}}, same, {[] { return squeeze(some({2}), 0); }},
                       {{{{1, 0, 1, 1}}, {0}}, {{{1, 1, 1, 1}}, {1}}}));
  rows.push_back(plain(
      "sum_to",
      [](const Tensors& x) {
        return sum_to(x[0], {2, 1});
      },
      {{2, 2, 2}},
      [](const auto& v) {
        const Values& x = v[0];
        return Values{x[0] + x[1] + x[4] + x[5], x[2] + x[3] + x[6] + x[7]};
      },
      {[] {
        return sum_to(some({2, 3}), {3, 3});
      }}));
  rows.push_back(plain(
      "slice",
      [](const Tensors& x) {
        return concat({slice(x[0], 0, -2, 100), slice(x[0], 0, 4, -9, -2)}, 0);
      },
      {{5}},
      [](const auto& x) {
        return pick(x[0], {3, 4, 4, 2, 0});
      },
      {[] { return slice(some({2}), 0, 0, 1, 0); }, [] { return slice(some({2}), 1, 0, 1); }}, {{{{0}}, {0}}}));
  rows.push_back(plain(
      "roll", [](const Tensors& x) { return roll(x[0], -1, 1) * roll(x[0], 5, 1); }, {{1, 3}},
      [](const auto& v) {
        const Values& x = v[0];
        return Values{x[1] * x[1], x[2] * x[2], x[0] * x[0]};
      },
      {[] { return roll(some({2}), 1, 1); }}, {{{{2, 0}}, {2, 0}}, {{{1, 1}}, {1, 1}}}));
  rows.push_back(plain(
      "pad",
      [](const Tensors& x) {
        return pad(x[0], {1, 0}, {0, 1}, 2.5);
      },
      {{1, 2}}, [](const auto& x) { return Values{2.5, 2.5, 2.5, x[0][0], x[0][1], 2.5}; },
      {[] {
         return pad(some({2}), {1, 1}, {0}, 1);
       },
       [] { return pad(some({2}, i64), {1}, {0}, 0.5); }}));
  for (const auto& [mode, places] : {std::pair{PadMode::reflect, std::vector<int>{2, 1, 0, 1, 2, 1}},
                                     std::pair{PadMode::replicate, std::vector<int>{0, 0, 0, 1, 2, 2}},
                                     std::pair{PadMode::circular, std::vector<int>{1, 2, 0, 1, 2, 0}}}) {
    const std::vector<int> order = places;
    rows.push_back(plain(
        "pad", [mode = mode](const Tensors& x) { return pad(x[0], {2}, {1}, mode); }, {{3}},
        [order](const auto& x) {
          Values r;
          for (int place : order) r.push_back(x[0][place]);
          return r;
        },
        {[mode = mode] { return pad(zeros({0}, f64), {1}, {0}, mode); }}));
  }
  rows.push_back(plain(
      "stack",
      [](const Tensors& x) {
        return stack({x[0], x[1]}, 1);
      },
      {{2}, {2}},
      [](const auto& x) {
        return Values{x[0][0], x[1][0], x[0][1], x[1][1]};
      },
      {[] { return stack({}, 0); }}, {{{{0}, {0}}, {0, 2}}}));
  rows.push_back(plain(
      "split",
      [](const Tensors& x) {
        const Tensors parts = split(x[0], {1, 0, 2}, 0);
        return concat({parts[2], parts[1], parts[0]}, 0);
      },
      {{3}},
      [](const auto& x) {
        return pick(x[0], {1, 2, 0});
      },
      {[] {
         return split(some({3}), {1, 1}, 0)[0];
       },
       [] {
         return split(some({3}), {4, -1}, 0)[0];
       }}));
  rows.push_back(plain(
      "chunk",
      [](const Tensors& x) {
        const Tensors parts = chunk(x[0], 2, 0);
        return concat({parts[1], parts[0]}, 0);
      },
      {{3}},
      [](const auto& x) {
        return pick(x[0], {2, 0, 1});
      },
      {[] { return chunk(some({3}), 0, 0)[0]; }}));
  rows.push_back(plain(
      "tile",
      [](const Tensors& x) {
        return tile(x[0], {2, 1, 2});
      },
      {{1, 2}},
      [](const auto& x) {
        return pick(x[0], {0, 1, 0, 1, 0, 1, 0, 1});
      },
      {[] { return tile(some({3}), {-1}); }}, {{{{1, 0}}, {2, 1, 0}}, {{{}}, {2, 1, 2}}}));
  rows.push_back(plain(
      "tril", [](const Tensors& x) { return tril(x[0], -1); }, {{2, 2}},
      [](const auto& x) {
        return pick(x[0], {-1, -1, 2, -1});
      },
      {[] { return tril(some({2})); }}, {{{{0, 3}}, {0, 3}}, {{{1, 1}}, {1, 1}}}));
  rows.push_back(plain(
      "triu", [](const Tensors& x) { return triu(x[0]); }, {{2, 3}},
      [](const auto& x) {
        return pick(x[0], {0, 1, 2, -1, 4, 5});
      },
      {[] { return triu(some({2})); }}, {{{{0, 3}}, {0, 3}}, {{{1, 1}}, {1, 1}}}));
  rows.push_back(plain(
      "diagonal", [](const Tensors& x) { return diagonal(x[0], 1); }, {{2, 3}},
      [](const auto& x) {
        return pick(x[0], {1, 5});
      },
      {[] { return diagonal(some({2})); }}, {{{{0, 3}}, {0}}, {{{1, 1}}, {0}}, {{{4, 1, 2}}, {4, 1}}}));
  rows.push_back(plain(
      "trace", [](const Tensors& x) { return trace(x[0]); }, {{2, 3}},
      [](const auto& x) { return Values{x[0][0] + x[0][4]}; }, {[] { return trace(some({2})); }},
      {{{{0, 3}}, {}}, {{{1, 1}}, {}}}));
  rows.push_back(plain(
      "meshgrid",
      [](const Tensors& x) {
        const Tensors grids = meshgrid({x[0], x[1]});
        return grids[0] * grids[1];
      },
      {{2}, {2}},
      [](const auto& x) {
        return Values{x[0][0] * x[1][0], x[0][0] * x[1][1], x[0][1] * x[1][0], x[0][1] * x[1][1]};
      },
      {[] {
        return meshgrid({some({2, 2})})[0];
      }},
      {{{{0}, {3}}, {0, 3}}}));
}

void add_indexing(std::vector<PrimitiveCase>& rows) {
  rows.push_back(plain(
      "scatter",
      [](const Tensors& x) {
        return scatter(x[0], index({2, 0, 1, 1}, {2, 2}), x[1], 1);
      },
      {{2, 3}, {2, 2}}, [](const auto& x) { return Values{x[1][1], x[0][1], x[1][0], x[0][3], x[1][3], x[0][5]}; },
      {[] {
         return scatter(some({2, 3}), index({0, 0}, {2, 1}), some({2, 2}), 1);
       },
       [] {
         return scatter(some({2, 3}), index({3, 0}, {2, 1}), some({2, 1}), 1).eval();
       }}));
  rows.push_back(plain(
      "take",
      [](const Tensors& x) {
        return take(x[0], index({2, 0, 1, 1}, {2, 2}), 1);
      },
      {{1, 3}},
      [](const auto& x) {
        return pick(x[0], {2, 0, 1, 1});
      },
      {[] {
         return take(some({2, 3}), some({2}), 1);
       },
       [] {
         return take(some({2, 3}), index({0}, {1}), 2);
       }},
      {{{{0, 3}}, {0, 2, 2}}}));
  rows.push_back(plain(
      "one_hot",
      [](const Tensors& x) {
        return x[0] * one_hot(index({1, 0}, {2}), 2, x[0].dtype());
      },
      {{2, 2}},
      [](const auto& x) {
        return pick(x[0], {-1, 1, 2, -1});
      },
      {[] { return one_hot(some({2}), 2); }, [] { return one_hot(index({0}, {1}), -1); }}));
}

void add_products_and_pictures(std::vector<PrimitiveCase>& rows) {
  rows.push_back(plain(
      "einsum",
      [](const Tensors& x) {
        return einsum("ij,kj,j->ki", {x[0], x[1], x[2]});
      },
      {{2, 2}, {2, 2}, {2}},
      [](const auto& v) {
        const Values &a = v[0], &b = v[1], &c = v[2];
        Values r;
        for (int k = 0; k < 2; ++k) {
          for (int i = 0; i < 2; ++i) r.push_back(a[2 * i] * b[2 * k] * c[0] + a[2 * i + 1] * b[2 * k + 1] * c[1]);
        }
        return r;
      },
      {[] {
         return einsum("ij,jk->ik", {some({2, 3})});
       },
       [] {
         return einsum("ij,jk->ik", {some({2, 3}), some({2, 3})});
       },
       [] {
         return einsum("ij->ii", {some({2, 2})});
       },
       [] { return einsum("i!", {some({2})}); }},
      {{{{2, 0}, {3, 0}, {0}}, {3, 2}}, {{{1, 1}, {1, 1}, {1}}, {1, 1}}}));
  rows.push_back(plain(
      "einsum",
      [](const Tensors& x) {
        return einsum("bii,b", {x[0], x[1]});
      },
      {{2, 2, 2}, {2}},
      [](const auto& v) { return Values{(v[0][0] + v[0][3]) * v[1][0] + (v[0][4] + v[0][7]) * v[1][1]}; }));
  rows.push_back(plain(
      "max_pool2d", [](const Tensors& x) { return max_pool2d(x[0]); }, {{1, 1, 2, 2}},
      [](const auto& x) { return Values{*std::max_element(x[0].begin(), x[0].end())}; }, {[] {
        return max_pool2d(some({1, 2, 2}));
      }}));
  rows.push_back(plain(
      "avg_pool2d", [](const Tensors& x) { return avg_pool2d(x[0]); }, {{1, 1, 2, 2}},
      [](const auto& x) { return Values{total(x[0]) / 4}; }, {[] {
        return avg_pool2d(some({1, 2, 2}));
      }}));
  rows.push_back(plain(
      "upsample_nearest2d", [](const Tensors& x) { return upsample_nearest2d(x[0], 2); }, {{1, 1, 1, 2}},
      [](const auto& x) {
        return pick(x[0], {0, 0, 1, 1, 0, 0, 1, 1});
      },
      {[] {
         return upsample_nearest2d(some({2, 2}), 2);
       },
       [] {
         return upsample_nearest2d(some({1, 1, 2, 2}), 0);
       }}));
  rows.push_back(plain(
      "upsample_bilinear2d", [](const Tensors& x) { return upsample_bilinear2d(x[0], 2); }, {{1, 1, 1, 2}},
      [](const auto& v) {
        const double a = v[0][0], b = v[0][1];
        const Values line{a, 0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b, b};
        Values r = line;
        r.insert(r.end(), line.begin(), line.end());
        return r;
      },
      {[] {
         return upsample_bilinear2d(some({2, 2}), 2);
       },
       [] {
         return upsample_bilinear2d(some({1, 1, 2, 2}), 0);
       }}));
  rows.push_back(plain(
      "normalise", [](const Tensors& x) { return normalise(x[0], {1}, 0.1); }, {{2, 3}},
      [](const auto& v) {
        Values r;
        for (int i = 0; i < 2; ++i) {
          const Values line(v[0].begin() + 3 * i, v[0].begin() + 3 * i + 3);
          for (double x : line) r.push_back((x - total(line) / 3) / std::sqrt(spread(line) + 0.1));
        }
        return r;
      },
      {[] { return normalise(some({2}), {1}, 0.1); }, [] { return normalise(some({2}, i64), {0}, 0.1); }}));
  rows.push_back(plain(
      "attention", [](const Tensors& x) { return attention(x[0], x[1], x[2]); }, {{1, 2}, {2, 2}, {2, 1}},
      [](const auto& v) {
        const Values &q = v[0], &k = v[1];
        const double a = std::exp((q[0] * k[0] + q[1] * k[1]) / std::numbers::sqrt2),
                     b = std::exp((q[0] * k[2] + q[1] * k[3]) / std::numbers::sqrt2);
        return Values{(a * v[2][0] + b * v[2][1]) / (a + b)};
      },
      {[] {
        return attention(some({2}), some({2, 2}), some({2, 1}));
      }}));
}

}  // namespace

const std::vector<PrimitiveCase>& operation_cases() {
  static const std::vector<PrimitiveCase> rows = [] {
    std::vector<PrimitiveCase> all;
    add_creation(all);
    add_elementwise(all);
    add_activations(all);
    add_reductions(all);
    add_movement(all);
    add_indexing(all);
    add_products_and_pictures(all);
    return all;
  }();
  return rows;
}

}  // namespace sg::test

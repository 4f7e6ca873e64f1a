// Rows of functions of ops.h that reduce, scan or sort.
#include <algorithm>
#include <cmath>

#include "tests/engine/case_rows.h"

namespace sg::test {
namespace {

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

}  // namespace

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

}  // namespace sg::test

// Rows of functions of ops.h that multiply tensors or treat pictures.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/engine/case_rows.h"

namespace sg::test {

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

}  // namespace sg::test

// Rows of functions of ops.h that create, move and index.
#include <algorithm>
#include <cmath>

#include "tests/engine/case_rows.h"

namespace sg::test {
namespace {

Values with(const Values& x, std::initializer_list<double> added) {
  Values result = x;
  std::size_t i = 0;
  for (double v : added) result[i++] += v;
  return result;
}

}  // namespace

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

}  // namespace sg::test

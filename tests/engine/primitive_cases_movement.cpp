// Rows of primitives that move, index and scan: to add a primitive, copy a neighbour's row.
#include <algorithm>
#include <cmath>

#include "tests/engine/case_rows.h"

namespace sg::test {

void add_movement_primitives(std::vector<PrimitiveCase>& rows) {
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
      "take",
      [](const Tensors& x) {
        return take(x[0], index({2, 0, 0, 1}, {4}), 1);
      },
      {{2, 3}},
      [](const auto& x) {
        return pick(x[0], {2, 0, 0, 1, 5, 3, 3, 4});
      },
      {[] {
         return take(some({2, 3}), some({2}), 1);
       },
       [] {
         return take(some({2, 3}), index({3}, {1}), 1).eval();
       },
       [] {
         return take(some({2, 3}), index({-1}, {1}), 0).eval();
       }}));
  rows.push_back(plain(
      "add_lines",
      [](const Tensors& x) {
        const Tensor table = zeros({2, 3}, x[0].dtype());
        return grad(sum(take(table, index({2, 0, 0, 1}, {4}), 1) * x[0]), table);
      },
      {{2, 4}},
      [](const auto& x) {
        const Values& v = x[0];
        return Values{v[1] + v[2], v[3], v[0], v[5] + v[6], v[7], v[4]};
      },
      {}));
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
      "scatter_source",
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
}

}  // namespace sg::test

// Rows of products, convolutions, pooling and linear algebra: to add a primitive, copy a neighbour's row.
#include <algorithm>
#include <cmath>

#include "engine/linalg.h"
#include "engine/transforms.h"
#include "tests/engine/case_rows.h"

namespace sg::test {

void add_kernel_primitives(std::vector<PrimitiveCase>& rows) {
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
         return matmul(some({2, 3}, i64), some({3, 2}));
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
}

}  // namespace sg::test

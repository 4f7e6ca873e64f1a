// Linear algebra: identities of the factors, batches, and refusals in the operation's name.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "engine/error.h"
#include "engine/linalg.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("linalg: the factors multiply back to the matrix, in batches and for large matrices", "[linalg]") {
  std::mt19937_64 generator(21);
  for (const Shape& shape : {Shape{3, 3}, Shape{2, 4, 5, 5}, Shape{0, 3, 3}, Shape{2, 0, 0}, Shape{60, 60}}) {
    CAPTURE(to_string(shape));
    const std::int64_t n = shape.back();
    const Tensor x = uniform(generator, shape, -1, 1), a = x + eye(n, f64) * 9.0;
    const Tensor symmetric = matmul(x, transpose(x)) + eye(n, f64) * 0.5;
    Shape right = shape;
    right.back() = 2;
    const Tensor b = uniform(generator, right, -1, 1);
    CHECK(difference(matmul(a, solve(a, b)), b) < 1e-12);
    CHECK(difference(matmul(a, inverse(a)), broadcast_to(eye(n, f64), shape)) < 1e-12);
    const Tensor l = cholesky(symmetric);
    CHECK(difference(matmul(l, transpose(l)), symmetric) < 1e-12);
    CHECK(difference(matmul(l, triangular_solve(l, b)), b) < 1e-11);
    CHECK(difference(matmul(transpose(l), triangular_solve(transpose(l), b, false)), b) < 1e-11);
    const auto [values, vectors] = eigh(symmetric);
    CHECK(difference(matmul(vectors * unsqueeze(values, -2), transpose(vectors)), symmetric) < 1e-12);
    CHECK(difference(matmul(transpose(vectors), vectors), broadcast_to(eye(n, f64), shape)) < 1e-12);
    // The determinant is the product of the eigenvalues.
    const auto [sign, logarithm] = slogdet(symmetric);
    CHECK(difference(logarithm, sum(log(values), {-1})) < 1e-10);
    CHECK(difference(sign, ones_like(sign)) == 0);
  }
}

TEST_CASE("linalg: a right side and a matrix broadcast to each other", "[linalg]") {
  std::mt19937_64 generator(22);
  const Tensor a = uniform(generator, {4, 3, 3}, -1, 1) + eye(3, f64) * 5.0, b = uniform(generator, {3, 2}, -1, 1);
  CHECK(difference(matmul(a, solve(a, b)), broadcast_to(b, {4, 3, 2})) < 1e-13);
  CHECK(difference(grad(sum(square(solve(a, b))), b), grad(sum(square(matmul(inverse(a), b))), b)) < 1e-13);
}

TEST_CASE("linalg: determinants have signs, and none at all where there is none", "[linalg]") {
  CHECK(is_close(det(tensor({0, 2, 3, 0}, {2, 2}, f64)).item(), -6, 1e-15));
  CHECK(det(ones({2, 2}, f64)).item() == 0);
  CHECK(slogdet(ones({2, 2}, f64)).second.item() == -INFINITY);
  CHECK(det(zeros({0, 0}, f64)).item() == 1);
  CHECK(det(ones({2, 3, 3}, f64)).shape() == Shape{2});
  // d det(a) = det(a) trace(a^-1 da).
  const Tensor a = tensor({1, 2, 0, 3, 1, 1, 0, 1, 4}, {3, 3}, f64);
  CHECK(difference(grad(det(a), a), det(a) * transpose(inverse(a))) < 1e-13);
}

TEST_CASE("linalg: equal eigenvalues leave the derivative of a sum over them as it is", "[linalg]") {
  const Tensor a = eye(3, f64), direction = tensor({1, 2, 0, 2, 3, 1, 0, 1, 5}, {3, 3}, f64);
  const Tensor values = eigh(a).first;
  CHECK(difference(grad(sum(values), a), a) == 0);
  CHECK(difference(grad(sum(values * values * values), a), a * 3.0) == 0);
  CHECK(is_close(jvp(sum(values), {a}, {direction}).item(), 9, 1e-15));
}

TEST_CASE("linalg: matrices without the factor are refused when they are evaluated", "[linalg]") {
  CHECK_THROWS_WITH(solve(ones({2, 2}), ones({2, 1})).eval(), ContainsSubstring("solve: the matrix is singular"));
  CHECK_THROWS_WITH(inverse(ones({5, 2, 2})).eval(), ContainsSubstring("solve: the matrix is singular"));
  CHECK_THROWS_WITH(cholesky(-eye(3)).eval(), ContainsSubstring("cholesky: the matrix is not positive definite"));
  CHECK_THROWS_WITH(triangular_solve(zeros({2, 2}), ones({2, 1})).eval(), ContainsSubstring("zero on the diagonal"));
  CHECK_THROWS_WITH(inverse(ones({2, 3})), ContainsSubstring("inverse: needs square matrices, got [2, 3]"));
  CHECK_THROWS_WITH(eigh(ones({2, 2}, i64)), ContainsSubstring("eigh: needs f32 or f64"));
  CHECK_THROWS_WITH(solve(ones({2, 2}), ones({2, 1}, f64)), ContainsSubstring("solve: dtypes differ: f32 and f64"));
}

// Jacobian matching: projections against the whole.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "losses/distillation.h"

using namespace sg;
using Catch::Matchers::WithinRel;

namespace {

Tensor numbers(Shape shape, double seed) {
  return sin(seed + 1.3 * reshape(cast(arange(element_count(shape)), f64), shape) * seed);
}

}  // namespace

TEST_CASE("all unit projections together are the whole Jacobian", "[losses]") {
  const std::int64_t points = 6, d = 3, outputs = 2;
  const Tensor x = numbers({points, d}, 0.8);
  const Tensor student = tanh(matmul(x, numbers({d, outputs}, 1.7))),
               teacher = sin(matmul(x, numbers({d, outputs}, 0.6)));
  const double whole = losses::jacobian_matching(batched_jacobian(student, x), batched_jacobian(teacher, x)).item();
  auto projected = [&](const Tensor& directions) {
    return losses::projected_jacobian_matching(losses::jacobian_along(student, x, directions),
                                               losses::jacobian_along(teacher, x, directions), d)
        .item();
  };
  CHECK_THAT(projected(eye(d, f64)), WithinRel(whole, 1e-12));
  // A Householder reflection's rows are another orthonormal basis.
  const Tensor v = numbers({d, 1}, 2.9);
  const Tensor reflection = eye(d, f64) - 2.0 * matmul(v, transpose(v)) / sum(square(v));
  CHECK_THAT(projected(reflection), WithinRel(whole, 1e-12));
}

TEST_CASE("the mean over the unit directions of single projections is the whole Jacobian", "[losses]") {
  const std::int64_t d = 4;
  const Tensor x = numbers({5, d}, 0.8);
  const Tensor y = tanh(matmul(x, numbers({d, 1}, 1.7))), zero = zeros({1, 5, 1}, f64);
  double mean = 0;
  for (std::int64_t i = 0; i < d; ++i) {
    mean += losses::projected_jacobian_matching(losses::jacobian_along(y, x, slice(eye(d, f64), 0, i, i + 1)), zero, d)
                .item() /
            double(d);
  }
  CHECK_THAT(mean, WithinRel(losses::jacobian_matching(grad(y, x), zeros_like(x)).item(), 1e-12));
}

TEST_CASE("Jacobian matching names what does not fit", "[losses]") {
  const Tensor x = numbers({5, 4}, 1), y = sum(sin(x), {1}, true);
  CHECK_THROWS_AS(losses::jacobian_matching(x, y), Error);
  CHECK_THROWS_AS(losses::jacobian_along(y, x, eye(3, f64)), Error);
  CHECK_THROWS_AS(losses::projected_jacobian_matching(x, x, 4), Error);
}

// Penalties on the length of a gradient.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#include "losses/penalties.h"
#include "tests/gradcheck.h"

using namespace sg;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a distance has no eikonal loss, and twice a distance has 1") {
  std::mt19937_64 generator(1);
  const Tensor x = test::uniform(generator, {20, 3}, 0.5, 2);
  const Tensor distance = norm(x - 0.1, 1);
  CHECK(losses::eikonal(distance, x).item() < 1e-28);
  CHECK(std::abs(losses::eikonal(distance * 2, x).item() - 1) < 1e-12);
  CHECK(losses::eikonal(sum(x * 0, 1), x).item() == 1);
  CHECK_THROWS_WITH(losses::eikonal(sum(x), x), ContainsSubstring("gradient_norms"));
}

TEST_CASE("the gradient's penalty is that of the critic's slopes between both sets, to higher derivatives") {
  std::mt19937_64 generator(2);
  const Tensor real = test::uniform(generator, {6, 2, 2}, -1, 1), fake = test::uniform(generator, {6, 2, 2}, -1, 1);
  const auto linear = [](const Tensor& x) { return sum(x * 1.5, Axes{1, 2}); };  // a slope of norm 3
  CHECK(std::abs(losses::gradient_penalty(linear, real, fake, random_key(1)).item() - 4) < 1e-12);
  CHECK(losses::gradient_penalty(linear, real, fake, random_key(1), 3).item() < 1e-28);
  // Of a square the slope is twice the point, which lies between both.
  const auto square_of = [](const Tensor& x) { return sum(square(x), Axes{1, 2}); };
  const Tensor share = uniform(random_key(5), {6, 1, 1}, f64);
  const Tensor between = fake + share * (real - fake);
  const Tensor wanted = mean(square(norm(between * 2, Axes{1, 2}) - 1));
  CHECK(test::difference(losses::gradient_penalty(square_of, real, fake, random_key(5)), wanted) < 1e-14);
  const auto penalty = [&](const Tensors& x) {
    const auto critic = [&](const Tensor& at) { return sum(sin(at * x[0]) * x[1], Axes{1, 2}); };
    return losses::gradient_penalty(critic, real, fake, random_key(5));
  };
  test::check_derivatives(penalty, {test::uniform(generator, {2, 2}, 0.5, 1), test::uniform(generator, {2}, 0.5, 1)}, 2,
                          generator);
  CHECK_THROWS_WITH(losses::gradient_penalty(linear, real, slice(fake, 0, 0, 3), random_key(1)),
                    ContainsSubstring("as many samples of both"));
}

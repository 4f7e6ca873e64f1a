// Where slopes are infinite, undefined or belong to a branch that is not taken: all modes agree on the right value.
#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "engine/inspect.h"
#include "losses/sobolev.h"
#include "nn/optim/gradient_clipping.h"
#include "tests/gradcheck.h"

using namespace sg;
using namespace sg::test;

namespace {

using One = std::function<Tensor(const Tensor&)>;

/// The derivatives of f at x of orders 1 to `order`, by reverse, forward, mixed passes and Taylor mode; all of one
/// value.
void check_all_modes(const One& f, double at, const std::vector<double>& right, double tolerance = 1e-12) {
  for (const Dtype dtype : {f64, f32}) {
    const double near = dtype == f64 ? tolerance : 1e-5;
    const Tensor x = tensor({at}, {1, 1}, dtype), one = ones_like(x), y = f(x);
    Tensor reverse = y, forward = y, mixed = y;
    const Tensors taylor = jet(y, x, one, static_cast<int>(right.size()), Unused::zeros);
    for (std::size_t k = 0; k < right.size(); ++k) {
      INFO("order " << k + 1 << " at " << at << (dtype == f64 ? " in f64" : " in f32"));
      reverse = grad(reverse, x, Unused::zeros);
      forward = jvp(forward, {x}, {one}, Unused::zeros);
      mixed = k % 2 == 0 ? jvp(mixed, {x}, {one}, Unused::zeros) : grad(mixed, x, Unused::zeros);
      CHECK(is_close(reverse.item(), right[k], near));
      CHECK(is_close(forward.item(), right[k], near));
      CHECK(is_close(mixed.item(), right[k], near));
      CHECK(is_close(taylor[k + 1].item(), right[k], near));
      if (k == 1) CHECK(is_close(laplacian(y, x).item(), right[k], near));
    }
  }
}

}  // namespace

TEST_CASE("the branch that where does not take has no influence", "[singular]") {
  const auto positive = [](const Tensor& x) { return less(zeros_like(x), x); };
  check_all_modes([&](const Tensor& x) { return where(positive(x), sqrt(x), x); }, -1, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), sqrt(x), x); }, 0, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), log(x), square(x)); }, 0, {0, 2, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), x * log(x), x); }, 0, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), sin(x) / x, cos(x)); }, 0, {0, -1, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), reciprocal(x), x); }, 0, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), rsqrt(x) * 3, x); }, 0, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), pow(x, 0.3), x); }, 0, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(positive(x), pow(x, sin(x)), x); }, -2, {1, 0, 0});
  check_all_modes([&](const Tensor& x) { return where(less(x, full_like(x, 50)), log1p(exp(x)), x); }, 2000, {1, 0});
  // Two branches that use the same root, nested choices, and roots that go through movement and reductions.
  check_all_modes(
      [&](const Tensor& x) {
        const Tensor root = sqrt(x);
        return where(positive(x), root, x) + where(positive(x), square(root) * root, x);
      },
      -1, {2, 0, 0});
  check_all_modes(
      [&](const Tensor& x) {
        const Tensor outer = less(x, full_like(x, 5));
        return where(outer, where(positive(x), log(sqrt(x)), square(x)), exp(square(x) * square(x)));
      },
      -3, {-6, 2, 0});
  check_all_modes(
      [&](const Tensor& x) {
        const Tensor wide = broadcast_to(reshape(sqrt(x), {1}), {1, 3});
        return sum(where(broadcast_to(positive(x), {1, 3}), wide, broadcast_to(x, {1, 3})), {1}, true);
      },
      -1, {3, 0, 0});
}

TEST_CASE("roots behind a relu, a maximum or a clamp are flat where those are", "[singular]") {
  check_all_modes([](const Tensor& x) { return sqrt(relu(x)) + x; }, -1, {1, 0, 0});
  check_all_modes([](const Tensor& x) { return sqrt(square(relu(x)) * 2) + x; }, -1, {1, 0, 0});
  check_all_modes([](const Tensor& x) { return sqrt(maximum(x, zeros_like(x))) + x; }, -1, {1, 0, 0});
  check_all_modes([](const Tensor& x) { return log(clamp(x, 0, 1)) + x; }, -1, {1, 0, 0});
  check_all_modes([](const Tensor& x) { return maximum(log(x), full_like(x, -10)) + x; }, 0, {1, 0, 0});
  check_all_modes([](const Tensor& x) { return max(concat({log(x), x - 7}, 1), {1}, true); }, 0, {1, 0, 0});
  check_all_modes([](const Tensor& x) { return sqrt(square(x)) + x; }, 0, {1});
}

TEST_CASE("what is detached asks for no products in which zero annihilates", "[singular]") {
  const Tensor x = linspace(1, 2, 5), w = full({5}, 0.5).eval();
  const auto slope = [&](const Tensor& target) { return print_graph({grad(sum(square(tanh(w) - target)), w)}); };
  CHECK(slope(sqrt(x)).find("mul_no_nan") != std::string::npos);
  CHECK(slope(sqrt(x).detach()).find("mul_no_nan") == std::string::npos);
  CHECK(slope(stop_gradient(sqrt(x))).find("mul_no_nan") == std::string::npos);
}

TEST_CASE("a NaN of the user's is not hidden", "[singular]") {
  const Tensor x = tensor({-1.0, 4.0}, {2}, f64), y = sqrt(x);
  CHECK(std::isnan(y.to_vector<double>()[0]));
  const auto g = grad(sum(y), x).to_vector<double>(), t = jvp(y, {x}, {ones_like(x)}).to_vector<double>();
  CHECK(std::isnan(g[0]));
  CHECK(std::isnan(t[0]));
  CHECK(g[1] == 0.25);
  CHECK(t[1] == 0.25);
  const Tensor bad = tensor({std::nan("")}, {1}, f64), w = tensor({2.0}, {1}, f64);
  CHECK(std::isnan(grad(sum(sqrt(w) * bad), w).item()));
  CHECK(std::isnan(grad(sum(sqrt(w * bad)), w).item()));
  // What is missing in the data and masked out does not reach the parameters.
  const Tensor data = tensor({std::nan(""), 3.0}, {2}, f64), weight = tensor({2.0, 2.0}, {2}, f64);
  const auto masked = grad(sum(where(equal(data, data), square(weight - data), zeros_like(data))), weight);
  CHECK(masked.to_vector<double>() == std::vector<double>{0, -2});
}

TEST_CASE("powers: every derivative by base, by exponent and mixed that exists, against closed forms", "[singular]") {
  // d^i/dx^i d^j/dp^j x^p = sum over m of C(j, m) (p)_i^(m) x^(p - i) log(x)^(j - m), (p)_i the falling factorial.
  const auto right = [](long double x, long double p, int i, int j) -> long double {
    std::vector<long double> polynomial{1};  // of (p)_i in p - p0: coefficients times m! are its derivatives
    for (int k = 0; k < i; ++k) {
      std::vector<long double> next(polynomial.size() + 1, 0);
      for (std::size_t m = 0; m < polynomial.size(); ++m) {
        next[m] += polynomial[m] * (p - k);
        next[m + 1] += polynomial[m];
      }
      polynomial = next;
    }
    long double sum = 0, falling = 1;  // j (j - 1) ... (j - m + 1)
    for (int m = 0; m <= j && m < static_cast<int>(polynomial.size()); ++m) {
      const long double slope = polynomial[m] * falling;
      falling *= j - m;
      if (slope == 0) continue;
      const long double power = std::pow(x, p - i);
      if (power == 0) continue;
      sum += slope * power * (j == m ? 1.0L : std::pow(std::log(x), static_cast<long double>(j - m)));
    }
    return sum;
  };
  std::mt19937_64 generator(11);
  std::uniform_int_distribution<int> small(-2, 5), orders(0, 3), mode(0, 1);
  std::uniform_real_distribution<double> base(0.2, 3), exponent(-3, 5);
  int checked = 0;
  for (int trial = 0; trial < 600; ++trial) {
    double x = base(generator), p = trial % 3 == 0 ? exponent(generator) : small(generator);
    int i = orders(generator), j = orders(generator);
    if (trial % 4 == 1) x = 0;
    if (trial % 4 == 2 && p == std::round(p)) {
      x = -x;
      j = 0;
    }
    if (x == 0 && (p < 0 || (j > 0 && p <= i) || (p < i && p != std::round(p)))) continue;  // there is none
    const Tensor b = tensor({x}, {1}, f64), e = tensor({p}, {1}, f64), one = ones_like(b);
    Tensor y = pow(b, e);
    std::string passes;
    for (int by_base = i, by_exponent = j; by_base + by_exponent > 0;) {
      const bool take_base = by_exponent == 0 || (by_base > 0 && mode(generator));
      const Tensor& by = take_base ? b : e;
      const bool reverse = mode(generator);
      y = reverse ? grad(y, by, Unused::zeros) : jvp(y, {by}, {one}, Unused::zeros);
      passes += fmt::format("{}{} ", reverse ? "grad " : "jvp ", take_base ? "x" : "p");
      --(take_base ? by_base : by_exponent);
    }
    INFO("x " << x << ", p " << p << ": " << passes);
    const auto wanted = static_cast<double>(right(x, p, i, j));
    CHECK(is_close(y.item(), wanted, 1e-11));
    // Taylor mode along base or exponent, and both at once: the coefficient of t^i s^j on the diagonal.
    if (j == 0) CHECK(is_close(jet(pow(b, e), b, one, i, Unused::zeros)[i].item(), wanted, 1e-11));
    if (i == 0) CHECK(is_close(jet(pow(b, e), e, one, j, Unused::zeros)[j].item(), wanted, 1e-11));
    ++checked;
  }
  CHECK(checked > 400);
  // Along both: the third derivative of x^x is (log x + 1)^3 x^x + 3 (log x + 1) x^(x-1) - x^(x-2).
  check_all_modes([](const Tensor& x) { return pow(x, x); }, 1, {1, 2, 3});
  // x^(3 + x) at 0 is x^3 to that order.
  check_all_modes([](const Tensor& x) { return pow(x, x + 3); }, 0, {0, 0, 6});
  check_all_modes([](const Tensor& x) { return pow(x, full_like(x, 3)); }, -2, {12, -12, 6, 0, 0}, 1e-11);
  check_all_modes([](const Tensor& x) { return pow(zeros_like(x), x + 1); }, 1, {0, 0, 0});
}

TEST_CASE("a hessian by base and exponent at once", "[singular]") {
  const auto f = [](const Tensor& z) { return sum(pow(slice(z, 0, 0, 1), slice(z, 0, 1, 2))); };
  const Tensor z = tensor({23.0, 0.0}, {2}, f64);
  const auto h = hessian(f(z), z).to_vector<double>();
  CHECK(h[0] == 0);
  CHECK(is_close(h[1], 1 / 23., 1e-15));
  CHECK(is_close(h[2], 1 / 23., 1e-15));
  CHECK(is_close(h[3], std::log(23.) * std::log(23.), 1e-15));
  // By the base alone there are derivatives at a negative base, whoever else is a variable.
  const Tensor negative = tensor({-2.0, 3.0}, {2}, f64);
  CHECK(is_close(hessian(f(negative), negative).to_vector<double>()[0], -12, 1e-14));
  const Tensor along = tensor({1.0, 0.0}, {2}, f64);
  CHECK(is_close(jet(f(negative), negative, along, 3)[3].item(), 6, 1e-14));
}

TEST_CASE("norm: at any scale, and flat at zero in every mode", "[singular]") {
  for (const double scale : {1e-40, 1e-30, 1e-19, 1.0, 1e19, 1e30}) {
    for (const Dtype dtype : {f64, f32}) {
      INFO("scale " << scale << " in " << name_of(dtype));
      const double tolerance = dtype == f64 ? 1e-14 : scale < 1e-38 ? 1e-4 : 1e-6;  // 1e-40 has few bits in f32
      const Tensor x = tensor({3 * scale, 0.0, -4 * scale}, {3}, dtype);
      CHECK(std::abs(norm(x).item() / (5 * scale) - 1) < tolerance);
      const auto g = grad(norm(x), x).to_vector<double>();
      CHECK(is_close(g[0], 0.6, tolerance));
      CHECK(is_close(g[1], 0, tolerance));
      CHECK(is_close(g[2], -0.8, tolerance));
      if (scale < 1e-38) continue;
      CHECK(is_close(losses::relative_error(x * 2, x).item(), 1, tolerance));
      const Tensors clipped = nn::clip_by_global_norm({x, tensor({12 * scale}, {1}, dtype)}, scale);
      if (scale >= 1) CHECK(is_close(clipped[1].item() / scale, 12 / 13., 1e-5));
    }
  }
  CHECK(std::abs(norm(tensor({3e-300, 4e-300}, {2}, f64)).item() / 5e-300 - 1) < 1e-14);
  CHECK(std::abs(norm(tensor({3e300, 4e300}, {2}, f64)).item() / 5e300 - 1) < 1e-14);
  CHECK(std::isinf(norm(tensor({INFINITY, 1.0}, {2}, f64)).item()));
  CHECK(std::isnan(norm(tensor({std::nan(""), 1.0}, {2}, f64)).item()));
  CHECK(norm(zeros({0}, f64)).item() == 0);
  check_all_modes([](const Tensor& x) { return norm(concat({x, x * 2}, 1), {1}, true); }, 0, {0, 0, 0});
  std::mt19937_64 generator(5);
  check_derivatives([](const Tensors& x) { return norm(x[0], {1}); }, {uniform(generator, {3, 2}, 0.5, 2)}, 3,
                    generator);
}

TEST_CASE("the eikonal loss is finite at a zero gradient", "[singular]") {
  const Tensor w = tensor({0.0, 0.0}, {2, 1}, f64), x = tensor({0.1, 0.2}, {1, 2}, f64);
  const Tensor slope = grad(matmul(x, w), x);
  CHECK(grad(square(norm(slope) - 1), w).to_vector<double>() == std::vector<double>{0, 0});
  CHECK(grad(square(sqrt(sum(square(slope))) - 1), w).to_vector<double>() == std::vector<double>{0, 0});
}

TEST_CASE("sums by index do not stop at 2^24 in f32", "[singular]") {
  const std::int64_t count = 1000;
  const Tensor large = full({1}, 0x1p24), index = zeros({count}, i64), one = ones({count});
  CHECK(scatter_add(large, index, one, 0).item() == 0x1p24 + 1000);
  // The gradient of a gather that reads one element again and again.
  const Tensor x = zeros({1}), cotangent = concat({large, ones({count - 1})}, 0);
  CHECK(is_close(grad(gather(x, index, 0), {x}, cotangent)[0].item(), 0x1p24 + 999, 1e-7));
}

TEST_CASE("high orders of a jet are right as far as the dtype reaches, and refused beyond", "[singular]") {
  for (const Dtype dtype : {f32, f64}) {
    const Tensor x = full({1}, 0.7, dtype), v = ones({1}, dtype);
    for (const int order : {16, 34, 35, 40, 150}) {
      INFO("order " << order << " in " << name_of(dtype));
      // Derivative n of the sine is the sine a quarter of a turn further each time.
      const double right = order % 4 == 0   ? std::sin(0.7)
                           : order % 4 == 1 ? std::cos(0.7)
                           : order % 4 == 2 ? -std::sin(0.7)
                                            : -std::cos(0.7);
      CHECK(is_close(jet(sin(x), x, v, order)[order].item(), right, dtype == f32 ? 1e-5 : 1e-13));
    }
    CHECK_THROWS_AS(jet(sin(x), x, v, 10000), Error);
  }
}

// theory's mathematics: closed forms against figures computed elsewhere, the integrator's order, and gradients from
// samples.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <numbers>

#include "apps/theory/closed_forms.h"
#include "apps/theory/drawing.h"
#include "apps/theory/node_forms.h"
#include "apps/theory/runge_kutta.h"
#include "apps/theory/student.h"
#include "engine/autodiff.h"
#include "engine/linalg.h"
#include "engine/ops.h"
#include "engine/random.h"

using namespace sg;
using namespace sg::theory;
using std::numbers::pi;

namespace {

Tensor vector(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return tensor(values, {n}, f64);
}

/// Each element within the relative error, or the figures' own last digit.
void check_close(const Tensor& got, const std::vector<double>& wanted, double tolerance = 1e-9) {
  const std::vector<double> values = got.to_vector<double>();
  REQUIRE(values.size() == wanted.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i << ": " << values[i] << " against " << wanted[i]);
    CHECK(std::abs(values[i] - wanted[i]) <= tolerance * std::max(std::abs(wanted[i]), 0.06));
  }
}

double largest(const Tensor& x) { return max(abs(x)).item(); }

}  // namespace

TEST_CASE("one ReLU node: losses, gradients and the rate have the known figures", "[theory]") {
  const Tensor w = vector({0.8, 0.5, 0}), teacher = vector({1, 0, 0});
  check_close(angle(w, teacher), {0.5585993153});
  check_close(relu_node::value_loss(w, teacher), {0.0640456022});
  check_close(relu_node::slope_loss(w, teacher), {0.1436230738});
  check_close(relu_node::value_gradient(w, teacher), {-0.0826264693, 0.2052935553, 0});
  check_close(relu_node::slope_gradient(w, teacher), {-0.0110961578, 0.25, 0});
  check_close(relu_node::slope_population_gradient(w, teacher), {-0.0826264693, 0.3644484984, 0});
  check_close(relu_node::slope_rate(angle(w, teacher)), {0.8381135157});
}

TEST_CASE("one ReLU node: closed gradients are the engine's derivatives of the losses", "[theory]") {
  const Tensor w = random_normal({50, 4}, 0, 1, 1, 1, f64), teacher = random_normal({4}, 0, 1, 1, 2, f64);
  CHECK(largest(relu_node::value_gradient(w, teacher) - grad(relu_node::value_loss(w, teacher), w)) < 1e-13);
  CHECK(largest(relu_node::slope_population_gradient(w, teacher) - grad(relu_node::slope_loss(w, teacher), w)) < 1e-13);
  CHECK(largest(relu_node::slope_gradient(w, teacher) - grad(relu_node::slope_loss(w, teacher), w)) > 1e-3);
}

TEST_CASE("angles are exact where cosines are not, and have no NaN in their derivatives", "[theory]") {
  const Tensor a = vector({1, 0});
  for (const double theta : {1e-12, 1e-7, 0.5, 3.0, pi - 1e-7}) {
    CHECK(std::abs(angle(a, vector({std::cos(theta), std::sin(theta)})).item() - theta) <
          1e-15 + 1e-8 * (pi - theta < 1e-6));
  }
  CHECK(angle(a, a * 3).item() < 1e-29);
  const Tensor w = vector({2, 0});
  CHECK(std::isfinite(largest(grad(angle(w, a), w))));
}

TEST_CASE("the rate is positive up to a right angle, and is the smallest eigenvalue of its form", "[theory]") {
  CHECK(relu_node::slope_rate(scalar(0, f64)).item() == 0);
  CHECK(std::abs(relu_node::slope_rate(scalar(pi / 2, f64)).item() - pi) < 1e-14);
  for (int i = 1; i <= 20; ++i) {
    const double theta = pi * i / 40;
    const double rate = relu_node::slope_rate(scalar(theta, f64)).item();
    CHECK(rate > 0);
    const double across = -(2 * pi - theta) * std::cos(theta);
    CHECK(
        std::abs(eigh(tensor({2 * pi - 2 * theta, across, across, 2 * pi}, {2, 2}, f64)).first.to_vector<double>()[0] -
                 rate) < 1e-13);
  }
}

TEST_CASE("one squared ReLU node: losses and gradients have the known figures", "[theory]") {
  const Tensor w = vector({0.7, 0.4}), teacher = vector({1, 0});
  check_close(relu2_node::value_loss(w, teacher), {0.2528630603});
  check_close(relu2_node::slope_loss(w, teacher), {0.4261908175});
  check_close(relu2_node::curvature_loss(w, teacher), {0.6044443537});
  check_close(relu2_node::value_gradient(w, teacher), {-0.7386069673, 0.3912524943});
  check_close(relu2_node::slope_gradient(w, teacher), {-0.9639151023, 0.930305516});
  check_close(relu2_node::curvature_gradient(w, teacher), {-0.5173018465, 1.04});
  check_close(relu2_node::curvature_population_gradient(w, teacher), {-0.7092671933, 1.3759393567});
}

TEST_CASE("condition numbers by the engine's Jacobians have the known figures", "[theory]") {
  struct Row {
    double ratio, theta, value, sobolev;
  };
  const Tensor teacher = vector({1, 0, 0});
  for (const Row& row : {Row{1, 0.3, 1.2317303696, 1.1642805775}, Row{1, 0.8, 1.8405463684, 1.5209410081},
                         Row{1.5, 1.2, 1.6544504084, 1.4218223534}, Row{0.9, 1.0, 2.4704714620, 1.8064047892}}) {
    const Tensor w = vector({row.ratio * std::cos(row.theta), row.ratio * std::sin(row.theta), 0});
    const Tensor value = relu_node::value_gradient(w, teacher);
    CHECK(std::abs(condition_number(eigenvalues(jacobian(value, w))) / row.value - 1) < 1e-9);
    CHECK(std::abs(condition_number(eigenvalues(jacobian(value + relu_node::slope_gradient(w, teacher), w))) /
                       row.sobolev -
                   1) < 1e-9);
    CHECK(largest(jacobian(value, w) - hessian(sum(relu_node::value_loss(w, teacher)), w)) < 1e-13);
    const ConditionNumbers formula = condition_numbers(turning(row.ratio, row.theta));
    CHECK(std::abs(formula.value / row.value - 1) < 1e-9);
    CHECK(std::abs(formula.sobolev / row.sobolev - 1) < 1e-9);
  }
}

TEST_CASE("the Jacobians are the printed matrices", "[theory]") {
  const Tensor w = random_normal({1, 3}, 0, 1, 3, 1, f64), z = random_normal({1, 3}, 0, 1, 3, 2, f64);
  const Tensor theta = angle(w, z), u = z / row_norm(z), v = w / row_norm(w), one = eye(3, f64);
  const Tensor alpha = row_norm(z) / (2 * pi * row_norm(w) * sin(theta));
  const Tensor across = matmul(transpose(u), u), mixed = cos(theta) * matmul(transpose(v), u),
               project = one - matmul(transpose(v), v);
  const Tensor rest = square(sin(theta)) * one;
  const auto by_engine = [&](const Tensor& gradient) { return reshape(jacobian(gradient, w), {3, 3}); };
  const Tensor value = relu_node::value_gradient(w, z), slope = relu_node::slope_gradient(w, z);
  CHECK(largest(by_engine(value) - (one / 2 - alpha * matmul(across - mixed + rest, project))) < 1e-13);
  CHECK(largest(by_engine(value + slope) - (one - alpha * matmul(2 * across - mixed + rest, project))) < 1e-13);
}

TEST_CASE("K nodes: the symmetric flows have the known figures", "[theory]") {
  struct Row {
    std::int64_t nodes;
    std::vector<double> xy, value, sobolev;
  };
  for (const Row& row : {Row{2, {.6, .3}, {0.1406232581, 0.0020867143}, {0.147556364, -0.0626716474}},
                         Row{5, {.5, .2}, {0.1794831442, -0.0908551293}, {0.0080830989, -0.3220635343}},
                         Row{10, {.9, .1}, {-0.1033109306, -0.2691657748}, {-0.3714977395, -0.5566510917}}}) {
    check_close(symmetric_flow(Loss::l2, vector(row.xy), row.nodes), row.value,
                3e-9);  // ten digits, of figures down to 0.002
    check_close(symmetric_flow(Loss::h1, vector(row.xy), row.nodes), row.sobolev, 3e-9);
  }
}

TEST_CASE("K nodes: the flow of all weights keeps its form and is that of x and y", "[theory]") {
  for (const Loss loss : {Loss::l2, Loss::h1}) {
    for (const std::int64_t nodes : {2, 3, 6}) {
      const Tensor xy = vector({0.7, 0.25});
      const Tensor full = -nodes_gradient(loss, symmetric_weights(xy, nodes), eye(nodes, f64));
      CHECK(largest(full - symmetric_weights(symmetric_flow(loss, xy, nodes), nodes)) < 1e-14);
    }
  }
}

TEST_CASE("K nodes: one node is the closed form of one node", "[theory]") {
  const Tensor w = random_normal({1, 3}, 0, 1, 5, 1, f64), teacher = random_normal({1, 3}, 0, 1, 5, 2, f64);
  CHECK(largest(nodes_value_gradient(w, teacher) - relu_node::value_gradient(w, teacher)) < 1e-14);
  CHECK(largest(nodes_slope_gradient(w, teacher) - relu_node::slope_gradient(w, teacher)) < 1e-14);
}

TEST_CASE("K nodes: saddles have the known figures and are at rest", "[theory]") {
  struct Row {
    std::int64_t nodes;
    double value, sobolev;
  };
  for (const Row& row :
       {Row{2, 0.5341549431, 0.4545774715}, Row{5, 0.2568406780, 0.1931787008}, Row{10, 0.1557346041, 0.1079881212}}) {
    CHECK(std::abs(saddle(Loss::l2, row.nodes) / row.value - 1) < 1e-9);
    CHECK(std::abs(saddle(Loss::h1, row.nodes) / row.sobolev - 1) < 1e-9);
    for (const Loss loss : {Loss::l2, Loss::h1}) {
      const double at = saddle(loss, row.nodes), by = 0.1;
      CHECK(largest(symmetric_flow(loss, vector({at, at}), row.nodes)) < 1e-14);
      check_close(symmetric_flow(loss, vector({at + by, at + by}), row.nodes),
                  {-by * saddle_rate(loss, row.nodes), -by * saddle_rate(loss, row.nodes)});
    }
  }
}

TEST_CASE("K nodes: the linearised flow is the engine's Jacobian at the teacher", "[theory]") {
  for (const Loss loss : {Loss::l2, Loss::h1}) {
    for (const std::int64_t nodes : {2, 5, 50}) {
      const Tensor xy = vector({1, 0});
      CHECK(largest(jacobian(symmetric_flow(loss, xy, nodes), xy) + symmetric_linear(loss, nodes)) < 1e-13);
    }
  }
}

TEST_CASE("a Toeplitz start: the matrix is the known one and the engine's Jacobian", "[theory]") {
  const Tensor known = tensor({pi + 3, pi / 2, pi / 2, pi / 2, pi / 2, 3 * pi / 2 + 1, pi / 2, 0, pi / 2, pi, pi + 1, 0,
                               pi / 2, pi / 2, pi / 2, pi + 1},
                              {4, 4}, f64);
  CHECK(largest(toeplitz_linear(Loss::l2, 4) * (2 * pi) - known) < 1e-14);
  for (const std::int64_t k : {2, 4, 7}) {
    std::vector<double> corner(static_cast<std::size_t>(k), 0.0);
    corner[0] = 1;
    double slowest[2];
    for (const Loss loss : {Loss::l2, Loss::h1}) {
      const Tensor row = vector(corner);
      const Tensor velocity = -slice(nodes_gradient(loss, toeplitz(row), eye(k, f64)), -2, 0, 1);
      CHECK(largest(reshape(jacobian(velocity, row), {k, k}) + toeplitz_linear(loss, k)) < 1e-13);
      // The kink is what the Jacobian at the teacher itself cannot see.
      const Tensor close = random_normal({k}, 0, 1e-7, 7, static_cast<std::uint64_t>(k), f64), near = row + close;
      const Tensor moved = -reshape(slice(nodes_gradient(loss, toeplitz(near), eye(k, f64)), -2, 0, 1), {k});
      const Tensor linear =
          -reshape(matmul(toeplitz_linear(loss, k), unsqueeze(close, 1)), {k}) - toeplitz_kink(loss, close);
      CHECK(largest(moved - linear) < 1e-12);
      slowest[static_cast<int>(loss)] = eigenvalues(toeplitz_linear(loss, k))[0].real();
    }
    CHECK(slowest[0] > 0);
    CHECK(slowest[1] > slowest[0]);
  }
}

TEST_CASE("eigenvalues are those of known matrices", "[theory]") {
  const auto turning_ones = eigenvalues(tensor({0, -2, 2, 0}, {2, 2}, f64));
  CHECK(std::abs(turning_ones[0] - std::complex<double>(0, -2)) < 1e-14);
  CHECK(std::abs(turning_ones[1] - std::complex<double>(0, 2)) < 1e-14);
  CHECK(std::isinf(condition_number(turning_ones)));
}

TEST_CASE("the Runge-Kutta step is of order 5 and its error estimate of order 5 as well", "[theory]") {
  // y' = -2 t y with t as a second element: y = exp(-t^2).
  const Flow flow = [](const Tensor& state) {
    const Tensor y = slice(state, 0, 0, 1), t = slice(state, 0, 1, 2);
    return concat({-2 * t * y, ones_like(t)}, 0);
  };
  double error[2], estimate[2];
  for (int halved = 0; halved < 2; ++halved) {
    const int steps = halved ? 32 : 16;
    std::vector<double> state{1, 0}, velocity{0, 1};
    for (int i = 0; i < steps; ++i) {
      const Step step = dormand_prince_step(flow, {2}, state, velocity, 2.0 / steps);
      state = step.state, velocity = step.velocity;
      if (i == 0) estimate[halved] = std::abs(step.error[0]);
    }
    error[halved] = std::abs(state[0] - std::exp(-4));
  }
  CHECK(std::log2(error[0] / error[1]) > 4.6);
  CHECK(std::log2(estimate[0] / estimate[1]) > 4.6);
}

TEST_CASE("flows stop at the wanted times and keep to their tolerance", "[theory]") {
  const Flow decay = [](const Tensor& y) { return -y * vector({1, 10}); };
  for (const double tolerance : {1e-4, 1e-8, 1e-12}) {
    const Path path = integrate(decay, vector({1, 2}), {0, 0.3, 1.7}, tolerance);
    REQUIRE(path.times == std::vector<double>{0, 0.3, 1.7});
    for (std::size_t i = 0; i < 3; ++i) {
      const double t = path.times[i];
      CHECK(largest(path.states[i] - vector({std::exp(-t), 2 * std::exp(-10 * t)})) < 20 * tolerance + 1e-14);
    }
  }
}

TEST_CASE("the flows are those of a hundred times finer tolerance", "[theory]") {
  const Tensor teacher = vector({1, 0}), start = tensor({0.2, 0.4, 1.5, -0.6}, {2, 2}, f64);
  const std::vector<double> times{0.5, 2, 6};
  const auto check = [&](const Flow& flow, const Tensor& begin) {
    const Path coarse = integrate(flow, begin, times, 1e-8), fine = integrate(flow, begin, times, 1e-10);
    CHECK(fine.steps > coarse.steps);
    for (std::size_t i = 0; i < times.size(); ++i) CHECK(largest(coarse.states[i] - fine.states[i]) < 3e-8);
  };
  check([&](const Tensor& w) { return -relu_node::value_gradient(w, teacher); }, start);
  check([&](const Tensor& w) { return -relu_node::value_gradient(w, teacher) - relu_node::slope_gradient(w, teacher); },
        start);
  check(
      [&](const Tensor& w) {
        return -relu2_node::value_gradient(w, teacher) - relu2_node::curvature_gradient(w, teacher);
      },
      start);
  for (const Loss loss : {Loss::l2, Loss::h1}) {
    check([&](const Tensor& xy) { return symmetric_flow(loss, xy, 5); }, vector({0.6, 0.3}));
  }
}

TEST_CASE("gradients from samples agree with the closed forms within their standard errors", "[theory]") {
  for (const Loss loss : {Loss::l2, Loss::h1}) {
    for (const std::int64_t nodes : {1, 3}) {
      const Tensor teacher = random_normal({nodes, 4}, 0, 0.6, 11, 1, f64),
                   w = teacher + random_normal({nodes, 4}, 0, 0.3, 11, 2, f64);
      const Agreement right = gradient_agreement(loss, w, teacher, 100, 300, 5);
      CHECK(right.score < 4.5);
      CHECK(right.standard_error < 0.02);
      // The samples can tell this teacher from a slightly longer one.
      CHECK(largest(nodes_gradient(loss, w, teacher) - nodes_gradient(loss, w, teacher * 1.2)) >
            4.5 * right.standard_error);
    }
  }
}

TEST_CASE("the median of times counts those that were not reached as the latest", "[theory]") {
  const double never = std::nan("");
  CHECK(median_time({never, 3, never, 1, 2}) == 3);
  CHECK(median_time({4, 1, never, 2}) == 3);
  CHECK(std::isnan(median_time({never, 1, never})));
  CHECK(std::isnan(median_time({1, never})));
}

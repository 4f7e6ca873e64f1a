// Poisson's equation -(u_xx + u_yy) = f on the unit square, u = 0 on its border, by a small network and
// Levenberg-Marquardt in f64; fails unless the relative error falls below 1e-3.
#include <sobograd/sobograd.h>

#include <cmath>
#include <cstdio>
#include <numbers>

using namespace sg;

namespace {

constexpr double pi = std::numbers::pi;

/// sin(pi x) sin(pi y) at points [N, 2].
Tensor solution(const Tensor& points) { return sin(slice(points, 1, 0, 1) * pi) * sin(slice(points, 1, 1, 2) * pi); }

/// n random points on one side of the square: where x or y is 0 or 1.
losses::Trace side(std::int64_t fixed_axis, double at, std::int64_t n) {
  const auto stream = static_cast<std::uint64_t>(2 * fixed_axis + static_cast<std::int64_t>(at));
  const Tensor along = random_uniform({n, 1}, 0, 1, 7, stream, f64), fixed = full({n, 1}, at, f64);
  return {concat(fixed_axis == 0 ? Tensors{fixed, along} : Tensors{along, fixed}, 1).detach(), 1 - fixed_axis};
}

}  // namespace

int main() {
  losses::PinnProblem problem;
  problem.equation = losses::Equation::poisson;
  problem.source = [](const Tensor& points) { return solution(points) * (2 * pi * pi); };
  problem.boundary_value = [](const Tensor& points) { return zeros({points.shape(0), 1}, f64); };
  problem.interior = random_uniform({200, 2}, 0, 1, 7, 9, f64);
  for (std::int64_t axis : {0, 1}) {
    for (double at : {0.0, 1.0}) problem.traces.push_back(side(axis, at, 25));
  }

  nn::MLP network({2, 12, 12, 1}, "tanh");
  network.to(f64);
  network.initialise(1);
  const losses::Network u = [&](const Tensor& points) { return network(points); };
  nn::LevenbergMarquardt optimizer(network);
  for (int step = 0; step < 70 && optimizer.stop() == nn::LevenbergMarquardt::Stop::none; ++step) {
    optimizer.step([&] { return losses::pinn_residuals(problem, u, /*order=*/0); });
    if (step % 20 == 0) std::printf("step %2d loss %.3g\n", step, optimizer.loss());
  }
  const Tensor points = random_uniform({2000, 2}, 0, 1, 8, 0, f64);
  const double error = losses::relative_error(network(points), solution(points)).item();
  std::printf("relative error %.2g after %d steps\n", error, int(optimizer.steps()));
  return error < 1e-3 ? 0 : 1;
}

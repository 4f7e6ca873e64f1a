// Equations: domains, data and reference solutions.
#include "apps/regression/equations.h"

#include <cmath>
#include <complex>
#include <numbers>

#include "engine/ops.h"

namespace sg::regression {

namespace {

using std::numbers::pi;

Tensor first_column(const Tensor& p) { return slice(p, 1, 0, 1); }
Tensor second_column(const Tensor& p) { return slice(p, 1, 1, 2); }

EquationSetting heat(double diffusivity) {
  EquationSetting setting{
      losses::Equation::heat, "heat", "u_t = k u_xx", diffusivity, {0, 0}, {1, 1}, {"x", "t"}, {}, {}, {}, {}};
  // Two modes, which decay at different rates.
  setting.boundary_value = [diffusivity](const Tensor& p) {
    const Tensor x = first_column(p), t = second_column(p);
    return sin(pi * x) * exp(-diffusivity * pi * pi * t) + 0.5 * sin(3 * pi * x) * exp(-9 * diffusivity * pi * pi * t);
  };
  setting.sides = {{1, false}, {0, false}, {0, true}};
  setting.solution = [diffusivity](double x, double t) {
    const double slow = std::exp(-diffusivity * pi * pi * t), fast = 0.5 * std::exp(-9 * diffusivity * pi * pi * t);
    return SolutionSample{slow * std::sin(pi * x) + fast * std::sin(3 * pi * x),
                          {pi * slow * std::cos(pi * x) + 3 * pi * fast * std::cos(3 * pi * x),
                           -diffusivity * pi * pi * (slow * std::sin(pi * x) + 9 * fast * std::sin(3 * pi * x))}};
  };
  return setting;
}

EquationSetting poisson() {
  EquationSetting setting{
      losses::Equation::poisson, "poisson", "-(u_xx + u_yy) = f", 1, {0, 0}, {1, 1}, {"x", "y"}, {}, {}, {}, {}};
  setting.source = [](const Tensor& p) {
    return 5 * pi * pi * (sin(pi * first_column(p)) * sin(2 * pi * second_column(p)));
  };
  setting.boundary_value = [](const Tensor& p) { return sin(pi * first_column(p)) * sin(2 * pi * second_column(p)); };
  setting.sides = {{1, false}, {1, true}, {0, false}, {0, true}};
  setting.solution = [](double x, double y) {
    return SolutionSample{
        std::sin(pi * x) * std::sin(2 * pi * y),
        {pi * std::cos(pi * x) * std::sin(2 * pi * y), 2 * pi * std::sin(pi * x) * std::cos(2 * pi * y)}};
  };
  return setting;
}

EquationSetting advection(double speed) {
  EquationSetting setting{
      losses::Equation::advection, "advection", "u_t + c u_x = 0", speed, {-1, 0}, {1, 1}, {"x", "t"}, {}, {}, {}, {}};
  setting.boundary_value = [speed](const Tensor& p) {
    return sin(2 * pi * (first_column(p) - speed * second_column(p)));
  };
  // The initial line, and the side where the flow comes in.
  setting.sides = {{1, false}, {0, speed < 0}};
  setting.solution = [speed](double x, double t) {
    const double slope = 2 * pi * std::cos(2 * pi * (x - speed * t));
    return SolutionSample{std::sin(2 * pi * (x - speed * t)), {slope, -speed * slope}};
  };
  return setting;
}

/// Cole and Hopf's solution of u_t + u u_x = nu u_xx from u(x, 0) = -sin(pi x) (Basdevant et al., Comput. Fluids 14,
/// 1986): with w(z) = exp(-cos(pi (x - z sqrt(4 nu t))) / (2 pi nu) - z^2), u = -(integral of sin(pi (x - ...)) w) /
/// (integral of w). Analytic in x and t, so that a step along the imaginary axis differentiates it.
template <class Number>
Number burgers_solution(Number x, Number t, double viscosity) {
  const double peak = 1 / (2 * pi * viscosity);
  // Past `reach` the integrand is below exp(-40) of its largest value.
  const double reach = std::sqrt(2 * peak + 40);
  // The exponent's curvature in z is at most 2 + 2 pi t whatever the viscosity, so this spacing is exact to rounding.
  const int nodes = static_cast<int>(reach / 0.05);
  const Number width = std::sqrt(4 * viscosity * t);
  Number above = 0, below = 0;
  for (int i = -nodes; i <= nodes; ++i) {
    const double z = reach * i / nodes;
    const Number y = pi * (x - z * width);
    const Number weight = std::exp(-peak * (std::cos(y) + 1.0) - z * z);
    above += std::sin(y) * weight;
    below += weight;
  }
  return -above / below;
}

EquationSetting burgers(double viscosity) {
  if (viscosity < 0.002) {
    fail("pinn: burgers needs a viscosity of at least 0.002 for its reference solution: {}", viscosity);
  }
  EquationSetting setting{losses::Equation::burgers,
                          "burgers",
                          "u_t + u u_x = nu u_xx",
                          viscosity,
                          {-1, 0},
                          {1, 1},
                          {"x", "t"},
                          {},
                          {},
                          {},
                          {}};
  // The sine is zero at both sides, as the boundary values are.
  setting.boundary_value = [](const Tensor& p) {
    const Tensor x = first_column(p), t = second_column(p);
    return where(equal(t, zeros_like(t)), -sin(pi * x), zeros_like(x));
  };
  setting.sides = {{1, false}, {0, false}, {0, true}};
  setting.solution = [viscosity](double x, double t) {
    if (t <= 0) {
      const double u = -std::sin(pi * x), slope = -pi * std::cos(pi * x);
      return SolutionSample{u, {slope, viscosity * pi * pi * std::sin(pi * x) - u * slope}};
    }
    const double tiny = 1e-30;
    const std::complex<double> by_x = burgers_solution<std::complex<double>>({x, tiny}, {t, 0}, viscosity);
    const std::complex<double> by_t = burgers_solution<std::complex<double>>({x, 0}, {t, tiny}, viscosity);
    return SolutionSample{by_x.real(), {by_x.imag() / tiny, by_t.imag() / tiny}};
  };
  return setting;
}

}  // namespace

EquationSetting equation_setting(const std::string& name, double coefficient) {
  const losses::Equation equation = losses::equation_named(name);
  if (!std::isfinite(coefficient)) fail("pinn: the coefficient must be a finite number: {}", coefficient);
  if (coefficient < 0 && equation != losses::Equation::advection) {
    fail("pinn: {} needs a positive coefficient: {}", name, coefficient);
  }
  switch (equation) {
    case losses::Equation::heat: return heat(coefficient == 0 ? 0.05 : coefficient);
    case losses::Equation::burgers: return burgers(coefficient == 0 ? 0.05 : coefficient);
    case losses::Equation::advection: return advection(coefficient == 0 ? 0.5 : coefficient);
    case losses::Equation::poisson: break;
  }
  return poisson();
}

}  // namespace sg::regression

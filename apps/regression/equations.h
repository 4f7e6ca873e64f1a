// Equations: the PINN experiments' domains, data and reference solutions.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "losses/pinn.h"

namespace sg::regression {

/// A solution's value and its derivatives by the two coordinates.
struct SolutionSample {
  double u;
  std::array<double, 2> gradient;
};

/// A boundary-value problem on the rectangle [first[0], last[0]] x [first[1], last[1]].
struct EquationSetting {
  losses::Equation equation;
  std::string name, formula;
  double coefficient;
  std::array<double, 2> first, last;
  std::array<std::string, 2> axes;
  losses::Network source;          // may be empty
  losses::Network boundary_value;  // u on the initial line and the boundary
  /// The sides on which u is given: the fixed axis and whether at its last end.
  struct Side {
    int fixed_axis;
    bool at_last;
  };
  std::vector<Side> sides;
  std::function<SolutionSample(double, double)> solution;
};

/// The setting of an equation; a coefficient of 0 takes the setting's own: heat 0.05, burgers 0.05, advection 0.5.
/// Solutions of heat, poisson and advection are closed forms; that of burgers from u(x, 0) = -sin(pi x) is the
/// Cole-Hopf integral by the trapezoidal rule, good to better than 1e-6 for viscosities from 0.002 on (smaller ones are
/// refused).
EquationSetting equation_setting(const std::string& name, double coefficient);

}  // namespace sg::regression

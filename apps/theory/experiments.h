// Experiments: one a theorem; each computes, and hands over a section.
#pragma once

#include "apps/theory/section.h"
#include "apps/theory/settings.h"

namespace sg::theory {

Section run_linear(const Settings& settings);    // S1
Section run_flow(const Settings& settings);      // S2
Section run_hessian(const Settings& settings);   // S3
Section run_relu2(const Settings& settings);     // S4
Section run_nodes(const Settings& settings);     // S5
Section run_toeplitz(const Settings& settings);  // S6
Section run_sgd(const Settings& settings);       // S7

struct Experiment {
  const char* name;
  const char* subject;
  const char* columns;  // of its CSV file, explained
  Section (*run)(const Settings&);
};
/// All of them, in their order.
const std::vector<Experiment>& experiments();

}  // namespace sg::theory

// All partial derivatives of an order by jets and by nested passes, timed beside each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/parts/workloads.h"

namespace sg::bench {

/// A training step on the mean squares of all partial derivatives of one order, each once, of a network of so many
/// inputs: by Taylor series along directions (losses/partials.h), and by gradients of gradients.
struct PartialsCase {
  std::int64_t inputs;
  int order;
  std::size_t count;  // of the partials
  std::function<Step()> jets, nested;
};
std::vector<PartialsCase> partials_cases();

}  // namespace sg::bench

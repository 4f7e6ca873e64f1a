// The benchmark's workloads: whole training steps, made ready to be run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace sg::bench {

/// One whole step; what it needs lives in its captures.
using Step = std::function<void()>;

/// Their names, and what makes each one ready.
std::vector<std::pair<std::string, std::function<Step()>>> workloads();

/// A workload of a growing size, in proportion to which its work grows (to the size's square for a side or for
/// channels).
struct Scaling {
  std::string name;
  std::string what;  // points, batch, side or channels
  std::vector<std::int64_t> sizes;
  std::function<Step(std::int64_t)> make;

  int power() const { return what == "side" || what == "channels" ? 2 : 1; }
};
/// Each over three octaves.
std::vector<Scaling> scalings();
/// Training on points, from a thousand to a million.
std::vector<Scaling> point_counts();

}  // namespace sg::bench

// Settings: every option of the binary.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/common/options.h"

namespace sg::theory {

struct Settings {
  apps::Options common;  // out, overwrite, seed, threads, quiet, profile
  std::vector<std::string> experiments;
  double tolerance = 1e-9;
  std::vector<double> spectrum{0.2, 0.5, 1, 2, 4, 8, 16, 20};
  double lambda = 2;
  double noise = 0.5;
  std::int64_t draws = 20000;
  std::int64_t starts = 9;
  double time = 15;
  std::int64_t grid = 60;
  std::vector<std::int64_t> node_counts{2, 5, 10, 50};
  std::int64_t toeplitz_size = 4;
  std::int64_t batch_size = 100;
  std::int64_t dimension = 10;
  std::int64_t nodes = 5;
  std::int64_t steps = 600;
  std::int64_t seeds = 11;
  double lr = 0.1;
};

}  // namespace sg::theory

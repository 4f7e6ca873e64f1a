// Summary: what a task's runs found: the table, the pictures that compare them, and the report.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/common/metrics.h"
#include "apps/regression/train.h"

namespace sg::regression {

struct FinishedRun {
  std::string group, loss;
  std::filesystem::path folder;
  Outcome outcome;
  apps::Metrics metrics;  // of the folder's metrics.csv
};

/// When a run's error first fell to a level, by its metrics.csv.
struct Reached {
  bool reached = false;
  std::int64_t step = 0;
  double seconds = 0;
};
Reached first_below(const apps::Metrics& metrics, double level);

/// Prints the table, writes the comparing pictures and report.html into the run folder, and says where they are.
void summarise(const Settings& settings, const Task& task, const std::filesystem::path& folder,
               const std::vector<FinishedRun>& runs);

}  // namespace sg::regression

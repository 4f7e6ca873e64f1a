// Summary: what a task's runs found: the table, the pictures that compare them, and the report.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "apps/regression/experiment.h"

namespace sg::regression {

/// When a run's error first fell to a level, by its metrics.csv.
struct Reached {
  bool reached = false;
  std::int64_t step = 0;
  double seconds = 0;
};
Reached first_below(const apps::Metrics& metrics, double level);

/// Writes drawings as one PNG file, in rows of three maps, or curves below each other; none where gnuplot is missing.
void write_png(const std::filesystem::path& path, const Picture& picture);

/// Prints the table (not under --quiet), writes the comparing pictures and report.html into the run folder, and says
/// where they are.
/// `pictures` are those of the first seed's runs, by folder.
void summarise(const Settings& settings, const Task& task, const std::filesystem::path& folder,
               const std::vector<apps::Run>& runs, const std::map<std::filesystem::path, Picture>& pictures);

}  // namespace sg::regression

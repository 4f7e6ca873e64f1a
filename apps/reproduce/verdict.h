// Verdict: whether a figure's claim holds in its runs, by the figure's rule.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/common/comparison.h"
#include "apps/reproduce/figures.h"

namespace sg::reproduce {

/// All runs below a run folder, by the names of their subfolders.
std::vector<apps::Run> read_runs(const std::filesystem::path& folder);

/// What came out of one step, a row a statement: what, figures with quartiles, and whether it holds.
struct Findings {
  apps::Table table;
  std::vector<apps::Figure> charts;
  std::size_t holds = 0, statements = 0;
};
Findings judge(const Figure& figure, const Step& step, const std::filesystem::path& folder);

/// `holds`, `holds in part` or `does not hold here`.
std::string verdict_of(std::size_t holds, std::size_t statements);

}  // namespace sg::reproduce

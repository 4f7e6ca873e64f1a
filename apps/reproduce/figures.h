// Figures: what the paper shows, by which runs it is shown here, and how they are judged.
#pragma once

#include <string>
#include <vector>

namespace sg::reproduce {

/// One run of an application.
struct Step {
  std::string name;  // of its folder
  std::string app;
  std::vector<std::string> arguments;  // without --out
};

/// By what a figure's statements are found in its runs.
enum class Rule {
  acceleration,  // each loss, against L2 of its seed: reached in 4 of 5 seeds, median acceleration above 1.1
  lower_error,   // the median final error of each loss is below L2's
  frequencies,   // the spectral bias, a median over the seeds, falls as the order s grows
  theorems,      // the application's own statements
};

struct Figure {
  std::string name;
  std::string title;
  std::string claim;
  std::string setting;  // the paper's, and where ours differs
  Rule rule = Rule::acceleration;
  std::string column;  // of metrics.csv that is compared
  double minutes = 0;  // on two free cores of 235 GFLOPS together
  std::vector<Step> steps;
};

/// All figures in the paper's order, in short or at length.
std::vector<Figure> figures(bool full);

/// The rule in words.
std::string describe(Rule rule);

}  // namespace sg::reproduce

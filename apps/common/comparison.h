// Comparison: the curves, figures and accelerations of a set of runs, over its seeds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/common/chart.h"
#include "apps/common/compare_losses.h"
#include "apps/common/statistics.h"
#include "apps/common/table.h"

namespace sg::apps {

/// How early a run got to where another one ended.
struct Acceleration {
  std::int64_t step;
  double seconds;
  double fewer_steps;  // the other's steps, divided by these
  double fewer_seconds;
};
/// When `run` first had a test figure at or below `reference`'s last one; smaller is better. Empty when it never did.
std::optional<Acceleration> acceleration(const Metrics& run, const Metrics& reference, const std::string& column);

/// The runs of one loss, one for each seed.
using RunsOfLoss = std::vector<const Run*>;
/// The runs by group and loss, in the order of their first ones.
std::vector<RunsOfLoss> by_loss(const std::vector<Run>& runs);
/// The run of the loss l2 with the same seed and group; null when there is none.
const Run* reference_of(const std::vector<Run>& runs, const Run& run);

/// The accelerations of one loss's runs against the L2 runs of their seeds. A run that does not get there counts as 0,
/// and so does a quartile that lies between it and the next one.
struct SetAcceleration {
  Quartiles steps, seconds;
  std::size_t reached = 0, runs = 0;
};
std::optional<SetAcceleration> set_acceleration(const std::vector<Run>& runs, const RunsOfLoss& loss,
                                                const std::string& column);
/// The last measured figures of one loss's runs.
std::vector<double> final_figures(const RunsOfLoss& loss, const std::string& column);

/// `0.0106`, or of several `0.0106 (0.0096 to 0.0593)`: the median and both quartiles.
std::string show_quartiles(const std::vector<double>& values);

/// `1.25× (1.10× to 1.50×)`; 0 is `never`.
std::string show_factors(const Quartiles& q);

/// A column over the steps, or over the seconds; `train_loss` is a column as well. With several seeds medians, a band
/// from the lower to the upper quartile, and each run thinly.
Chart curves_chart(const std::vector<Run>& runs, const std::string& column, const std::string& label,
                   bool over_seconds = false);

/// For each error level that both reach: the steps (or seconds) that L2 takes to it over those of each other loss;
/// medians and quartiles over the seeds. Without points where nothing can be compared.
Chart acceleration_chart(const std::vector<Run>& runs, const std::string& column, const std::string& label,
                         bool by_seconds = false);

/// Acceleration over the order s with its quartiles, where the losses have at least three orders besides L2's.
std::optional<Chart> order_chart(const std::vector<Run>& runs, const std::string& column);

/// The last figures of each loss and, where there is an l2, the acceleration by `column` against it. With several
/// seeds medians and quartiles, and in how many of the runs the loss got to the L2 run's end.
Table final_table(const std::vector<Run>& runs, const std::string& column);

/// What each loss weighs at the frequencies of n samples: the mean of the weights of k and of n - k, which a real
/// residual cannot tell apart.
Table weights_table(std::int64_t n, const std::vector<Loss>& losses, const Options& options);

}  // namespace sg::apps

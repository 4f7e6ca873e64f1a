// Statistics: medians and quartiles of repeated runs.
#pragma once

#include <vector>

namespace sg::apps {

/// The value below which `part` of the values lie, linearly between neighbours; a NaN without any.
double quantile(std::vector<double> values, double part);
double median(std::vector<double> values);

struct Quartiles {
  double lower = 0, median = 0, upper = 0;
};
Quartiles quartiles(const std::vector<double>& values);

}  // namespace sg::apps

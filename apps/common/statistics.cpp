// Statistics: quantiles.
#include "apps/common/statistics.h"

#include <algorithm>
#include <limits>

namespace sg::apps {

double quantile(std::vector<double> values, double part) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const double place = part * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double part_above = place - static_cast<double>(below);
  // No difference is taken where it would be of infinities, nor multiplied by zero where one of them is.
  if (part_above == 0 || values[below] == values[above]) return values[below];
  return values[below] + part_above * (values[above] - values[below]);
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

Quartiles quartiles(const std::vector<double>& values) {
  return {quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75)};
}

}  // namespace sg::apps

// Quality: distances and readings.
#include "apps/ddim/quality.h"

#include <set>

#include "apps/ddim/frechet.h"
#include "engine/ops.h"

namespace sg::ddim {

nlohmann::json Quality::to_json() const {
  nlohmann::json json{{"frechet_distance", distance}, {"real_to_real_distance", real_distance}};
  if (readable) json["readable"] = *readable;
  if (classes) json["classes"] = *classes;
  return json;
}

Quality measure_quality(PictureFeatures& features, const Tensor& samples, const Tensor& training, const Tensor& test) {
  const Gaussian real = fit_gaussian(features(test));
  Quality quality{frechet_distance(fit_gaussian(features(samples)), real),
                  frechet_distance(fit_gaussian(features(training)), real),
                  {},
                  {}};
  const Tensor probabilities = features.probabilities(samples);
  if (!probabilities.defined()) return quality;
  const auto likeliest = argmax(probabilities, 1).to_vector<std::int64_t>();
  const auto sure = max(probabilities, {1}).to_vector<double>();
  std::set<std::int64_t> seen;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < sure.size(); ++i) {
    if (!(sure[i] > 0.9)) continue;
    ++count;
    seen.insert(likeliest[i]);
  }
  quality.readable = static_cast<double>(count) / static_cast<double>(sure.size());
  quality.classes = static_cast<std::int64_t>(seen.size());
  return quality;
}

}  // namespace sg::ddim

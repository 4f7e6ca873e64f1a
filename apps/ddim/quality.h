// Quality: how far a network's samples are from real pictures.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>

#include "apps/ddim/features.h"

namespace sg::ddim {

struct Quality {
  double distance = 0;                  // Frechet, of samples and test pictures
  double real_distance = 0;             // of as many training pictures: what is possible
  std::optional<double> readable;       // part of the samples with a class of probability over 0.9
  std::optional<std::int64_t> classes;  // classes among these
  nlohmann::json to_json() const;
};

/// All pictures [N, C, H, W] in [0, 1].
Quality measure_quality(PictureFeatures& features, const Tensor& samples, const Tensor& training, const Tensor& test);

}  // namespace sg::ddim

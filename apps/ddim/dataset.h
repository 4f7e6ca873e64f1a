// Dataset: the pictures that ddim trains on.
#pragma once

#include <cstdint>
#include <string>

#include "apps/common/picture_data.h"
#include "apps/ddim/settings.h"

namespace sg::ddim {

struct DatasetSettings {
  std::string crops = "random";
  std::int64_t pieces = 0;
  bool flips = true;
  double test_fraction = 0.1;
};

/// The embedded digits, or --data's IDX files or pictures of the model's channels and size.
apps::PictureSets read_dataset(const apps::Options& options, const DatasetSettings& settings,
                               const ModelSettings& model);

}  // namespace sg::ddim

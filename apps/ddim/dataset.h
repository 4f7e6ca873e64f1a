// Dataset: the pictures that ddim trains on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/common/options.h"
#include "apps/ddim/settings.h"
#include "data/pictures.h"

namespace sg::ddim {

struct DatasetSettings {
  std::string crops = "random";
  std::int64_t pieces = 0;
  bool flips = true;
  double test_fraction = 0.1;
};

struct Dataset {
  std::unique_ptr<data::PictureSet> train;
  std::unique_ptr<data::PictureSet> test;
  std::vector<std::uint8_t> train_labels, test_labels;  // of digits, where there are any
  bool digits = false;                                  // IDX files, embedded or not
};

/// Whether --data names no folder of images: their channels and size are the data's own.
bool has_own_shape(const std::string& data);

/// Reads the embedded digits, or --data's IDX files or pictures of the model's channels and size.
Dataset read_dataset(const apps::Options& options, const DatasetSettings& settings, const ModelSettings& model);

}  // namespace sg::ddim

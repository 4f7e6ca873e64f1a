// Settings: the options of training.
#pragma once

#include <cstdint>
#include <string>

#include "apps/common/options.h"
#include "nn/models/resnet.h"

namespace sg::image_autoencoder {

struct Settings {
  apps::Options common;
  std::string net = "resnet18-light";
  std::int64_t size = 64;
  std::string crops = "random";
  std::int64_t pieces = 0;
  bool flip = false;
  std::string test_data;
  double test_fraction = 0.1;
  double weight_decay = 1e-5;
  std::string init_encoder;
  std::int64_t exact_directions = 0;
  double exact_weight = 0.1;
};

/// Declares the options that the autoencoder adds to those in common.
void add_options(apps::OptionParser& parser, Settings& settings);

/// Throws for options that do not fit each other, such as a size that the network cannot take.
void check_options(const Settings& settings);

/// resnet18 or resnet18-light.
nn::ResnetKind kind_of(const std::string& net);
/// Throws in the option's name unless the network takes pictures of this side.
void check_side(const std::string& option, std::int64_t side, const std::string& net);

}  // namespace sg::image_autoencoder

// Settings: the options of training.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/options.h"
#include "nn/models/resnet.h"

namespace sg::image_autoencoder {

struct Settings {
  apps::Options common;
  std::string net = "photo";
  std::int64_t size = 64;
  std::string crops = "random";
  std::int64_t pieces = 0;
  bool flip = false;
  std::string test_data;
  double test_fraction = 0.2;
  double weight_decay = 0;
  std::string init_encoder;
  std::int64_t exact_directions = 0;
  double exact_weight = 0.1;
};

/// Declares the options that the autoencoder adds to those in common.
void add_options(apps::OptionParser& parser, Settings& settings);

/// Throws for options that do not fit each other, such as a size that the network cannot take.
void check_options(const Settings& settings);

/// photo, resnet18-light and resnet18.
const std::vector<std::string>& net_names();
/// The network of that name.
std::unique_ptr<nn::PictureAutoencoder> make_net(const std::string& net);
/// Throws in the option's name unless the network takes pictures of this side.
void check_side(const std::string& option, std::int64_t side, const std::string& net);

}  // namespace sg::image_autoencoder

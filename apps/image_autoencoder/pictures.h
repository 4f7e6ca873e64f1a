// Pictures: the training and test pieces that the options ask for.
#pragma once

#include <memory>

#include "apps/common/picture_data.h"
#include "apps/image_autoencoder/settings.h"
#include "data/image_folder.h"

namespace sg::image_autoencoder {

struct Pictures {
  std::unique_ptr<data::ImageFolder> train;
  std::unique_ptr<data::ImageFolder> test;  // null without test pictures
  apps::PictureLists lists;
};

/// Finds and splits the pictures. Test pieces are all tiles of the test pictures, or one from the middle of each when
/// there would be more than 2,000 or --crops says center. Unreadable pictures are left out; throws when none is left.
Pictures find_pictures(const Settings& settings);

}  // namespace sg::image_autoencoder

// Pictures: the training and test pieces that the options ask for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/image_autoencoder/settings.h"
#include "data/image_folder.h"

namespace sg::image_autoencoder {

struct Pictures {
  std::unique_ptr<data::ImageFolder> train;
  std::unique_ptr<data::ImageFolder> test;  // null without test pictures
  data::PictureList train_list, test_list;  // of readable pictures
  std::size_t found = 0;                    // readable or not
  std::vector<data::SkippedPicture> skipped;
};

/// Finds and splits the pictures. Test pieces are all tiles of the test pictures, or one from the middle of each when
/// there would be more than 2,000 or --crops says center. Unreadable pictures are left out; throws when none is left.
Pictures find_pictures(const Settings& settings);

/// Adds the pictures whose damage showed only when they were read; gives those that are new.
std::vector<data::SkippedPicture> add_damaged(Pictures& pictures);

/// `2 of 12 pictures cannot be read and are left out: a.jpg (...), b.png (...)`, one line of printable characters.
std::string describe_skipped(const std::vector<data::SkippedPicture>& skipped, std::size_t of);

/// The text with spaces in place of what a terminal would take as commands.
std::string printable(std::string text);

}  // namespace sg::image_autoencoder

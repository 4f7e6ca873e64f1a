// Picture data: the pictures of --data, whether IDX files or a folder of images, and what is told of those left out.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/common/options.h"
#include "data/image_folder.h"
#include "data/pictures.h"

namespace sg::apps {

/// Which pictures train and which test, before any are cut.
struct PictureLists {
  data::PictureList train, test;  // of readable pictures; `test` may be empty
  std::size_t found = 0;          // readable or not
  std::vector<data::SkippedPicture> skipped;
};

/// Those of a folder of images, `test_fraction` of which tests (data::split_pictures); or of IDX files, whose t10k set
/// tests unless the fraction is 0. Those of `test_data`, unless it is empty, test instead. Without `data`: the embedded
/// photographs. Unreadable pictures are left out; throws when none is left.
PictureLists list_pictures(const std::string& data, const std::string& test_data, double test_fraction,
                           std::uint64_t seed);

/// Whether --data names no folder of images: channels and size of the pictures are the data's own.
bool has_own_shape(const std::string& data);

struct PictureSets {
  std::unique_ptr<data::PictureSet> train, test;
  std::vector<std::uint8_t> train_labels, test_labels;  // of IDX files, where there are any
  bool digits = false;                                  // IDX files, embedded or not
  std::size_t found = 0;
  std::vector<data::SkippedPicture> skipped;
};

/// The embedded digits or --data's IDX files as they are; or the images of --data's folder, cut as `pieces` says (those
/// of the test without chance), a single one being its own test. --limit-train and --limit-test hold. Throws unless
/// both sets have a picture.
PictureSets read_picture_sets(const Options& options, data::ImageFolderOptions pieces, double test_fraction);

/// Adds the pictures whose damage showed only when a set read them; gives those that are new.
std::vector<data::SkippedPicture> add_damaged(std::vector<data::SkippedPicture>& skipped, const data::PictureSet* train,
                                              const data::PictureSet* test);

/// `2 of 12 pictures cannot be read and are left out: a.jpg (...), b.png (...)`, and folders that cannot be searched;
/// one line of printable characters.
std::string describe_skipped(const std::vector<data::SkippedPicture>& skipped, std::size_t found);
/// ` (2 unreadable pictures left out)` for the line at the end; empty when there are none.
std::string count_skipped(const std::vector<data::SkippedPicture>& skipped);
/// As config.json has them: names and reasons.
nlohmann::json skipped_to_json(const std::vector<data::SkippedPicture>& skipped);

/// Eight hexadecimal digits by which other data are known, `data_checksum` in config.json.
std::string checksum_text(std::uint32_t checksum);
std::string data_checksum(const data::PictureSet* train, const data::PictureSet* test);

}  // namespace sg::apps

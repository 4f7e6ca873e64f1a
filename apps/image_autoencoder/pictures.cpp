// Pictures: finding, splitting and cutting them.
#include "apps/image_autoencoder/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sg::image_autoencoder {
namespace {

constexpr std::int64_t kMostTestTiles = 2000;

data::PictureList readable(data::PictureList list, Pictures& pictures) {
  pictures.found += list.names.size();
  data::ReadablePictures readable = data::readable_pictures(std::move(list));
  pictures.skipped.insert(pictures.skipped.end(), readable.skipped.begin(), readable.skipped.end());
  return std::move(readable.list);
}

data::PictureList searched(const std::string& option, const std::string& folder) {
  try {
    return data::find_pictures(folder);
  } catch (const Error& error) {
    fail("{}: {}", option, error.what());
  }
}

std::unique_ptr<data::ImageFolder> test_pieces(const data::PictureList& list, data::ImageFolderOptions options) {
  options.flips = false;
  if (options.crops != data::Crops::center) {
    options.crops = data::Crops::tile;
    auto tiles = std::make_unique<data::ImageFolder>(list, options);
    if (tiles->size() <= kMostTestTiles) return tiles;
  }
  options.crops = data::Crops::center;
  return std::make_unique<data::ImageFolder>(list, options);
}

}  // namespace

Pictures find_pictures(const Settings& settings) {
  const apps::Options& common = settings.common;
  const bool embedded = common.data.empty();
  Pictures pictures;
  data::PictureList all = readable(embedded ? data::embedded_photographs() : searched("--data", common.data), pictures);
  if (settings.test_data.empty()) {
    data::PictureSplit split = data::split_pictures(all, settings.test_fraction, common.seed);
    pictures.train_list = std::move(split.train);
    pictures.test_list = std::move(split.test);
  } else {
    pictures.train_list = std::move(all);
    pictures.test_list = readable(searched("--test-data", settings.test_data), pictures);
  }
  data::ImageFolderOptions options;
  options.side = settings.size;
  options.crops = data::crops_of(settings.crops);
  options.pieces = settings.pieces > 0 || embedded ? settings.pieces : 1;
  options.flips = settings.flip;
  options.seed = common.seed;
  pictures.train = std::make_unique<data::ImageFolder>(pictures.train_list, options);
  if (!pictures.test_list.names.empty()) pictures.test = test_pieces(pictures.test_list, options);
  if (common.limit_train > 0) pictures.train->limit(common.limit_train);
  if (common.limit_test > 0 && pictures.test) pictures.test->limit(common.limit_test);
  return pictures;
}

std::vector<data::SkippedPicture> add_damaged(Pictures& pictures) {
  std::set<std::string> known;
  for (const data::SkippedPicture& picture : pictures.skipped) known.insert(picture.name);
  std::vector<data::SkippedPicture> found;
  for (const auto* folder : {pictures.train.get(), pictures.test.get()}) {
    if (!folder) continue;
    for (const data::SkippedPicture& picture : folder->skipped()) {
      if (known.insert(picture.name).second) found.push_back(picture);
    }
  }
  pictures.skipped.insert(pictures.skipped.end(), found.begin(), found.end());
  return found;
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  }
  return text;
}

std::string describe_skipped(const std::vector<data::SkippedPicture>& skipped, std::size_t of) {
  constexpr std::size_t most = 20;
  std::string text = fmt::format("{} of {} pictures cannot be read and {} left out: ", skipped.size(), of,
                                 skipped.size() == 1 ? "is" : "are");
  for (std::size_t i = 0; i < std::min(most, skipped.size()); ++i) {
    text += fmt::format("{}{} ({})", i ? ", " : "", skipped[i].name, skipped[i].reason);
  }
  if (skipped.size() > most) text += fmt::format(", and {} more", skipped.size() - most);
  return printable(text);
}

}  // namespace sg::image_autoencoder

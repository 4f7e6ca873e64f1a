// Pictures: finding, splitting and cutting them.
#include "apps/image_autoencoder/pictures.h"

namespace sg::image_autoencoder {
namespace {

constexpr std::int64_t kMostTestTiles = 2000;

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
  Pictures pictures{{}, {}, apps::list_pictures(common.data, settings.test_data, settings.test_fraction, common.seed)};
  data::ImageFolderOptions options;
  options.side = settings.size;
  options.crops = data::crops_of(settings.crops);
  options.pieces = settings.pieces > 0 || embedded ? settings.pieces : 1;
  options.flips = settings.flip;
  options.seed = common.seed;
  pictures.train = std::make_unique<data::ImageFolder>(pictures.lists.train, options);
  if (!pictures.lists.test.names.empty()) pictures.test = test_pieces(pictures.lists.test, options);
  if (common.limit_train > 0) pictures.train->limit(common.limit_train);
  if (common.limit_test > 0 && pictures.test) pictures.test->limit(common.limit_test);
  return pictures;
}

}  // namespace sg::image_autoencoder

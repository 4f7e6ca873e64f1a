// Dataset.
#include "apps/ddim/dataset.h"

namespace sg::ddim {

apps::PictureSets read_dataset(const apps::Options& options, const DatasetSettings& settings,
                               const ModelSettings& model) {
  if (!apps::has_own_shape(options.data) && model.channels != 1 && model.channels != 3) {
    fail("--channels: pictures have 1 (grey) or 3 (colour), not {}", model.channels);
  }
  const data::ImageFolderOptions pieces{.side = model.size,
                                        .channels = static_cast<int>(model.channels),
                                        .crops = data::crops_of(settings.crops),
                                        .pieces = settings.pieces,
                                        .flips = settings.flips};
  return apps::read_picture_sets(options, pieces, settings.test_fraction);
}

}  // namespace sg::ddim

// Dataset.
#include "apps/ddim/dataset.h"

#include <fmt/format.h>

#include "data/digits.h"
#include "data/image_folder.h"
#include "engine/printable.h"

namespace sg::ddim {
namespace {

Dataset digits_dataset(const apps::Options& options) {
  data::Digits digits = options.data.empty() ? data::embedded_digits() : data::read_digits(options.data);
  const auto limit = [](data::MemoryPictures& pictures, std::vector<std::uint8_t>& labels, std::int64_t count) {
    if (count <= 0 || count >= pictures.size()) return;
    pictures.limit(count);
    if (!labels.empty()) labels.resize(static_cast<std::size_t>(count));
  };
  limit(digits.train, digits.train_labels, options.limit_train);
  limit(digits.test, digits.test_labels, options.limit_test);
  Dataset dataset;
  dataset.digits = true;
  dataset.train = std::make_unique<data::MemoryPictures>(std::move(digits.train));
  dataset.test = std::make_unique<data::MemoryPictures>(std::move(digits.test));
  dataset.train_labels = std::move(digits.train_labels);
  dataset.test_labels = std::move(digits.test_labels);
  return dataset;
}

std::unique_ptr<data::ImageFolder> folder(data::PictureList list, const data::ImageFolderOptions& options,
                                          std::int64_t limit) {
  auto pictures = std::make_unique<data::ImageFolder>(std::move(list), options);
  if (limit > 0) pictures->limit(limit);
  return pictures;
}

}  // namespace

bool has_own_shape(const std::string& data) { return data.empty() || data::is_idx_folder(data); }

Dataset read_dataset(const apps::Options& options, const DatasetSettings& settings, const ModelSettings& model) {
  Dataset dataset;
  if (has_own_shape(options.data)) {
    dataset = digits_dataset(options);
  } else {
    if (model.channels != 1 && model.channels != 3) {
      fail("--channels: pictures have 1 (grey) or 3 (colour), not {}", model.channels);
    }
    const data::ReadablePictures all = data::readable_pictures(data::find_pictures(options.data));
    if (!options.quiet) {
      for (const auto& skipped : {all.list.problems, all.skipped}) {
        for (const data::SkippedPicture& picture : skipped) {
          fmt::print(stderr, "{}: left out: {}\n", printable(picture.name), printable(picture.reason));
        }
      }
    }
    data::PictureSplit split = data::split_pictures(all.list, settings.test_fraction, options.seed);
    // A single picture is its own test.
    if (split.test.names.empty()) split.test = split.train;
    data::ImageFolderOptions pieces{.side = model.size,
                                    .channels = static_cast<int>(model.channels),
                                    .crops = data::crops_of(settings.crops),
                                    .pieces = settings.pieces,
                                    .flips = settings.flips,
                                    .seed = options.seed};
    dataset.train = folder(std::move(split.train), pieces, options.limit_train);
    pieces.flips = false;
    if (pieces.crops == data::Crops::random) pieces.crops = data::Crops::tile;
    dataset.test = folder(std::move(split.test), pieces, options.limit_test);
  }
  if (dataset.train->size() == 0 || dataset.test->size() == 0) {
    fail("--data: {} training and {} test pictures: at least one of each is needed", dataset.train->size(),
         dataset.test->size());
  }
  return dataset;
}

}  // namespace sg::ddim

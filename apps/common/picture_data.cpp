// Picture data.
#include "apps/common/picture_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/common/run_folder.h"
#include "data/digits.h"
#include "engine/printable.h"

namespace sg::apps {
namespace {

/// Calls `read`, whose error is told in the option's name.
template <class Read>
auto in_name_of(const std::string& option, Read read) {
  try {
    return read();
  } catch (const Error& error) {
    fail("{}: {}", option, error.what());
  }
}

/// The readable ones of a list; counts the others.
data::PictureList readable(data::PictureList list, PictureLists& lists) {
  lists.found += list.names.size();
  lists.skipped.insert(lists.skipped.end(), list.problems.begin(), list.problems.end());
  data::ReadablePictures readable = data::readable_pictures(std::move(list));
  lists.skipped.insert(lists.skipped.end(), readable.skipped.begin(), readable.skipped.end());
  return std::move(readable.list);
}

data::PictureList readable_below(const std::string& option, const std::string& folder, PictureLists& lists) {
  constexpr const char* or_idx = ", and no IDX files train-images-idx3-ubyte and t10k-images-idx3-ubyte (or with .gz)";
  return in_name_of(option, [&] { return readable(data::find_pictures(folder, or_idx, has_run_config), lists); });
}

data::PictureList counted_in_memory(data::MemoryPictures pictures, PictureLists& lists) {
  lists.found += static_cast<std::size_t>(pictures.size());
  return data::pictures_in_memory(std::move(pictures));
}

std::unique_ptr<data::ImageFolder> limited_folder(data::PictureList list, const data::ImageFolderOptions& pieces,
                                                  std::int64_t limit) {
  auto pictures = std::make_unique<data::ImageFolder>(std::move(list), pieces);
  if (limit > 0) pictures->limit(limit);
  return pictures;
}

PictureSets digit_sets(const Options& options) {
  data::Digits digits = options.data.empty() ? data::embedded_digits()
                                             : in_name_of("--data", [&] { return data::read_digits(options.data); });
  digits.limit(options.limit_train, options.limit_test);
  PictureSets sets;
  sets.digits = true;
  sets.train = std::make_unique<data::MemoryPictures>(std::move(digits.train));
  sets.test = std::make_unique<data::MemoryPictures>(std::move(digits.test));
  sets.train_labels = std::move(digits.train_labels);
  sets.test_labels = std::move(digits.test_labels);
  return sets;
}

std::size_t folders_among(const std::vector<data::SkippedPicture>& skipped) {
  return static_cast<std::size_t>(
      std::count_if(skipped.begin(), skipped.end(), [](const auto& picture) { return picture.is_folder(); }));
}

/// The first names with their reasons, of folders or of pictures.
std::string names_with_reasons(const std::vector<data::SkippedPicture>& skipped, bool folders) {
  constexpr std::size_t most = 20;
  std::string text;
  std::size_t count = 0;
  for (const data::SkippedPicture& picture : skipped) {
    if (picture.is_folder() != folders) continue;
    ++count;
    if (count > most) continue;
    text += fmt::format("{}{} ({})", count > 1 ? ", " : "", printable(picture.name), printable(picture.reason));
  }
  if (count > most) text += fmt::format(", and {} more", count - most);
  return text;
}

}  // namespace

PictureLists list_pictures(const std::string& data, const std::string& test_data, double test_fraction,
                           std::uint64_t seed) {
  PictureLists lists;
  if (!data.empty() && data::is_idx_folder(data)) {
    data::Digits digits = in_name_of("--data", [&] { return data::read_digits(data); });
    lists.train = in_name_of("--data", [&] { return counted_in_memory(std::move(digits.train), lists); });
    if (test_data.empty() && test_fraction > 0) lists.test = counted_in_memory(std::move(digits.test), lists);
  } else {
    data::PictureList all =
        data.empty() ? readable(data::embedded_photographs(), lists) : readable_below("--data", data, lists);
    if (test_data.empty()) {
      data::PictureSplit split = data::split_pictures(all, test_fraction, seed);
      lists.train = std::move(split.train);
      lists.test = std::move(split.test);
    } else {
      lists.train = std::move(all);
    }
  }
  if (test_data.empty()) return lists;
  if (data::is_idx_folder(test_data)) {
    data::Digits digits = in_name_of("--test-data", [&] { return data::read_digits(test_data); });
    lists.test = counted_in_memory(std::move(digits.test), lists);
  } else {
    lists.test = readable_below("--test-data", test_data, lists);
  }
  return lists;
}

bool has_own_shape(const std::string& data) { return data.empty() || data::is_idx_folder(data); }

PictureSets read_picture_sets(const Options& options, data::ImageFolderOptions pieces, double test_fraction) {
  PictureSets sets;
  if (has_own_shape(options.data)) {
    sets = digit_sets(options);
  } else {
    PictureLists lists = list_pictures(options.data, "", test_fraction, options.seed);
    if (lists.test.names.empty()) lists.test = lists.train;
    sets.found = lists.found;
    sets.skipped = std::move(lists.skipped);
    pieces.seed = options.seed;
    sets.train = limited_folder(std::move(lists.train), pieces, options.limit_train);
    pieces.flips = false;
    if (pieces.crops == data::Crops::random) pieces.crops = data::Crops::tile;
    sets.test = limited_folder(std::move(lists.test), pieces, options.limit_test);
  }
  if (sets.train->size() == 0 || sets.test->size() == 0) {
    fail("--data: {} training and {} test pictures: at least one of each is needed", sets.train->size(),
         sets.test->size());
  }
  return sets;
}

std::vector<data::SkippedPicture> add_damaged(std::vector<data::SkippedPicture>& skipped, const data::PictureSet* train,
                                              const data::PictureSet* test) {
  std::set<std::string> known;
  for (const data::SkippedPicture& picture : skipped) known.insert(picture.name);
  std::vector<data::SkippedPicture> damaged;
  for (const data::PictureSet* set : {train, test}) {
    if (!set) continue;
    for (const data::SkippedPicture& picture : set->skipped()) {
      if (known.insert(picture.name).second) damaged.push_back(picture);
    }
  }
  skipped.insert(skipped.end(), damaged.begin(), damaged.end());
  return damaged;
}

std::string describe_skipped(const std::vector<data::SkippedPicture>& skipped, std::size_t found) {
  const std::size_t folders = folders_among(skipped), pictures = skipped.size() - folders;
  std::string text;
  if (pictures > 0) {
    text = fmt::format("{} of {} pictures cannot be read and {} left out: {}", pictures, found,
                       pictures == 1 ? "is" : "are", names_with_reasons(skipped, false));
  }
  if (folders > 0) {
    text += fmt::format("{}{} cannot be searched and {} left out: {}", text.empty() ? "" : "; ",
                        counted(static_cast<std::int64_t>(folders), "folder"), folders == 1 ? "is" : "are",
                        names_with_reasons(skipped, true));
  }
  return text;
}

std::string count_skipped(const std::vector<data::SkippedPicture>& skipped) {
  const auto folders = static_cast<std::int64_t>(folders_among(skipped)),
             pictures = static_cast<std::int64_t>(skipped.size()) - folders;
  if (skipped.empty()) return "";
  if (folders == 0) return fmt::format(" ({} left out)", counted(pictures, "unreadable picture"));
  if (pictures == 0) return fmt::format(" ({} left out)", counted(folders, "unreadable folder"));
  return fmt::format(" ({} and {} left out)", counted(pictures, "unreadable picture"), counted(folders, "folder"));
}

nlohmann::json skipped_to_json(const std::vector<data::SkippedPicture>& skipped) {
  nlohmann::json json = nlohmann::json::array();
  for (const data::SkippedPicture& picture : skipped) {
    json.push_back({{"name", picture.name}, {"reason", picture.reason}});
  }
  return json;
}

std::string checksum_text(std::uint32_t checksum) { return fmt::format("{:08x}", checksum); }

std::string data_checksum(const data::PictureSet* train, const data::PictureSet* test) {
  std::uint32_t checksum = 0;
  for (const data::PictureSet* set : {train, test}) {
    if (set) checksum = set->checksum(checksum);
  }
  return checksum_text(checksum);
}

}  // namespace sg::apps

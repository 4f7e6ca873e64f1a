// Digits: finding and joining the four IDX files.
#include "data/digits.h"

#include <string>

#include "data/embedded.h"
#include "data/idx.h"
#include "engine/error.h"

namespace sg::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t largest_side = 16384;

/// The file with or without .gz, with `-idx` or `.idx`; empty when there is none. A folder of that name is none.
fs::path find_idx(const fs::path& folder, const std::string& stem, const std::string& kind) {
  std::error_code error;
  for (const char* joint : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      const fs::path path = folder / (stem + joint + kind + ending);
      // Where an archive was unpacked into folders of the files' names, one of these may stand beside the file.
      if (fs::is_regular_file(path, error)) return path;
    }
  }
  return {};
}

MemoryPictures to_pictures(IdxArray array, const std::string& name) {
  if (array.extents[1] > largest_side || array.extents[2] > largest_side) {
    fail("{}: pictures of {} x {}: a side may have at most {}", name, array.extents[1], array.extents[2], largest_side);
  }
  return MemoryPictures({1, array.extents[1], array.extents[2]}, std::move(array.values));
}

void check_labels(const std::vector<std::uint8_t>& labels, const MemoryPictures& pictures, const std::string& name) {
  if (static_cast<std::int64_t>(labels.size()) != pictures.size()) {
    fail("{}: {} labels for {} pictures", name, labels.size(), pictures.size());
  }
}

void limit_labelled(MemoryPictures& pictures, std::vector<std::uint8_t>& labels, std::int64_t count) {
  if (count <= 0 || count >= pictures.size()) return;
  pictures.limit(count);
  if (!labels.empty()) labels.resize(static_cast<std::size_t>(count));
}

}  // namespace

void Digits::limit(std::int64_t train_count, std::int64_t test_count) {
  limit_labelled(train, train_labels, train_count);
  limit_labelled(test, test_labels, test_count);
}

Digits embedded_digits() {
  const auto array = [](const std::string& name, std::size_t rank) {
    return parse_idx(embedded_file("mnist10k/" + name), name, rank);
  };
  return {to_pictures(array("train-images-idx3-ubyte.gz", 3), "train-images"),
          to_pictures(array("t10k-images-idx3-ubyte.gz", 3), "t10k-images"),
          array("train-labels-idx1-ubyte.gz", 1).values, array("t10k-labels-idx1-ubyte.gz", 1).values};
}

bool is_idx_folder(const fs::path& folder) {
  return !find_idx(folder, "train-images", "idx3-ubyte").empty() ||
         !find_idx(folder, "t10k-images", "idx3-ubyte").empty();
}

Digits read_digits(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) fail("{}: no such folder", folder.string());
  const auto pictures = [&](const std::string& stem) {
    const fs::path path = find_idx(folder, stem, "idx3-ubyte");
    if (path.empty()) fail("{}: no file {}-idx3-ubyte or {}-idx3-ubyte.gz in this folder", folder.string(), stem, stem);
    return to_pictures(read_idx(path, 3), path.string());
  };
  const auto labels = [&](const std::string& stem, const MemoryPictures& set) {
    const fs::path path = find_idx(folder, stem, "idx1-ubyte");
    if (path.empty()) return std::vector<std::uint8_t>{};
    auto values = read_idx(path, 1).values;
    check_labels(values, set, path.string());
    return values;
  };
  Digits digits{pictures("train-images"), pictures("t10k-images"), {}, {}};
  if (!(digits.train.sample_shape() == digits.test.sample_shape())) {
    fail("{}: training pictures are {}, test pictures {}", folder.string(), digits.train.sample_shape(),
         digits.test.sample_shape());
  }
  digits.train_labels = labels("train-labels", digits.train);
  digits.test_labels = labels("t10k-labels", digits.test);
  return digits;
}

}  // namespace sg::data

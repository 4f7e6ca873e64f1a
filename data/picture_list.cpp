// Picture list: searching folders, and setting pictures aside for tests.
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "data/embedded.h"
#include "data/image_folder.h"
#include "data/streams.h"
#include "engine/error.h"

namespace sg::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t depth_limit = 256;
constexpr std::size_t count_limit = 20'000'000;

/// Walks the folders in byte order of their names; `seen` holds the ones that were entered, so that links in circles
/// end.
void search(const fs::path& folder, const std::string& prefix, std::size_t depth,
            std::set<std::pair<dev_t, ino_t>>& seen, PictureList& list) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !seen.insert({status.st_dev, status.st_ino}).second) return;
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) list.problems.push_back(fmt::format("{}: {}", folder.string(), error.message()));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const fs::path path = folder / name;
    if (::stat(path.c_str(), &status) != 0) {
      if (has_image_name(path)) list.names.push_back(prefix + name);  // a link to nowhere: reported as unreadable
    } else if (S_ISDIR(status.st_mode)) {
      if (depth < depth_limit) search(path, prefix + name + "/", depth + 1, seen, list);
    } else if (has_image_name(path)) {
      if (list.names.size() == count_limit) fail("{}: more than {} pictures", list.root.string(), count_limit);
      list.names.push_back(prefix + name);
    }
  }
}

}  // namespace

Crops crops_of(std::string_view name) {
  if (name == "random") return Crops::random;
  if (name == "center") return Crops::center;
  if (name == "tile") return Crops::tile;
  fail("crops: '{}' is not one of random, center, tile", name);
}

PictureList find_pictures(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    fail("{}: {}", folder.string(), fs::exists(folder, error) ? "not a folder" : "no such folder");
  }
  PictureList list;
  list.root = folder;
  std::set<std::pair<dev_t, ino_t>> seen;
  search(folder, "", 0, seen, list);
  std::sort(list.names.begin(), list.names.end());
  if (list.names.empty()) {
    if (!list.problems.empty()) fail("{}", list.problems.front());
    fail("{}: no pictures (JPEG, PNG, BMP, GIF, TGA, PGM, PPM) in this folder or below", folder.string());
  }
  return list;
}

PictureList embedded_photographs() {
  PictureList list;
  list.names = embedded_names("photos/");
  return list;
}

Image read_listed(const PictureList& list, const std::string& name, int channels) {
  return list.root.empty() ? decode_image(embedded_file(name), name, channels) : read_image(list.root / name, channels);
}

PictureSplit split_pictures(const PictureList& list, double test_fraction, std::uint64_t seed) {
  if (!(test_fraction >= 0 && test_fraction < 1)) {
    fail("split: a test fraction of {}: at least 0 and less than 1 is needed", test_fraction);
  }
  const auto count = static_cast<std::int64_t>(list.names.size());
  auto tests = static_cast<std::int64_t>(test_fraction * static_cast<double>(count) + 0.5);
  if (test_fraction > 0 && count > 1) tests = std::clamp<std::int64_t>(tests, 1, count - 1);
  if (count <= 1) tests = 0;
  const auto order = permutation(count, seed, stream_of(Use::split, 0));
  std::vector<bool> is_test(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < tests; ++i) is_test[order[i]] = true;
  PictureSplit split{{{}, list.root, list.problems}, {{}, list.root, {}}};
  for (std::int64_t i = 0; i < count; ++i) (is_test[i] ? split.test : split.train).names.push_back(list.names[i]);
  return split;
}

}  // namespace sg::data

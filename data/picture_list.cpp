// Picture list: searching folders, and setting pictures aside for tests.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <set>
#include <tuple>

#include "data/embedded.h"
#include "data/image_folder.h"
#include "data/streams.h"
#include "engine/error.h"

namespace sg::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t depth_limit = 256;
constexpr std::size_t count_limit = 20'000'000;

/// A file or a folder, whatever its names.
using Identity = std::pair<dev_t, ino_t>;

struct Search {
  const std::function<bool(const fs::path&)>& leave_out;
  PictureList list;
  std::vector<Identity> files;  // of the list's names; nothing for a link to nowhere
  std::set<Identity> folders;   // that were entered, so that links in circles end
};

/// Walks the folders in byte order of their names.
void search(const fs::path& folder, const std::string& prefix, std::size_t depth, Search& found) {
  PictureList& list = found.list;
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !found.folders.insert({status.st_dev, status.st_ino}).second) return;
  const std::string name_of_folder = prefix.empty() ? "./" : prefix;
  if (::faccessat(AT_FDCWD, folder.c_str(), R_OK | X_OK, AT_EACCESS) != 0) {
    list.problems.push_back({name_of_folder, std::strerror(errno)});
    return;
  }
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) list.problems.push_back({name_of_folder, error.message()});
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const fs::path path = folder / name;
    if (::stat(path.c_str(), &status) != 0) {
      if (!has_image_name(path)) continue;
      list.names.push_back(prefix + name);  // a link to nowhere: reported as unreadable
      found.files.emplace_back();
    } else if (S_ISDIR(status.st_mode)) {
      if (found.leave_out && found.leave_out(path)) continue;
      if (depth < depth_limit) {
        search(path, prefix + name + "/", depth + 1, found);
      } else {
        list.problems.push_back({prefix + name + "/", fmt::format("more than {} folders deep", depth_limit)});
      }
    } else if (has_image_name(path)) {
      if (list.names.size() == count_limit) fail("{}: more than {} pictures", list.root.string(), count_limit);
      list.names.push_back(prefix + name);
      found.files.emplace_back(status.st_dev, status.st_ino);
    }
  }
}

/// The names in byte order, of each file the first: a picture under two names would be in the training set and in the
/// test set.
std::vector<std::string> one_name_a_file(Search& found) {
  std::vector<std::string>& names = found.list.names;
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(found.files[a], names[a]) < std::tie(found.files[b], names[b]);
  });
  std::vector<std::string> kept;
  Identity before{};
  for (const std::size_t i : order) {
    const Identity file = found.files[i];
    if (file == Identity{} || file != before) kept.push_back(std::move(names[i]));
    before = file;
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

Image image_in_memory(const MemoryPictures& pictures, std::int64_t index, int channels) {
  const Shape& shape = pictures.sample_shape();
  std::vector<std::uint8_t> planes(static_cast<std::size_t>(element_count(shape)));
  pictures.read(index, 0, planes);
  Image image{shape[2], shape[1], shape[0], {}};
  const std::int64_t pixels = image.width * image.height;
  image.pixels.reserve(planes.size());
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (std::int64_t c = 0; c < image.channels; ++c) image.pixels.push_back(planes[c * pixels + i]);
  }
  return with_channels(std::move(image), channels);
}

}  // namespace

Crops crops_of(std::string_view name) {
  if (name == "random") return Crops::random;
  if (name == "center") return Crops::center;
  if (name == "tile") return Crops::tile;
  fail("crops: '{}' is not one of random, center, tile", name);
}

PictureList find_pictures(const fs::path& folder, std::string_view also,
                          const std::function<bool(const fs::path&)>& leave_out) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    fail("{}: {}", folder.string(), fs::exists(folder, error) ? "not a folder" : "no such folder");
  }
  Search found{leave_out, {}, {}, {}};
  found.list.root = folder;
  search(folder, "", 0, found);
  found.list.names = one_name_a_file(found);
  PictureList list = std::move(found.list);
  if (list.names.empty()) {
    if (!list.problems.empty()) {
      const SkippedPicture& first = list.problems.front();
      fail("{}: {}", (first.name == "./" ? folder : folder / first.name).string(), first.reason);
    }
    fail("{}: no pictures (JPEG, PNG, BMP, GIF, TGA, PGM, PPM) in this folder or below{}", folder.string(), also);
  }
  return list;
}

PictureList embedded_photographs() {
  PictureList list;
  list.names = embedded_names("photos/");
  return list;
}

PictureList pictures_in_memory(MemoryPictures pictures) {
  const std::int64_t channels = pictures.sample_shape().size() == 3 ? pictures.sample_shape()[0] : 0;
  if (channels != 1 && channels != 3) {
    fail("pictures_in_memory: of shape {}, needs [1, H, W] or [3, H, W]", pictures.sample_shape());
  }
  const std::int64_t height = pictures.sample_shape()[1], width = pictures.sample_shape()[2];
  if (width * height > image_pixel_limit) {
    fail("pictures in memory: of {} x {} pixels: at most {} are read", width, height, image_pixel_limit);
  }
  if (pictures.size() > static_cast<std::int64_t>(count_limit)) {
    fail("pictures in memory: {}: at most {} are read", pictures.size(), count_limit);
  }
  PictureList list;
  for (std::int64_t i = 0; i < pictures.size(); ++i) list.names.push_back(fmt::to_string(i));
  list.memory = std::make_shared<const MemoryPictures>(std::move(pictures));
  return list;
}

Image read_listed(const PictureList& list, const std::string& name, int channels) {
  if (list.memory) return image_in_memory(*list.memory, std::stoll(name), channels);
  return list.root.empty() ? decode_image(embedded_file(name), name, channels) : read_image(list.root / name, channels);
}

ImageSize size_of_listed(const PictureList& list, const std::string& name) {
  if (list.memory) return {list.memory->sample_shape()[2], list.memory->sample_shape()[1]};
  return list.root.empty() ? image_size(embedded_file(name), name) : read_image_size(list.root / name);
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
  PictureSplit split{{{}, list.root, list.problems, list.memory}, {{}, list.root, {}, list.memory}};
  for (std::int64_t i = 0; i < count; ++i) (is_test[i] ? split.test : split.train).names.push_back(list.names[i]);
  return split;
}

}  // namespace sg::data

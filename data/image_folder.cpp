// Image folder: pieces of pictures, and the pictures that are kept unpacked.
#include "data/image_folder.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <set>
#include <thread>
#include <unordered_map>

#include "data/embedded.h"
#include "data/files.h"
#include "data/streams.h"
#include "engine/crc32c.h"
#include "engine/error.h"

namespace sg::data {
namespace {

constexpr std::size_t kept_bytes = std::size_t{512} << 20;
constexpr std::size_t early_bytes = std::size_t{64} << 20;
/// A sliver enlarged as a whole would take any amount of memory; only its middle, of so many squares, is enlarged, and
/// no more than one of them can be seen anyway.
constexpr std::int64_t longest_sliver = 64;

/// Runs task(i) for i in [0, count) on threads of its own: reading waits for the disk, which the engine's pool should
/// not.
template <class Task>
void on_threads(std::size_t count, Task task) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) task(i);
  };
  const std::size_t wanted = std::min<std::size_t>(count, std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
}

/// The message without the path in front.
std::string reason_of(const std::exception& error, const std::string& name) {
  const std::string message = error.what();
  const std::size_t place = message.find(name + ": ");
  return place == std::string::npos ? message : message.substr(place + name.size() + 2);
}

}  // namespace

/// Unpacked pictures, the least recently used one leaving first. A picture that turned out to be damaged is kept as an
/// empty pointer.
class ImageFolder::Cache {
 public:
  /// True when the file's fate is known.
  bool find(std::int64_t file, std::shared_ptr<const Image>& image) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(file);
    if (found == entries_.end()) return false;
    image = found->second.image;
    if (image) order_.splice(order_.begin(), order_, found->second.place);
    return true;
  }
  void insert(std::int64_t file, std::shared_ptr<const Image> image) {
    const std::lock_guard lock(mutex_);
    if (entries_.contains(file)) return;
    if (!image) {
      entries_[file] = {nullptr, order_.end()};
      return;
    }
    if (image->pixels.size() > kept_bytes) return;
    bytes_ += image->pixels.size();
    while (bytes_ > kept_bytes && !order_.empty()) {
      const auto last = entries_.find(order_.back());
      bytes_ -= last->second.image->pixels.size();
      entries_.erase(last);
      order_.pop_back();
    }
    order_.push_front(file);
    entries_[file] = {std::move(image), order_.begin()};
  }

 private:
  struct Entry {
    std::shared_ptr<const Image> image;
    std::list<std::int64_t>::iterator place;
  };
  std::mutex mutex_;
  std::list<std::int64_t> order_;
  std::unordered_map<std::int64_t, Entry> entries_;
  std::size_t bytes_ = 0;
};

ImageFolder::ImageFolder(PictureList list, const ImageFolderOptions& options)
    : list_(std::move(list)),
      options_(options),
      shape_{options.channels, options.side, options.side},
      cache_(std::make_unique<Cache>()) {
  if (options.side < 1 || options.side > image_side_limit) {
    fail("image folder: a side of {}: 1 to {} is needed", options.side, image_side_limit);
  }
  if (options.pieces < 0 || options.pieces > 1 << 20) {
    fail("image folder: {} pieces of a picture: 0 to {} are needed", options.pieces, 1 << 20);
  }
  if (options.channels != 1 && options.channels != 3) {
    fail("image folder: {} channels: 1 or 3 are needed", options.channels);
  }

  std::vector<ImageSize> sizes(list_.names.size());
  std::vector<std::string> reasons(list_.names.size());
  on_threads(sizes.size(), [&](std::size_t i) {
    try {
      sizes[i] = size_of_listed(list_, list_.names[i]);
    } catch (const std::exception& error) {
      reasons[i] = reason_of(error, list_.names[i]);
    }
  });
  // As many as fit are unpacked now, so that damage behind the header of small sets is known before the first step.
  std::vector<std::shared_ptr<const Image>> early(sizes.size());
  std::size_t early_count = 0;
  for (std::size_t bytes = 0; early_count < sizes.size(); ++early_count) {
    if (reasons[early_count].empty()) {
      const ImageSize size = size_kept(sizes[early_count]);
      bytes += static_cast<std::size_t>(size.width * size.height * options.channels);
    }
    if (bytes > early_bytes) break;
  }
  on_threads(early_count, [&](std::size_t i) {
    if (!reasons[i].empty()) return;
    try {
      early[i] = std::make_shared<const Image>(decode({list_.names[i], sizes[i]}));
    } catch (const std::exception& error) {
      reasons[i] = reason_of(error, list_.names[i]);
    }
  });
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!reasons[i].empty()) {
      skip(list_.names[i], reasons[i]);
      continue;
    }
    const auto file = static_cast<std::int32_t>(files_.size());
    files_.push_back({list_.names[i], sizes[i]});
    if (early[i]) cache_->insert(file, early[i]);
    add_pieces(file);
  }
  if (files_.empty()) {
    if (skipped_.empty()) fail("{}: no pictures", list_.root.string());
    fail("{}: none of the {} pictures can be read; the first: {}: {}", list_.root.string(), skipped_.size(),
         skipped_.begin()->first, skipped_.begin()->second);
  }
}

ImageFolder::~ImageFolder() = default;

void ImageFolder::add_pieces(std::int32_t file) {
  const ImageSize size = files_[file].size;
  const std::int64_t side = options_.side;
  const bool exact = size.width == side && size.height == side;
  const bool is_one = options_.crops == Crops::center || options_.crops == Crops::whole;
  if (is_one || std::min(size.width, size.height) < side || exact) {
    pieces_.push_back({file});
    return;
  }
  if (options_.crops == Crops::random) {
    const std::int64_t count = options_.pieces > 0 ? options_.pieces : size.width / side * (size.height / side);
    pieces_.insert(pieces_.end(), static_cast<std::size_t>(count), Piece{file});
    return;
  }
  // What is left over goes to both edges alike.
  const std::int64_t top = size.height % side / 2, left = size.width % side / 2;
  for (std::int64_t row = 0; row < size.height / side; ++row) {
    for (std::int64_t column = 0; column < size.width / side; ++column) {
      pieces_.push_back(
          {file, static_cast<std::int32_t>(top + row * side), static_cast<std::int32_t>(left + column * side)});
    }
  }
}

ImageSize ImageFolder::size_kept(ImageSize size) const {
  if (options_.crops == Crops::whole) return {options_.side, options_.side};
  const std::int64_t shorter = std::min(size.width, size.height);
  if (shorter >= options_.side) return size;
  const auto enlarged = [&](std::int64_t extent) {
    const std::int64_t seen = std::min(extent, shorter * longest_sliver);
    return std::clamp((seen * options_.side + shorter / 2) / shorter, options_.side,
                      std::max(options_.side, image_side_limit));
  };
  return {enlarged(size.width), enlarged(size.height)};
}

Image ImageFolder::decode(const File& file) const {
  Image image = read_listed(list_, file.name, options_.channels);
  if (image.width != file.size.width || image.height != file.size.height) {
    fail("{}: {} x {} pixels now, {} x {} before", file.name, image.width, image.height, file.size.width,
         file.size.height);
  }
  const ImageSize kept = size_kept(file.size);
  if (kept.width == image.width && kept.height == image.height) return image;
  if (options_.crops != Crops::whole) {
    const std::int64_t reach = std::min(image.width, image.height) * longest_sliver;
    if (image.width > reach) image = crop(image, 0, (image.width - reach) / 2, image.height, reach);
    if (image.height > reach) image = crop(image, (image.height - reach) / 2, 0, reach, image.width);
  }
  return resize(image, kept.width, kept.height);
}

std::shared_ptr<const Image> ImageFolder::picture(std::int64_t file) const {
  std::shared_ptr<const Image> image;
  if (cache_->find(file, image)) return image;
  try {
    image = std::make_shared<const Image>(decode(files_[file]));
  } catch (const Error& error) {
    skip(files_[file].name, reason_of(error, files_[file].name));
  }
  cache_->insert(file, image);
  return image;
}

void ImageFolder::read(std::int64_t index, std::int64_t epoch, std::span<std::uint8_t> out) const {
  if (index < 0 || index >= size()) fail("image folder: piece {} of {}", index, size());
  const std::int64_t side = options_.side;
  Piece piece = pieces_[index];
  std::shared_ptr<const Image> image = picture(piece.file);
  for (std::int64_t tries = 1; !image; ++tries) {
    if (tries == picture_count()) fail("{}: none of the {} pictures can be read", list_.root.string(), picture_count());
    piece = {static_cast<std::int32_t>((piece.file + 1) % picture_count())};
    image = picture(piece.file);
  }
  std::int64_t top = piece.top, left = piece.left;
  if (top < 0 || left < 0) {
    top = (image->height - side) / 2;
    left = (image->width - side) / 2;
    if (options_.crops == Crops::random) {
      Philox random(options_.seed, stream_of(Use::crop, epoch, index));
      top = random.below(image->height - side + 1);
      left = random.below(image->width - side + 1);
    }
  }
  const bool flipped = options_.flips && Philox(options_.seed, stream_of(Use::flip, epoch, index)).below(2) == 1;
  const std::int64_t channels = options_.channels;
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t column = 0; column < side; ++column) {
      const std::uint8_t* pixel = image->at(top + row, left + (flipped ? side - 1 - column : column));
      for (std::int64_t c = 0; c < channels; ++c) {
        out[static_cast<std::size_t>((c * side + row) * side + column)] = pixel[c];
      }
    }
  }
}

std::uint32_t ImageFolder::checksum(std::uint32_t so_far) const {
  if (list_.memory) return list_.memory->checksum(so_far);
  for (const File& file : files_) {
    std::error_code error;
    const std::uintmax_t bytes = list_.root.empty() ? embedded_file(file.name).size()
                                                    : std::filesystem::file_size(list_.root / file.name, error);
    const std::string text =
        fmt::format("{}\n{} x {}: {}\n", file.name, file.size.width, file.size.height, error ? 0 : bytes);
    so_far = crc32c(so_far, text.data(), text.size());
  }
  return so_far;
}

void ImageFolder::skip(const std::string& name, const std::string& reason) const {
  const std::lock_guard lock(skipped_mutex_);
  skipped_.emplace(name, reason);
}

std::vector<SkippedPicture> ImageFolder::skipped() const {
  const std::lock_guard lock(skipped_mutex_);
  std::vector<SkippedPicture> all;
  for (const auto& [name, reason] : skipped_) all.push_back({name, reason});
  return all;
}

void ImageFolder::limit(std::int64_t count) {
  if (count < 0) fail("image folder: a limit of {}", count);
  if (count < size()) pieces_.resize(static_cast<std::size_t>(count));
}

ReadablePictures readable_pictures(PictureList list) {
  ImageFolderOptions options;
  options.side = 1;
  options.crops = Crops::center;
  ReadablePictures readable{{}, ImageFolder(list, options).skipped()};
  std::set<std::string> bad;
  for (const SkippedPicture& picture : readable.skipped) bad.insert(picture.name);
  std::erase_if(list.names, [&](const std::string& name) { return bad.contains(name); });
  readable.list = std::move(list);
  return readable;
}

}  // namespace sg::data

// Image folder: a folder of pictures of any sizes as a set of square pieces.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_io.h"
#include "data/pictures.h"

namespace sg::data {

/// How a picture that is larger than the side gives pieces: some at random places, one from the middle, or as many as
/// fit side by side. `whole`: a picture of any size is one piece, resized to the square without regard to its shape.
enum class Crops { random, center, tile, whole };
/// `random`, `center` or `tile`; throws for anything else.
Crops crops_of(std::string_view name);

struct ImageFolderOptions {
  std::int64_t side = 64;
  int channels = 3;  // 1: grey, 3: RGB
  Crops crops = Crops::random;
  std::int64_t pieces = 1;  // random ones that a larger picture gives in an epoch; 0: as many as tiles fit
  bool flips = false;       // left and right changed at random
  std::uint64_t seed = 0;
};

/// Where pictures come from: files below a folder, the embedded ones, or pictures in memory.
struct PictureList {
  std::vector<std::string> names;        // relative paths, in byte order; of pictures in memory their numbers from 0
  std::filesystem::path root;            // empty: embedded, or in memory
  std::vector<SkippedPicture> problems;  // folders that could not be searched
  std::shared_ptr<const MemoryPictures> memory;
};

/// All files with a picture's ending below the folder, links followed, each folder once and each file under the first
/// of its names (of links, hard and symbolic), but for folders below it that `leave_out` names. Throws when it is no
/// folder or has none, and says then what else it `also` lacks.
PictureList find_pictures(const std::filesystem::path& folder, std::string_view also = "",
                          const std::function<bool(const std::filesystem::path&)>& leave_out = {});
PictureList embedded_photographs();
/// All of a set of shape [1, H, W] or [3, H, W], of no more pixels than a file's picture may have.
PictureList pictures_in_memory(MemoryPictures pictures);
/// A whole picture of a list, and its size alone.
Image read_listed(const PictureList& list, const std::string& name, int channels);
ImageSize size_of_listed(const PictureList& list, const std::string& name);

/// Takes whole pictures for a test set: the given part of them, at least one of two or more unless the fraction is 0,
/// chosen by the seed. Both lists stay in order. Throws unless 0 <= fraction < 1.
struct PictureSplit {
  PictureList train;
  PictureList test;
};
PictureSplit split_pictures(const PictureList& list, double test_fraction, std::uint64_t seed);

/// Those of the list that can be read, so that a split is one of readable pictures. Throws when there are none.
struct ReadablePictures {
  PictureList list;
  std::vector<SkippedPicture> skipped;  // in order of names
};
ReadablePictures readable_pictures(PictureList list);

/// Square pieces of the pictures of a list. Sizes are read at once, pictures when they are asked for; up to 512 MB of
/// unpacked ones are kept. A smaller picture is enlarged until its shorter side fits; one of exactly the size is taken
/// as it is.
class ImageFolder : public PictureSet {
 public:
  /// Looks at each file's header, and unpacks as many pictures as fit into 64 MB to see damage early. Files that cannot
  /// be read are left out; throws when none is left.
  ImageFolder(PictureList list, const ImageFolderOptions& options);
  ~ImageFolder() override;

  std::int64_t size() const override { return static_cast<std::int64_t>(pieces_.size()); }
  const Shape& sample_shape() const override { return shape_; }
  /// A picture whose damage shows only now is left out as well: the next whole one stands in for it. Throws when all
  /// are damaged.
  void read(std::int64_t index, std::int64_t epoch, std::span<std::uint8_t> out) const override;
  /// That of the names, sizes and bytes in number of all files in use, whatever the limit; of pictures in memory that
  /// of their bytes.
  std::uint32_t checksum(std::uint32_t so_far) const override;
  std::vector<SkippedPicture> skipped() const override;

  /// Pictures that are in use.
  std::int64_t picture_count() const { return static_cast<std::int64_t>(files_.size()); }
  /// Drops all pieces but the first `count`.
  void limit(std::int64_t count);

 private:
  struct File {
    std::string name;
    ImageSize size;
  };
  struct Piece {
    std::int32_t file;
    std::int32_t top = -1;  // of a tile
    std::int32_t left = -1;
  };
  class Cache;

  Image decode(const File& file) const;
  /// What a picture of this size has when it is kept: enlarged where it is too small.
  ImageSize size_kept(ImageSize size) const;
  std::shared_ptr<const Image> picture(std::int64_t file) const;
  void add_pieces(std::int32_t file);
  void skip(const std::string& name, const std::string& reason) const;

  PictureList list_;
  ImageFolderOptions options_;
  Shape shape_;
  std::vector<File> files_;
  std::vector<Piece> pieces_;
  std::unique_ptr<Cache> cache_;
  mutable std::mutex skipped_mutex_;
  mutable std::map<std::string, std::string> skipped_;
};

}  // namespace sg::data

// Pictures: sets of 8-bit pictures of one size, and their way into tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace sg::data {

/// A file that was left out, or a folder, whose name ends with a slash; and why.
struct SkippedPicture {
  std::string name;
  std::string reason;
  bool is_folder() const { return name.ends_with('/'); }
};

/// A set of pictures of one shape [C, H, W], each known by its index. `read` may be called from several threads at
/// once.
class PictureSet {
 public:
  virtual ~PictureSet() = default;
  virtual std::int64_t size() const = 0;
  virtual const Shape& sample_shape() const = 0;
  /// Writes the picture's bytes in [C, H, W] order. Where pieces or flips are random, they depend on the set's seed,
  /// the epoch and the index.
  virtual void read(std::int64_t index, std::int64_t epoch, std::span<std::uint8_t> out) const = 0;
  /// The checksum (engine/crc32c.h) of what `so_far` is the checksum of and this set behind it, by which a set that has
  /// changed is known: here that of all pictures as epoch 0 has them.
  virtual std::uint32_t checksum(std::uint32_t so_far) const;
  /// What has been left out so far, in order of names.
  virtual std::vector<SkippedPicture> skipped() const { return {}; }
};

/// Pictures in memory, one after the other in [C, H, W] order.
class MemoryPictures : public PictureSet {
 public:
  /// Throws unless the bytes are a whole number of pictures.
  MemoryPictures(Shape sample_shape, std::vector<std::uint8_t> bytes);
  std::int64_t size() const override { return size_; }
  const Shape& sample_shape() const override { return shape_; }
  void read(std::int64_t index, std::int64_t epoch, std::span<std::uint8_t> out) const override;
  std::uint32_t checksum(std::uint32_t so_far) const override;
  /// Drops all but the first `count`.
  void limit(std::int64_t count);
  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  Shape shape_;
  std::int64_t size_;
  std::vector<std::uint8_t> bytes_;
};

/// Bytes as a tensor of values in [0, 1].
Tensor to_tensor(std::span<const std::uint8_t> bytes, const Shape& shape, Dtype dtype = f32);

/// The pictures of these indices as a tensor [N, C, H, W] of values in [0, 1].
Tensor read_pictures(const PictureSet& set, std::span<const std::int64_t> indices, std::int64_t epoch = 0,
                     Dtype dtype = f32);

}  // namespace sg::data

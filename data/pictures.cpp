// Pictures: sets in memory, and bytes as tensors.
#include "data/pictures.h"

#include <algorithm>

#include "engine/crc32c.h"
#include "engine/error.h"
#include "engine/kernels/parallel.h"
#include "engine/ops.h"

namespace sg::data {

std::uint32_t PictureSet::checksum(std::uint32_t so_far) const {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(element_count(sample_shape())));
  for (std::int64_t i = 0; i < size(); ++i) {
    read(i, 0, bytes);
    so_far = crc32c(so_far, bytes.data(), bytes.size());
  }
  return so_far;
}

MemoryPictures::MemoryPictures(Shape sample_shape, std::vector<std::uint8_t> bytes)
    : shape_(std::move(sample_shape)), size_(0), bytes_(std::move(bytes)) {
  const std::int64_t each = element_count(shape_);
  if (each < 1 || bytes_.size() % static_cast<std::size_t>(each) != 0) {
    fail("MemoryPictures: {} bytes are no whole number of pictures {}", bytes_.size(), shape_);
  }
  size_ = static_cast<std::int64_t>(bytes_.size()) / each;
}

void MemoryPictures::read(std::int64_t index, std::int64_t, std::span<std::uint8_t> out) const {
  if (index < 0 || index >= size_) fail("MemoryPictures: picture {} of {}", index, size_);
  const std::int64_t each = element_count(shape_);
  std::copy_n(bytes_.begin() + index * each, each, out.begin());
}

std::uint32_t MemoryPictures::checksum(std::uint32_t so_far) const {
  return crc32c(so_far, bytes_.data(), bytes_.size());
}

void MemoryPictures::limit(std::int64_t count) {
  if (count < 0) fail("MemoryPictures: a limit of {}", count);
  size_ = std::min(size_, count);
  bytes_.resize(static_cast<std::size_t>(size_ * element_count(shape_)));
}

Tensor to_tensor(std::span<const std::uint8_t> bytes, const Shape& shape, Dtype dtype) {
  if (!is_floating(dtype)) fail("to_tensor: the dtype must be f32 or f64, not {}", name_of(dtype));
  const auto make = [&]<class T>(T) {
    std::vector<T> values(bytes.size());
    std::transform(bytes.begin(), bytes.end(), values.begin(),
                   [](std::uint8_t byte) { return static_cast<T>(byte) / T{255}; });
    return tensor(std::span<const T>(values), shape, dtype);
  };
  return dtype == f32 ? make(float{}) : make(double{});
}

Tensor read_pictures(const PictureSet& set, std::span<const std::int64_t> indices, std::int64_t epoch, Dtype dtype) {
  Shape shape = set.sample_shape();
  const std::int64_t each = element_count(shape);
  std::vector<std::uint8_t> bytes(indices.size() * static_cast<std::size_t>(each));
  kernels::parallel_for(static_cast<std::int64_t>(indices.size()), [&](std::int64_t i) {
    set.read(indices[i], epoch,
             std::span(bytes).subspan(static_cast<std::size_t>(i * each), static_cast<std::size_t>(each)));
  });
  shape.insert(shape.begin(), static_cast<std::int64_t>(indices.size()));
  return to_tensor(bytes, shape, dtype);
}

}  // namespace sg::data

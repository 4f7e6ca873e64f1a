// Batch source: what a training step sees: clean pictures, noise, and times; drawn from a data set, or replayed from a
// file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/pictures.h"
#include "engine/tensor.h"

namespace sg::ddim {

struct TrainingBatch {
  Tensor x0;     // [N, C, H, W] in [-1, 1]
  Tensor noise;  // of the same shape
  std::vector<std::int64_t> times;
};

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// The part's pictures of a step's batch, none where it is empty.
  virtual TrainingBatch batch(std::int64_t step, const data::BatchPart& part) = 0;
  /// Pictures of the whole batch.
  virtual std::int64_t batch_size(std::int64_t step) = 0;
  virtual std::int64_t steps_per_epoch() const = 0;
};

/// Pictures in the data's order of batches; noise and time of each depend on seed, epoch and its index alone.
class DrawnBatches : public BatchSource {
 public:
  /// The set must outlive the source.
  DrawnBatches(const data::PictureSet& set, std::int64_t batch_size, std::uint64_t seed, bool shuffle,
               std::int64_t timesteps, Dtype dtype);
  TrainingBatch batch(std::int64_t step, const data::BatchPart& part) override;
  std::int64_t batch_size(std::int64_t step) override;
  std::int64_t steps_per_epoch() const override { return order_.batches_per_epoch(); }

 private:
  const data::PictureSet& set_;
  data::BatchOrder order_;
  std::uint64_t seed_;
  std::int64_t timesteps_;
  Dtype dtype_;
};

/// The batches of a safetensors file: `x0` [S, N, C, H, W] in [-1, 1], `noise` of the same shape, `t` [S, N] whole
/// numbers below the timesteps.
class Replay : public BatchSource {
 public:
  /// Throws for anything else.
  Replay(const std::filesystem::path& file, std::int64_t timesteps, Dtype dtype);
  TrainingBatch batch(std::int64_t step, const data::BatchPart& part) override;
  std::int64_t batch_size(std::int64_t) override { return batch_size(); }
  std::int64_t steps_per_epoch() const override { return x0_.shape(0); }
  std::int64_t batch_size() const { return x0_.shape(1); }
  /// [C, H, W]
  Shape sample_shape() const { return {x0_.shape(2), x0_.shape(3), x0_.shape(4)}; }
  /// The first pictures, [up to count, C, H, W] in [-1, 1].
  Tensor pictures(std::int64_t count) const;
  /// By which another file is known: the checksum (engine/crc32c.h) of the file's size and its first MB.
  std::uint32_t checksum() const { return checksum_; }

 private:
  std::uint32_t checksum_ = 0;
  Tensor x0_, noise_;
  std::vector<std::int64_t> times_;
};

/// What the denoiser is measured on: pictures with fixed noise and times, the same for each loss, step and seed.
class TestBatches {
 public:
  TestBatches(const data::PictureSet& set, std::int64_t timesteps, Dtype dtype);
  /// Pictures [N, C, H, W] in [-1, 1].
  TestBatches(const Tensor& pictures, std::int64_t timesteps);
  std::int64_t size() const;
  std::vector<TrainingBatch> batches() const;
  /// The first pictures, [up to count, C, H, W] in [0, 1].
  Tensor pictures(std::int64_t count) const;

 private:
  const data::PictureSet* set_ = nullptr;
  Tensor pictures_;
  std::int64_t timesteps_;
  Dtype dtype_;
};

}  // namespace sg::ddim

// Picture loader: batches of pictures, read by threads of its own ahead of the training step.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batches.h"
#include "data/pictures.h"

namespace sg::data {

struct PictureBatch {
  BatchPosition position;
  std::vector<std::int64_t> samples;
  bool ends_epoch = false;
  Tensor pictures;  // [N, C, H, W], values in [0, 1]
};

/// Hands out the batches of an order with their pictures. Up to `ahead` batches are read before they are asked for;
/// what comes out does not depend on the number of threads.
class PictureLoader {
 public:
  /// The set must outlive the loader. The order begins at its position. With 0 threads `next` reads by itself.
  PictureLoader(const PictureSet& set, BatchOrder order, Dtype dtype = f32, int threads = 2, std::size_t ahead = 3);
  ~PictureLoader();
  PictureLoader(const PictureLoader&) = delete;
  PictureLoader& operator=(const PictureLoader&) = delete;

  /// The next batch. Throws what reading threw.
  PictureBatch next();
  /// Where the next batch is, whatever has been read ahead.
  const BatchPosition& position() const { return position_; }
  std::int64_t batches_per_epoch() const { return order_.batches_per_epoch(); }

 private:
  struct Job {
    Batch batch;
    std::vector<std::uint8_t> bytes;
    std::size_t claimed = 0;
    std::size_t done = 0;
    std::exception_ptr error;
  };

  void work(std::stop_token stop);
  void refill();

  const PictureSet& set_;
  BatchOrder order_;
  Dtype dtype_;
  std::size_t ahead_;
  BatchPosition position_;
  std::mutex mutex_;
  std::condition_variable_any has_work_;
  std::condition_variable has_batch_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::vector<std::jthread> threads_;  // last, so that they end before what they use
};

}  // namespace sg::data

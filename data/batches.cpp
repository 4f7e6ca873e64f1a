// Batches: the order of samples.
#include "data/batches.h"

#include <algorithm>
#include <numeric>

#include "data/streams.h"
#include "engine/error.h"

namespace sg::data {

std::vector<std::int64_t> BatchPart::of(const std::vector<std::int64_t>& samples) const {
  const auto n = static_cast<std::int64_t>(samples.size());
  return {samples.begin() + first(n), samples.begin() + last(n)};
}

BatchOrder::BatchOrder(std::int64_t sample_count, std::int64_t batch_size, std::uint64_t seed, bool shuffle)
    : sample_count_(sample_count), batch_size_(batch_size), seed_(seed), shuffle_(shuffle) {
  if (sample_count < 1) fail("batches: no training samples");
  if (batch_size < 1) fail("batches: a batch of {} samples", batch_size);
  batch_size_ = std::min(batch_size_, sample_count_);
}

Batch BatchOrder::next() {
  Batch batch;
  batch.position = position_;
  const std::int64_t first = position_.batch * batch_size_;
  const std::int64_t count = std::min(batch_size_, sample_count_ - first);
  batch.samples.resize(static_cast<std::size_t>(count));
  if (shuffle_) {
    if (order_epoch_ != position_.epoch) {
      order_ = permutation(sample_count_, seed_, stream_of(Use::shuffle, position_.epoch));
      order_epoch_ = position_.epoch;
    }
    std::copy_n(order_.begin() + first, count, batch.samples.begin());
  } else {
    std::iota(batch.samples.begin(), batch.samples.end(), first);
  }
  batch.samples = part_.of(batch.samples);
  batch.ends_epoch = first + count == sample_count_;
  position_ =
      batch.ends_epoch ? BatchPosition{position_.epoch + 1, 0} : BatchPosition{position_.epoch, position_.batch + 1};
  return batch;
}

void BatchOrder::seek(const BatchPosition& position) {
  if (position.epoch < 0 || position.batch < 0 || position.batch >= batches_per_epoch()) {
    fail("batches: no batch {} in epoch {}: an epoch has {}", position.batch, position.epoch, batches_per_epoch());
  }
  position_ = position;
}

std::vector<std::vector<std::int64_t>> batches_in_order(std::int64_t count, std::int64_t batch_size) {
  if (batch_size < 1) fail("batches: a batch of {} samples", batch_size);
  std::vector<std::vector<std::int64_t>> batches;
  for (std::int64_t first = 0; first < count; first += batch_size) {
    auto& batch = batches.emplace_back(static_cast<std::size_t>(std::min(batch_size, count - first)));
    std::iota(batch.begin(), batch.end(), first);
  }
  return batches;
}

}  // namespace sg::data

// Batches: which samples a training step takes.
#pragma once

#include <cstdint>
#include <vector>

namespace sg::data {

/// A place in the order of all batches; both count from 0.
struct BatchPosition {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;
  friend bool operator==(const BatchPosition&, const BatchPosition&) = default;
};

struct Batch {
  BatchPosition position;
  std::vector<std::int64_t> samples;
  bool ends_epoch = false;
};

/// One of the parts, as equal as can be, into which a batch is cut: the rows first(n) .. last(n) - 1 of n.
struct BatchPart {
  std::int64_t index = 0;
  std::int64_t count = 1;
  std::int64_t first(std::int64_t n) const { return index * n / count; }
  std::int64_t last(std::int64_t n) const { return (index + 1) * n / count; }
  std::int64_t size(std::int64_t n) const { return last(n) - first(n); }
  /// What a mean over the part's rows weighs in the mean over all n.
  double share(std::int64_t n) const { return static_cast<double>(size(n)) / static_cast<double>(n); }
  /// The part's samples.
  std::vector<std::int64_t> of(const std::vector<std::int64_t>& samples) const;
};

/// The endless order of batches: every epoch has each sample once, in an order that depends on seed and epoch alone (or
/// in file order without shuffling), and its last batch may be short.
class BatchOrder {
 public:
  /// Throws for an empty set or an empty batch.
  BatchOrder(std::int64_t sample_count, std::int64_t batch_size, std::uint64_t seed, bool shuffle);

  std::int64_t batches_per_epoch() const { return (sample_count_ + batch_size_ - 1) / batch_size_; }
  std::int64_t sample_count() const { return sample_count_; }

  /// The batch at the position, which moves on by one.
  Batch next();
  /// Where the next batch is; a checkpoint keeps it.
  const BatchPosition& position() const { return position_; }
  /// From now on a batch holds this part of its samples alone; its place and number stay.
  void take(const BatchPart& part) { part_ = part; }
  /// Goes on from there; throws when no epoch has such a batch.
  void seek(const BatchPosition& position);
  /// Goes on after so many batches from the beginning.
  void seek(std::int64_t step) { seek({step / batches_per_epoch(), step % batches_per_epoch()}); }

 private:
  std::int64_t sample_count_;
  std::int64_t batch_size_;
  std::uint64_t seed_;
  bool shuffle_;
  BatchPart part_;
  BatchPosition position_;
  std::int64_t order_epoch_ = -1;
  std::vector<std::int64_t> order_;  // of order_epoch_
};

/// 0 .. count - 1 cut into batches, for going through a test set.
std::vector<std::vector<std::int64_t>> batches_in_order(std::int64_t count, std::int64_t batch_size);

}  // namespace sg::data

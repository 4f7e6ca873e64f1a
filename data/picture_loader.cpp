// Picture loader: the queue between reading and training.
#include "data/picture_loader.h"

#include <algorithm>

#include "engine/error.h"

namespace sg::data {

PictureLoader::PictureLoader(const PictureSet& set, BatchOrder order, Dtype dtype, int threads, std::size_t ahead)
    : set_(set),
      order_(std::move(order)),
      dtype_(dtype),
      ahead_(std::max<std::size_t>(1, ahead)),
      position_(order_.position()) {
  if (order_.sample_count() > set.size()) {
    fail("picture loader: an order of {} samples for {} pictures", order_.sample_count(), set.size());
  }
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this](std::stop_token stop) { work(stop); });
}

PictureLoader::~PictureLoader() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

/// Called with the mutex held.
void PictureLoader::refill() {
  while (jobs_.size() < ahead_) {
    auto job = std::make_shared<Job>();
    job->batch = order_.next();
    job->bytes.resize(job->batch.samples.size() * static_cast<std::size_t>(element_count(set_.sample_shape())));
    jobs_.push_back(std::move(job));
  }
  has_work_.notify_all();
}

void PictureLoader::work(std::stop_token stop) {
  const auto each = static_cast<std::size_t>(element_count(set_.sample_shape()));
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto open = [this] {
      return std::find_if(jobs_.begin(), jobs_.end(),
                          [](const auto& job) { return job->claimed < job->batch.samples.size(); });
    };
    if (!has_work_.wait(lock, stop, [&] { return open() != jobs_.end(); })) return;
    const std::shared_ptr<Job> job = *open();
    const std::size_t slot = job->claimed++;
    lock.unlock();
    std::exception_ptr error;
    try {
      set_.read(job->batch.samples[slot], job->batch.position.epoch, std::span(job->bytes).subspan(slot * each, each));
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !job->error) job->error = error;
    if (++job->done == job->batch.samples.size()) has_batch_.notify_all();
  }
}

PictureBatch PictureLoader::next() {
  std::shared_ptr<Job> job;
  PictureBatch batch;
  if (threads_.empty()) {
    Batch samples = order_.next();
    batch.pictures = read_pictures(set_, samples.samples, samples.position.epoch, dtype_);
    batch.position = samples.position;
    batch.ends_epoch = samples.ends_epoch;
    batch.samples = std::move(samples.samples);
  } else {
    {
      std::unique_lock lock(mutex_);
      refill();
      job = jobs_.front();
      has_batch_.wait(lock, [&] { return job->done == job->batch.samples.size(); });
      if (job->error) std::rethrow_exception(job->error);
      jobs_.pop_front();
      refill();
    }
    Shape shape = set_.sample_shape();
    shape.insert(shape.begin(), static_cast<std::int64_t>(job->batch.samples.size()));
    batch.pictures = to_tensor(job->bytes, shape, dtype_);
    batch.position = job->batch.position;
    batch.ends_epoch = job->batch.ends_epoch;
    batch.samples = std::move(job->batch.samples);
  }
  position_ = batch.ends_epoch ? BatchPosition{batch.position.epoch + 1, 0}
                               : BatchPosition{batch.position.epoch, batch.position.batch + 1};
  return batch;
}

}  // namespace sg::data

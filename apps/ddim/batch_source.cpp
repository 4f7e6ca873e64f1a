// Batch source.
#include "apps/ddim/batch_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "data/files.h"
#include "data/noise.h"
#include "data/streams.h"
#include "engine/crc32c.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "nn/safetensors.h"

namespace sg::ddim {
namespace {

constexpr std::int64_t kTestBatch = 100;
constexpr std::uint64_t kTestSeed = 0;

std::vector<std::int64_t> draw_times(const std::vector<std::int64_t>& samples, std::uint64_t seed, std::int64_t epoch,
                                     std::int64_t timesteps) {
  std::vector<std::int64_t> times;
  for (const std::int64_t sample : samples) {
    times.push_back(Philox(seed, data::stream_of(data::Use::time, epoch, sample)).below(timesteps));
  }
  return times;
}

/// Noise and times beside the pictures; `epoch` names the draw.
TrainingBatch with_noise(Tensor x0, const std::vector<std::int64_t>& samples, std::uint64_t seed, std::int64_t epoch,
                         std::int64_t timesteps) {
  const Shape sample_shape{x0.shape(1), x0.shape(2), x0.shape(3)};
  const Tensor noise = data::gaussian_noise(sample_shape, samples, 1, seed, epoch, x0.dtype());
  return {std::move(x0), noise, draw_times(samples, seed, epoch, timesteps)};
}

Tensor scaled(const data::PictureSet& set, const std::vector<std::int64_t>& samples, std::int64_t epoch, Dtype dtype) {
  return data::read_pictures(set, samples, epoch, dtype) * 2 - 1;
}

std::uint32_t checksum_of_beginning(const std::filesystem::path& path) {
  const data::OpenFile file(path, std::numeric_limits<std::size_t>::max());
  std::string text = fmt::format("{}\n", file.size());
  const std::size_t head = text.size();
  text.resize(head + std::min(file.size(), std::size_t{1} << 20));
  for (std::size_t filled = head; filled < text.size();) {
    const ssize_t count = ::read(file.descriptor(), text.data() + filled, text.size() - filled);
    if (count <= 0) fail("{}: cannot be read", path.string());
    filled += static_cast<std::size_t>(count);
  }
  return crc32c(0, text.data(), text.size());
}

}  // namespace

DrawnBatches::DrawnBatches(const data::PictureSet& set, std::int64_t batch_size, std::uint64_t seed, bool shuffle,
                           std::int64_t timesteps, Dtype dtype)
    : set_(set), order_(set.size(), batch_size, seed, shuffle), seed_(seed), timesteps_(timesteps), dtype_(dtype) {}

TrainingBatch DrawnBatches::batch(std::int64_t step, const data::BatchPart& part) {
  order_.seek(step);
  const data::Batch batch = order_.next();
  const std::vector<std::int64_t> samples = part.of(batch.samples);
  if (samples.empty()) return {};
  return with_noise(scaled(set_, samples, batch.position.epoch, dtype_), samples, seed_, batch.position.epoch,
                    timesteps_);
}

std::int64_t DrawnBatches::batch_size(std::int64_t step) {
  order_.seek(step);
  return static_cast<std::int64_t>(order_.next().samples.size());
}

Replay::Replay(const std::filesystem::path& file, std::int64_t timesteps, Dtype dtype) {
  const std::string who = "--replay: " + file.string();
  const nn::NamedTensors tensors = nn::load_safetensors(file).tensors;
  const Tensor& x0 = nn::find(tensors, "x0", who);
  const Tensor& noise = nn::find(tensors, "noise", who);
  const Tensor& t = nn::find(tensors, "t", who);
  if (x0.rank() != 5 || x0.size() == 0) {
    fail("{}: x0 is {}, needs [S, N, C, H, W] with at least one picture", who, x0.shape());
  }
  if (noise.shape() != x0.shape()) fail("{}: noise is {}, x0 {}: they have to agree", who, noise.shape(), x0.shape());
  if (t.shape() != Shape{x0.shape(0), x0.shape(1)}) {
    fail("{}: t is {}, needs [{}, {}] as x0", who, t.shape(), x0.shape(0), x0.shape(1));
  }
  if (!is_floating(x0.dtype()) || !is_floating(noise.dtype())) {
    fail("{}: x0 and noise have to be floating, not {} and {}", who, name_of(x0.dtype()), name_of(noise.dtype()));
  }
  for (const double value : x0.to_vector<double>()) {
    if (!(std::abs(value) <= 1 + 1e-5)) fail("{}: x0 holds {}, needs values in [-1, 1]", who, value);
  }
  for (const double value : noise.to_vector<double>()) {
    if (!std::isfinite(value)) fail("{}: noise holds {}", who, value);
  }
  for (const double value : t.to_vector<double>()) {
    if (!(value >= 0 && value < static_cast<double>(timesteps) && std::floor(value) == value)) {
      fail("{}: t holds {}, needs whole numbers from 0 to {}", who, value, timesteps - 1);
    }
    times_.push_back(static_cast<std::int64_t>(value));
  }
  checksum_ = checksum_of_beginning(file);
  x0_ = cast(x0, dtype).eval().detach();
  noise_ = cast(noise, dtype).eval().detach();
}

TrainingBatch Replay::batch(std::int64_t step, const data::BatchPart& part) {
  if (step < 0 || step >= steps_per_epoch()) {
    fail("--replay: the file holds {} steps, not {}", steps_per_epoch(), step + 1);
  }
  const std::int64_t first = part.first(batch_size()), last = part.last(batch_size());
  if (first == last) return {};
  const auto rows = [&](const Tensor& all) {
    return slice(squeeze(slice(all, 0, step, step + 1), 0), 0, first, last).eval().detach();
  };
  const auto times = times_.begin() + step * batch_size();
  return {rows(x0_), rows(noise_), {times + first, times + last}};
}

Tensor Replay::pictures(std::int64_t count) const {
  const std::int64_t all = x0_.shape(0) * x0_.shape(1);
  return slice(reshape(x0_, {all, x0_.shape(2), x0_.shape(3), x0_.shape(4)}), 0, 0, std::min(all, count))
      .eval()
      .detach();
}

TestBatches::TestBatches(const data::PictureSet& set, std::int64_t timesteps, Dtype dtype)
    : set_(&set), timesteps_(timesteps), dtype_(dtype) {}

TestBatches::TestBatches(const Tensor& pictures, std::int64_t timesteps)
    : pictures_(pictures), timesteps_(timesteps), dtype_(pictures.dtype()) {}

std::int64_t TestBatches::size() const { return set_ ? set_->size() : pictures_.shape(0); }

std::vector<TrainingBatch> TestBatches::batches() const {
  std::vector<TrainingBatch> result;
  for (const auto& samples : data::batches_in_order(size(), kTestBatch)) {
    const Tensor x0 =
        set_ ? scaled(*set_, samples, 0, dtype_) : slice(pictures_, 0, samples.front(), samples.back() + 1);
    result.push_back(with_noise(x0, samples, kTestSeed, data::test_epoch, timesteps_));
  }
  return result;
}

Tensor TestBatches::pictures(std::int64_t count) const {
  count = std::min(count, size());
  if (!set_) return ((slice(pictures_, 0, 0, count) + 1) * 0.5).eval().detach();
  std::vector<std::int64_t> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), 0);
  return data::read_pictures(*set_, samples, 0, dtype_).eval().detach();
}

}  // namespace sg::ddim

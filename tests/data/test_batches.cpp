// The order of samples, and the noise that goes with them.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "data/batches.h"
#include "data/noise.h"
#include "engine/error.h"
#include "engine/kernels/parallel.h"

using namespace sg;
using namespace sg::data;

namespace {

std::vector<std::int64_t> epoch_of(BatchOrder& order) {
  std::vector<std::int64_t> samples;
  for (;;) {
    const Batch batch = order.next();
    samples.insert(samples.end(), batch.samples.begin(), batch.samples.end());
    if (batch.ends_epoch) return samples;
  }
}

}  // namespace

TEST_CASE("each epoch has every sample once, in an order of its own", "[batches]") {
  BatchOrder order(103, 10, 1, true);
  CHECK(order.batches_per_epoch() == 11);
  const auto first = epoch_of(order), second = epoch_of(order);
  std::vector<std::int64_t> all(103);
  std::iota(all.begin(), all.end(), 0);
  CHECK(std::is_permutation(first.begin(), first.end(), all.begin(), all.end()));
  CHECK(std::is_permutation(second.begin(), second.end(), all.begin(), all.end()));
  CHECK(first != second);
  CHECK(first != all);
}

TEST_CASE("the order of an epoch depends on seed and epoch alone", "[batches]") {
  BatchOrder small(50, 7, 3, true), large(50, 50, 3, true), other(50, 7, 4, true);
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto samples = epoch_of(small);
    CHECK(samples == epoch_of(large));
    CHECK(samples != epoch_of(other));
  }
  BatchOrder late(50, 7, 3, true);
  late.seek(BatchPosition{2, 0});
  BatchOrder early(50, 7, 3, true);
  epoch_of(early), epoch_of(early);
  CHECK(epoch_of(late) == epoch_of(early));
}

TEST_CASE("without shuffling the samples come in file order, the last batch short", "[batches]") {
  BatchOrder order(10, 4, 1, false);
  CHECK(order.next().samples == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(order.next().samples == std::vector<std::int64_t>{4, 5, 6, 7});
  const Batch last = order.next();
  CHECK(last.samples == std::vector<std::int64_t>{8, 9});
  CHECK(last.ends_epoch);
  CHECK(order.position() == BatchPosition{1, 0});
  CHECK(order.next().samples.front() == 0);
}

TEST_CASE("an order goes on from a saved position", "[batches]") {
  BatchOrder order(23, 5, 9, true);
  for (int step = 0; step < 17; ++step) {
    BatchOrder resumed(23, 5, 9, true), counted(23, 5, 9, true);
    resumed.seek(order.position());
    counted.seek(step);
    const auto samples = order.next().samples;
    CHECK(resumed.next().samples == samples);
    CHECK(counted.next().samples == samples);
  }
  CHECK_THROWS_AS(order.seek(BatchPosition{0, 5}), Error);
  CHECK_THROWS_AS(BatchOrder(0, 5, 1, true), Error);
  CHECK_THROWS_AS(BatchOrder(5, 0, 1, true), Error);
}

TEST_CASE("a batch larger than the set is the set", "[batches]") {
  BatchOrder order(3, 100, 1, false);
  CHECK(order.batches_per_epoch() == 1);
  CHECK(order.next().samples.size() == 3);
}

TEST_CASE("a test set is cut in order", "[batches]") {
  const auto batches = batches_in_order(7, 3);
  REQUIRE(batches.size() == 3);
  CHECK(batches[2] == std::vector<std::int64_t>{6});
  CHECK(batches_in_order(0, 3).empty());
}

TEST_CASE("sine noise is the wave of its formula", "[noise]") {
  const Tensor noise = sine_noise(28, 28, 0.3, 10, f64);
  CHECK(noise.shape() == Shape{1, 1, 28, 28});
  const double* values = noise.data<double>();
  double worst = 0;
  for (int row = 0; row < 28; ++row) {
    for (int column = 0; column < 28; ++column) {
      worst = std::max(
          worst, std::abs(values[row * 28 + column] - 0.3 * std::sin(20 * std::numbers::pi * (row + column) / 27.0)));
    }
  }
  CHECK(worst < 1e-13);
}

TEST_CASE("a sample's noise depends on seed, epoch and index alone", "[noise]") {
  const std::vector<std::int64_t> one{5}, several{9, 5, 2};
  const auto alone = gaussian_noise({1, 4, 4}, one, 0.5, 1, 2).to_vector<float>();
  const auto among = gaussian_noise({1, 4, 4}, several, 0.5, 1, 2).to_vector<float>();
  CHECK(std::equal(alone.begin(), alone.end(), among.begin() + 16));
  CHECK(gaussian_noise({1, 4, 4}, one, 0.5, 1, 3).to_vector<float>() != alone);
  CHECK(gaussian_noise({1, 4, 4}, one, 0.5, 2, 2).to_vector<float>() != alone);
  CHECK(gaussian_noise({1, 4, 4}, one, 0.5, 1, test_epoch).to_vector<float>() != alone);
  const int before = kernels::threads();
  kernels::set_threads(3);
  CHECK(gaussian_noise({1, 4, 4}, several, 0.5, 1, 2).to_vector<float>() == among);
  kernels::set_threads(before);
}

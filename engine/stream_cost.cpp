// Cost: whether streaming a region pays, and in what blocks.
#include "engine/stream_cost.h"

#include <algorithm>

namespace sg {
namespace {

constexpr std::int64_t kFewestBytes = 256 * 1024;  // of tensors at once: fewer stay in the cache anyway
constexpr std::int64_t kManyBytes = 32 << 20;      // more than a third-level cache holds
// Half of a second-level cache of today. A step of laplacian_10d takes 1.02 and 1.01 of the time with half and double
// of it, within the noise: blocks of 42, 63 and 125 rows of mlp_h1 are one as good as the other.
constexpr std::int64_t kCache = 512 * 1024;
constexpr std::int64_t kMostBlockBytes = 4 << 20;  // of a block's memory, where even few rows do not fit in that
constexpr std::int64_t kSmallestBlock = 48;        // rows: four register tiles of a product
// Where there are convolutions, rows are pictures, each of them work enough for one. A step of dae_l2 takes 61, 53, 50,
// 49 and 51 ms in blocks of 1, 2, 4, 8 and 16 pictures of 756 KB, one of conv_h1 8.0, 7.2, 6.8, 6.8 and 8.0 ms.
constexpr std::int64_t kFewestPictures = 4;
constexpr std::int64_t kLargestBlock = 1024;  // rows: at half and double laplacian_10d takes 1.03 and 1.01 of the time
constexpr std::int64_t kMostChunks = 16;
constexpr std::int64_t kMostSumBytes = 32 << 20;  // of all chunks' partial sums
constexpr double kChunkWork = 4e6;                // floating operations that are worth a chunk
constexpr double kSumWork = 1700;                 // and that are worth adding one element of its partial sums

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Chunks of equally many blocks, blocks of equally many rows.
RegionExtent even_extent(std::int64_t rows, std::int64_t block, std::int64_t chunks) {
  const std::int64_t chunk_rows = divide_up(rows, chunks);
  // A somewhat smaller block that leaves no rest spares the last chunk, and the threads, being shorter than the others.
  std::int64_t dividing = block;
  while (dividing > 1 && chunk_rows % dividing != 0) --dividing;
  block = 3 * dividing >= 2 * block ? dividing : divide_up(chunk_rows, divide_up(chunk_rows, block));
  const std::int64_t blocks = divide_up(chunk_rows, block);
  return {block, divide_up(divide_up(rows, block), blocks)};
}

}  // namespace

std::optional<RegionExtent> choose_extent(const RegionFigures& f) {
  const std::int64_t at_once = f.live * f.rows;
  if (f.steps < 2 || at_once < kFewestBytes) return {};
  const std::int64_t cache = kCache - std::min(f.whole, kCache / 2);
  const std::int64_t smallest = f.convolves ? kFewestPictures : kSmallestBlock;
  const std::int64_t fitting = f.convolves ? kMostBlockBytes / std::max<std::int64_t>(f.live, 1)
                                           : cache / std::max<std::int64_t>(f.live + f.passing, 1);
  const std::int64_t block = std::clamp(fitting, smallest, kLargestBlock);
  if (block * f.live > kMostBlockBytes) return {};

  // Halves of what is there: a power of two serves two, four and eight threads evenly.
  const double chunk_work = std::max(kChunkWork, kSumWork * static_cast<double>(f.sum_elements));
  std::int64_t chunks = 1;
  while (chunks < kMostChunks && f.work / static_cast<double>(chunks) > 0.7 * chunk_work) chunks *= 2;
  while (chunks > 1 && (chunks > f.rows / smallest || chunks * f.sum_elements * 8 > kMostSumBytes)) chunks /= 2;
  if (chunks == 1 && f.work > 2 * kChunkWork) return {};  // whole tensors would use all threads
  const RegionExtent extent = even_extent(f.rows, block, chunks);

  // Weights are read once for each block, the tensors between the steps not at all. Where these would not fit in any
  // cache, their traffic is the dearer one.
  const std::int64_t again = f.read_again * (divide_up(f.rows, extent.block) - 1), saved = f.traffic * f.rows;
  if (at_once < kManyBytes ? saved < 2 * again : 2 * saved < again) return {};
  return extent;
}

std::optional<RegionExtent> smallest_extent(std::int64_t rows) {
  return even_extent(rows, std::max<std::int64_t>(rows / 5, 1), std::min<std::int64_t>(rows, 3));
}

}  // namespace sg

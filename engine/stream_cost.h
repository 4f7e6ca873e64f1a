// Cost: whether streaming a region pays, and in what blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace sg {

/// What the choice follows from; all of it comes from shapes alone. Bytes are a row's where nothing else is said.
struct RegionFigures {
  std::int64_t rows = 0;
  std::size_t steps = 0;
  std::int64_t live = 0;          // of tensors in the block's memory, at most at once
  std::int64_t traffic = 0;       // written and read there
  std::int64_t passing = 0;       // of whole tensors that one step reads or writes, at most
  std::int64_t whole = 0;         // of what all rows read, such as weights, in all
  std::int64_t read_again = 0;    // the same counted for each reader, in all: the cost of a further block
  std::int64_t sum_elements = 0;  // of results that are sums over rows
  bool convolves = false;         // a step is a convolution: rows are pictures
  double work = 0;                // floating operations, of all rows
};

struct RegionExtent {
  std::int64_t block = 0;   // rows
  std::int64_t chunks = 0;  // none of them without a block
};

/// Nothing where whole tensors are better.
std::optional<RegionExtent> choose_extent(const RegionFigures& figures);
/// For tests: blocks as small as can be.
std::optional<RegionExtent> smallest_extent(std::int64_t rows);

}  // namespace sg

// Row sets: which steps of a plan share a number of rows, and in which phase each of them can run (stream.h says how).
#pragma once

#include <vector>

#include "engine/stream_cut.h"

namespace sg {

/// What streaming has to know of a tensor that a step makes.
struct Made {
  std::int64_t step = -1;
  std::int64_t row_elements = 0;  // 0 when it is not made row by row
};

struct RowSets {
  std::vector<std::int64_t> row_counts;           // of each row set; none where no rows are worth cutting
  std::vector<int> set_of;                        // of each step: the number in row_counts, or -1
  std::vector<std::int64_t> phase;                // of each step
  std::vector<Cut> cuts;                          // of each step
  std::vector<Made> made;                         // of each storage
  std::vector<std::vector<std::size_t>> readers;  // of each storage
  std::vector<bool> outlives;                     // of each storage: somebody may ask for it after the run
};

/// `expendable` says of each storage whether it is a leaf that nobody can reach afterwards; `always` takes few rows
/// too.
RowSets find_row_sets(const Plan& plan, const std::vector<bool>& expendable, bool always);

}  // namespace sg

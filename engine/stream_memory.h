// Memory of a block: where a region's tensors lie while one block of rows passes through its steps.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace sg {

class BlockMemory {
 public:
  struct Write {
    std::int64_t storage;
    std::int64_t row_bytes;   // of each row
    std::int64_t bytes;       // whatever the number of rows
    std::int64_t taken = -1;  // a storage whose memory it may take, if this step is the last that reads that
  };
  struct Step {
    std::vector<std::int64_t> reads;
    std::vector<Write> writes;
  };

  /// Gives each storage memory from the step that writes it to the last one that reads it.
  BlockMemory(const std::vector<Step>& steps, std::int64_t rows);

  std::int64_t bytes() const { return bytes_; }
  std::int64_t offset(std::int64_t storage) const { return offsets_.at(storage); }

  /// The most bytes a row that live at once.
  static std::int64_t bytes_at_once(const std::vector<Step>& steps);

 private:
  std::int64_t bytes_ = 0;
  std::map<std::int64_t, std::int64_t> offsets_;
};

}  // namespace sg

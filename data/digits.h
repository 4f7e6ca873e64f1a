// Digits: training and test sets of grey pictures from IDX files.
#pragma once

#include <filesystem>
#include <vector>

#include "data/pictures.h"

namespace sg::data {

/// Pictures [1, H, W] in file order; labels are empty where there are none.
struct Digits {
  MemoryPictures train;
  MemoryPictures test;
  std::vector<std::uint8_t> train_labels;
  std::vector<std::uint8_t> test_labels;

  /// Drops all but the first so many of each, and their labels; 0 keeps all.
  void limit(std::int64_t train_count, std::int64_t test_count);
};

/// The embedded 8,000 and 2,000 digits of the MNIST database, 28 x 28.
Digits embedded_digits();

/// Whether the folder has a file of training images in the IDX format.
bool is_idx_folder(const std::filesystem::path& folder);

/// Reads train-images-idx3-ubyte and t10k-images-idx3-ubyte (or with .gz), and the files of labels if they are there.
/// Throws for a missing or damaged file, and when training and test pictures differ in size or labels in number.
Digits read_digits(const std::filesystem::path& folder);

}  // namespace sg::data

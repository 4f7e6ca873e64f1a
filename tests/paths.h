// Where the tests find the tree's files.
#pragma once

#include <filesystem>

namespace sg::test {

/// The folder of figures made with PyTorch.
std::filesystem::path reference_folder();
/// The root of the tree.
std::filesystem::path source_folder();

}  // namespace sg::test

// Where the tests find the tree's files: the only file that is compiled with the folders' names, so that every other
// one compiles to the same object wherever the tree stands.
#include "tests/paths.h"

namespace sg::test {

std::filesystem::path reference_folder() { return source_folder() / "tests" / "reference"; }
std::filesystem::path source_folder() { return SOBOGRAD_SOURCE; }

}  // namespace sg::test

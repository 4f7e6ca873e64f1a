// The corpus of the fuzzer: every file of it goes through its reader.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <iterator>

#include "tests/fuzz/targets.h"
#include "tests/paths.h"

using namespace sg;

namespace {

/// The files of a pack: the length of each in four bytes, the low one first, and its bytes.
std::vector<std::string> unpack(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string pack((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  std::vector<std::string> files;
  for (std::size_t place = 0; place + 4 <= pack.size();) {
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;) {
      length = length << 8 | static_cast<unsigned char>(pack[place + i]);
    }
    files.push_back(pack.substr(place + 4, length));
    place += 4 + length;
  }
  return files;
}

}  // namespace

TEST_CASE("every file of the fuzzer's corpus is read, or refused in one line that names it", "[fuzz]") {
  std::vector<fuzz::Target> targets(fuzz::file_targets().begin(), fuzz::file_targets().end());
  targets.insert(targets.end(), fuzz::application_targets().begin(), fuzz::application_targets().end());
  for (const fuzz::Target& target : targets) {
    INFO(target.name);
    const std::vector<std::string> files =
        unpack(test::source_folder() / "tests/fuzz/corpus" / (std::string(target.name) + ".pack"));
    CHECK(files.size() >= 200);
    std::size_t read = 0;
    for (const std::string& file : files) {
      read += fuzz::run(target, std::as_bytes(std::span(file))).empty();
    }
    CHECK(read > 0);
    CHECK((read < files.size() || std::string_view(target.name) == "exif"));
  }
}

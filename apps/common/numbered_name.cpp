// Numbered name.
#include "apps/common/numbered_name.h"

#include <fmt/format.h>

namespace sg::apps {

std::string numbered_name(std::int64_t number, const std::filesystem::path& path, const std::string& ending) {
  std::string stem = path.stem().string();
  if (stem.size() > 180) {
    std::size_t end = 180;
    while (end > 0 && (static_cast<unsigned char>(stem[end]) & 0xC0) == 0x80) --end;  // not within a UTF-8 character
    stem.resize(end);
  }
  return fmt::format("{:03}-{}{}", number, stem, ending);
}

}  // namespace sg::apps

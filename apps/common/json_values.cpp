// Json values.
#include "apps/common/json_values.h"

#include "apps/common/files.h"

namespace sg::apps {

nlohmann::json read_config(const std::filesystem::path& file) {
  constexpr std::size_t largest = 16 << 20;
  nlohmann::json config = nn::parse_json(read_file(file, largest), file.string());
  if (!config.is_object()) {
    fail("{}: not a JSON object", file.string());
  }
  return config;
}

}  // namespace sg::apps

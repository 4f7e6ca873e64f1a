// Json values.
#include "apps/common/json_values.h"

#include "apps/common/files.h"

namespace sg::apps {

nlohmann::json read_config(const std::filesystem::path& file) {
  nlohmann::json config = nn::parse_json(read_file(file, largest_config), file.string());
  if (!config.is_object()) {
    fail("{}: not a JSON object", file.string());
  }
  return config;
}

}  // namespace sg::apps

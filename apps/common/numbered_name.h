// Numbered name: what the result for a picture of the user's is called.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sg::apps {

/// `003-name.png` for the third file, name without its ending and not too long for a file name.
std::string numbered_name(std::int64_t number, const std::filesystem::path& path, const std::string& ending);

}  // namespace sg::apps

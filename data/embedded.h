// Embedded: the files of data/embedded, which are part of every binary.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sg::data {

/// The bytes of a file by its path below data/embedded, such as `photos/wine.jpg`; throws when there is none.
std::span<const std::byte> embedded_file(std::string_view name);
bool has_embedded_file(std::string_view name);

/// The names that begin with `prefix`, in byte order.
std::vector<std::string> embedded_names(std::string_view prefix = "");

}  // namespace sg::data

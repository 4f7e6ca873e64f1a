// Embedded: looking files up by name.
#include "data/embedded.h"

#include "data/embedded_table.h"
#include "engine/error.h"

namespace sg::data {
namespace {

const EmbeddedEntry* find_entry(std::string_view name) {
  for (const EmbeddedEntry* entry = embedded_entries; entry->name; ++entry) {
    if (name == entry->name) return entry;
  }
  return nullptr;
}

}  // namespace

std::span<const std::byte> embedded_file(std::string_view name) {
  const EmbeddedEntry* entry = find_entry(name);
  if (!entry) fail("embedded_file: this build has no embedded file {}", name);
  return {entry->begin, entry->end};
}

bool has_embedded_file(std::string_view name) { return find_entry(name) != nullptr; }

std::vector<std::string> embedded_names(std::string_view prefix) {
  std::vector<std::string> names;
  for (const EmbeddedEntry* entry = embedded_entries; entry->name; ++entry) {
    if (std::string_view(entry->name).starts_with(prefix)) names.emplace_back(entry->name);
  }
  return names;
}

}  // namespace sg::data

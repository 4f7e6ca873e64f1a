// Embedded table: the form in which the build hands over the files of data/embedded.
#pragma once

#include <cstddef>

namespace sg::data {

struct EmbeddedEntry {
  const char* name;  // nullptr ends the table
  const std::byte* begin;
  const std::byte* end;
};
extern const EmbeddedEntry embedded_entries[];

}  // namespace sg::data

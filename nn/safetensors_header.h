// Safetensors header: the JSON text that says which tensors a file holds, and where.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/safetensors.h"

namespace sg::nn {

/// A form in which elements lie in a file, and the dtype that they are read as.
struct SafetensorsFormat {
  std::string_view name;
  std::uint64_t bytes;  // of an element
  Dtype dtype;
};

struct SafetensorsEntry {
  std::string name;
  const SafetensorsFormat* format;
  Shape shape;
  std::uint64_t count;       // of elements
  std::uint64_t begin, end;  // bytes, from the first tensor's
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // as their bytes lie in the file
  std::map<std::string, std::string> metadata;
};

/// Throws in the name of `who` unless every one of the `data_bytes` that follow belongs to one tensor.
SafetensorsHeader parse_safetensors_header(const std::string& who, std::string_view text, std::uint64_t data_bytes);

/// The format of a tensor that is written; throws where the storage does not fit its dtype.
const SafetensorsFormat& safetensors_format(const std::string& who, const std::string& name, Dtype dtype,
                                            Storage storage);

/// The header of such tensors, a multiple of 8 bytes.
std::string safetensors_header(const NamedTensors& tensors, std::span<const SafetensorsFormat* const> formats,
                               const std::map<std::string, std::string>& metadata);

}  // namespace sg::nn

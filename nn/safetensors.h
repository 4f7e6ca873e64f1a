// Safetensors: reading and writing named tensors in the safetensors format: a 64-bit length, a JSON header, the
// tensors' bytes.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "nn/module.h"

namespace sg::nn {

struct SafetensorsFile {
  NamedTensors tensors;  // in the order of the header
  std::map<std::string, std::string> metadata;
};

/// Reads F32, F64 and I64 as they are, F16 and BF16 as f32, and BOOL, U8, I8, I16, U16, I32 and U32 as i64. Whatever
/// else the file holds is one sg::Error that names the file and what is wrong: a header that is longer than the file or
/// 100 MB, bad JSON, a repeated name, a shape that does not fit its bytes, offsets that overlap, leave gaps or do not
/// fit the file. Never allocates more than eight times the file's size.
SafetensorsFile load_safetensors(const std::filesystem::path& path);
/// The same from a file's bytes in memory; `name` stands for the file in errors.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// Writes f32, f64 and i64 tensors. The file appears under its name only when it is whole and on the disk: it is
/// written to a temporary name beside it, synced and renamed. Throws sg::Error with the file and the system's reason,
/// and then leaves nothing behind.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace sg::nn

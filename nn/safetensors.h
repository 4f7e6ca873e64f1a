// Safetensors: reading and writing named tensors in the safetensors format: a 64-bit length, a JSON header, the
// tensors' bytes.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "nn/module.h"

namespace sg::nn {

struct SafetensorsFile {
  NamedTensors tensors;  // in the order of the header
  std::map<std::string, std::string> metadata;
};

/// Reads F32, F64 and I64 as they are, F16 and BF16 as f32, U8, I8, I16, U16, I32 and U32 as i64, and BOOL as i64, 1
/// for every byte but 0, as in PyTorch. Whatever else the file holds is one sg::Error that names the file and what is
/// wrong: a header that is longer than the file or 32 MB, bad JSON, a repeated name, a shape that does not fit its
/// bytes, offsets that overlap, leave gaps or do not fit the file. Never takes more memory than eight times the bytes
/// of the tensors (an U8 becomes an i64) and 40 times those of the header, and no more time than in proportion to them.
SafetensorsFile load_safetensors(const std::filesystem::path& path);
/// The same from a file's bytes in memory; `name` stands for the file in errors.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// The tensors of a file of weights. Throws, naming file and tensor, also for one that holds a NaN or an infinity.
NamedTensors load_weights(const std::filesystem::path& path);
/// Puts such a file's tensors into the module; whatever is wrong is an error that begins with `who`, such as an option,
/// and names the file.
void load_weights(Module& module, const std::filesystem::path& path, std::string_view who);
/// Throws in the name of `who` for a tensor that holds a NaN or an infinity.
void check_finite(const NamedTensors& tensors, std::string_view who);

/// Called with the file under its temporary name, whole and on the disk, before it gets its own name; what it throws
/// leaves things as they were.
using BeforeRename = std::function<void(const std::filesystem::path& temporary)>;

/// The form in which a tensor lies in a file: f32 and f64 also in 16 bits, rounded to f32 and from there to the nearest
/// (halves to even, too large is infinite), as PyTorch does; i64 also in 32 bits or as one byte of 0 or 1.
enum class Storage { same, f16, bf16, i32, boolean };
using StorageOf = std::function<Storage(const std::string& name, const Tensor& tensor)>;

/// Writes f32, f64 and i64 tensors, each in the form that `storage` says of it; throws where the form does not fit the
/// dtype or an integer, and for a name that comes twice or is not UTF-8. The file appears under its name only when it
/// is whole and on the disk: it is written to a temporary name beside it, synced and renamed. Throws sg::Error with the
/// file and the system's reason, and then leaves nothing behind.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {}, const BeforeRename& before_rename = {},
                      const StorageOf& storage = {});

}  // namespace sg::nn

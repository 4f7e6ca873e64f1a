// Safetensors.
#include "nn/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>

#include "engine/node.h"
#include "engine/printable.h"
#include "nn/float16.h"
#include "nn/json.h"
#include "nn/safetensors_header.h"

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and are read as they lie");

namespace sg::nn {
namespace {

constexpr std::uint64_t longest_header = 32 << 20;

/// A file descriptor that closes itself.
class File {
 public:
  File(const std::filesystem::path& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  bool close() {
    const int descriptor = std::exchange(descriptor_, -1);
    return descriptor < 0 || ::close(descriptor) == 0;
  }

 private:
  int descriptor_;
};

std::string reason() { return std::strerror(errno); }

/// Where the bytes come from: a file, or memory.
class Source {
 public:
  explicit Source(const File& file) : file_(&file) {}
  explicit Source(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// Reads exactly so many bytes from an offset.
  void read(const std::string& who, void* target, std::uint64_t count, std::uint64_t offset) const {
    if (!file_) {
      if (count > 0) std::memcpy(target, bytes_.subspan(offset, count).data(), count);
      return;
    }
    auto* bytes = static_cast<char*>(target);
    while (count > 0) {
      const ssize_t got = ::pread(file_->descriptor(), bytes, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("{}: cannot read: {}", who, reason());
      if (got == 0) fail("{}: the file became shorter while it was read", who);
      bytes += got;
      offset += static_cast<std::uint64_t>(got);
      count -= static_cast<std::uint64_t>(got);
    }
  }

 private:
  const File* file_ = nullptr;
  std::span<const std::byte> bytes_;
};

/// Reads the elements piece by piece, so that no more is held than they take as a tensor.
template <class Stored, class Element, class Convert>
void read_converted(const Source& source, const std::string& who, std::uint64_t place, std::span<Element> target,
                    Convert convert) {
  constexpr std::size_t piece = 1 << 16;
  std::vector<Stored> stored(std::min(piece, target.size()));
  for (std::size_t done = 0; done < target.size();) {
    const std::size_t now = std::min(piece, target.size() - done);
    source.read(who, stored.data(), now * sizeof(Stored), place + done * sizeof(Stored));
    for (std::size_t i = 0; i < now; ++i) target[done + i] = convert(stored[i]);
    done += now;
  }
}

template <class Stored>
std::int64_t to_integer(Stored value) {
  return static_cast<std::int64_t>(value);
}

Tensor read_tensor(const Source& source, const std::string& who, const SafetensorsEntry& entry,
                   std::uint64_t data_begin) {
  const Dtype dtype = entry.format->dtype;
  auto buffer = std::make_shared<sg::Buffer>(entry.count * static_cast<std::uint64_t>(size_of(dtype)));
  const std::uint64_t place = data_begin + entry.begin;
  const std::string_view format = entry.format->name;
  const std::span floats(static_cast<float*>(buffer->data()), dtype == f32 ? entry.count : 0);
  const std::span integers(static_cast<std::int64_t*>(buffer->data()), dtype == i64 ? entry.count : 0);
  if (format == "F16") {
    read_converted<std::uint16_t>(source, who, place, floats, from_half);
  } else if (format == "BF16") {
    read_converted<std::uint16_t>(source, who, place, floats, from_bfloat);
  } else if (format == "BOOL") {
    read_converted<std::uint8_t>(source, who, place, integers,
                                 [](std::uint8_t value) { return std::int64_t{value != 0}; });
  } else if (format == "U8") {
    read_converted<std::uint8_t>(source, who, place, integers, to_integer<std::uint8_t>);
  } else if (format == "I8") {
    read_converted<std::int8_t>(source, who, place, integers, to_integer<std::int8_t>);
  } else if (format == "I16") {
    read_converted<std::int16_t>(source, who, place, integers, to_integer<std::int16_t>);
  } else if (format == "U16") {
    read_converted<std::uint16_t>(source, who, place, integers, to_integer<std::uint16_t>);
  } else if (format == "I32") {
    read_converted<std::int32_t>(source, who, place, integers, to_integer<std::int32_t>);
  } else if (format == "U32") {
    read_converted<std::uint32_t>(source, who, place, integers, to_integer<std::uint32_t>);
  } else {
    source.read(who, buffer->data(), entry.end - entry.begin, place);
  }
  return make_leaf(std::move(buffer), entry.shape, dtype);
}

/// A file under construction, which is removed unless it gets its name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& path)
      : who_(path.string()),
        path_(path),
        temporary_(path.string() + ".part"),  // one name: what a kill leaves is overwritten by the next try
        file_(temporary_, O_WRONLY | O_CREAT | O_TRUNC) {
    if (!file_.is_open()) fail("{}: cannot write: {}", who_, reason());
  }
  ~TemporaryFile() {
    if (file_.is_open()) ::unlink(temporary_.c_str());
  }

  void write(const void* data, std::uint64_t count) {
    const auto* bytes = static_cast<const char*>(data);
    while (count > 0) {
      const ssize_t put = ::write(file_.descriptor(), bytes, count);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("{}: cannot write: {}", who_, reason());
      bytes += put;
      count -= static_cast<std::uint64_t>(put);
    }
  }

  /// Writes converted elements piece by piece.
  template <class Element, class Convert>
  void write_converted(const Element* source, std::int64_t count, Convert convert) {
    std::vector<decltype(convert(*source))> piece(std::min<std::int64_t>(count, 1 << 16));
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t now = std::min<std::int64_t>(count - done, static_cast<std::int64_t>(piece.size()));
      std::transform(source + done, source + done + now, piece.begin(), convert);
      write(piece.data(), static_cast<std::uint64_t>(now) * sizeof(piece[0]));
      done += now;
    }
  }

  void finish(const BeforeRename& before_rename) {
    if (::fsync(file_.descriptor()) != 0) fail("{}: cannot write: {}", who_, reason());
    if (before_rename) before_rename(temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("{}: cannot write: {}", who_, reason());
    if (!file_.close()) fail("{}: cannot write: {}", who_, reason());
    // The new name has to reach the disk too; some file systems do not offer it, which is no error.
    const File folder(path_.has_parent_path() ? path_.parent_path() : ".", O_RDONLY | O_DIRECTORY);
    if (folder.is_open()) ::fsync(folder.descriptor());
  }

 private:
  std::string who_;
  std::filesystem::path path_;
  std::string temporary_;
  File file_;
};

SafetensorsFile parse(const Source& source, std::uint64_t file_bytes, const std::string& who) {
  if (file_bytes < 8) fail("{}: not a safetensors file: {} bytes", who, file_bytes);
  std::uint64_t header_bytes = 0;
  source.read(who, &header_bytes, 8, 0);
  if (header_bytes > file_bytes - 8) {
    fail("{}: not a safetensors file: a header of {} bytes in a file of {}", who, header_bytes, file_bytes);
  }
  if (header_bytes > longest_header) {
    fail("{}: the header has {} bytes, at most {} are supported", who, header_bytes, longest_header);
  }
  SafetensorsFile result;
  const std::uint64_t data_bytes = file_bytes - 8 - header_bytes;
  SafetensorsHeader header;
  {
    std::string text(header_bytes, '\0');
    source.read(who, text.data(), header_bytes, 8);
    header = parse_safetensors_header(who, text, data_bytes);
  }
  result.metadata = std::move(header.metadata);
  for (const SafetensorsEntry& entry : header.entries) {
    result.tensors.emplace_back(entry.name, read_tensor(source, who, entry, 8 + header_bytes));
  }
  return result;
}

}  // namespace

SafetensorsFile load_safetensors(const std::filesystem::path& path) {
  const std::string who = path.string();
  // Not blocking: opening a pipe without a writer would wait for ever.
  const File file(path, O_RDONLY | O_NONBLOCK);
  if (!file.is_open()) fail("{}: cannot open: {}", who, reason());
  struct stat status {};
  if (::fstat(file.descriptor(), &status) != 0) fail("{}: cannot open: {}", who, reason());
  if (!S_ISREG(status.st_mode)) fail("{}: not a file", who);
  return parse(Source(file), static_cast<std::uint64_t>(status.st_size), who);
}

void check_finite(const NamedTensors& tensors, std::string_view who) {
  for (const auto& named : tensors) {
    const Tensor& tensor = named.second;
    if (!is_floating(tensor.dtype())) continue;
    dispatch(tensor.dtype(), [&](auto zero) {
      using Element = decltype(zero);
      const Element* values = tensor.data<Element>();
      for (std::int64_t i = 0; i < tensor.size(); ++i) {
        // Of integers all are finite; the cast keeps this one text for all dtypes.
        if (!std::isfinite(static_cast<double>(values[i]))) {
          fail("{}: {} holds {}", who, show_name(named.first), values[i]);
        }
      }
    });
  }
}

NamedTensors load_weights(const std::filesystem::path& path) {
  NamedTensors tensors = load_safetensors(path).tensors;
  check_finite(tensors, path.string());
  return tensors;
}

void load_weights(Module& module, const std::filesystem::path& path, std::string_view who) {
  NamedTensors tensors;
  try {
    tensors = load_weights(path);
  } catch (const Error& error) {
    fail("{}: {}", who, error.what());
  }
  try {
    module.load_state(tensors);
  } catch (const Error& error) {
    fail("{}: {}: {}", who, path.string(), printable(error.what(), 600));
  }
}

SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  return parse(Source(bytes), bytes.size(), name);
}

void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata, const BeforeRename& before_rename,
                      const StorageOf& storage) {
  std::set<std::string_view> names{"__metadata__"};
  Tensors values;
  for (auto& [name, tensor] : tensors) {
    if (!names.insert(name).second) fail("{}: the name {} comes twice", path.string(), show_name(name));
    if (!is_utf8(name)) fail("{}: the name {} is not UTF-8", path.string(), show_name(name));
    values.push_back(tensor);
  }
  sg::eval(values);
  std::vector<const SafetensorsFormat*> formats;
  for (auto& [name, tensor] : tensors) {
    formats.push_back(
        &safetensors_format(path.string(), name, tensor.dtype(), storage ? storage(name, tensor) : Storage::same));
  }
  const std::string header = safetensors_header(tensors, formats, metadata);
  TemporaryFile file(path);
  const std::uint64_t header_bytes = header.size();
  file.write(&header_bytes, sizeof header_bytes);
  file.write(header.data(), header.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view form = formats[i]->name;
    const auto integer = [&, name = tensors[i].first](std::int64_t value, std::int64_t least, std::int64_t most) {
      if (value < least || value > most)
        fail("{}: {} holds {}, which is no {}", path.string(), show_name(name), value, form);
      return value;
    };
    dispatch(values[i].dtype(), [&](auto zero) {
      using Element = decltype(zero);
      const auto* data = values[i].data<Element>();
      const std::int64_t count = values[i].size();
      if (form == "F16") {
        file.write_converted(data, count, [](Element value) { return to_half(static_cast<float>(value)); });
      } else if (form == "BF16") {
        file.write_converted(data, count, [](Element value) { return to_bfloat(static_cast<float>(value)); });
      } else if (form == "I32") {
        file.write_converted(data, count, [&](Element value) {
          return static_cast<std::int32_t>(integer(static_cast<std::int64_t>(value), INT32_MIN, INT32_MAX));
        });
      } else if (form == "BOOL") {
        file.write_converted(data, count, [&](Element value) {
          return static_cast<std::uint8_t>(integer(static_cast<std::int64_t>(value), 0, 1));
        });
      } else {
        file.write(data, static_cast<std::uint64_t>(count) * sizeof(Element));
      }
    });
  }
  file.finish(before_rename);
}

}  // namespace sg::nn

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
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/node.h"
#include "engine/printable.h"
#include "nn/float16.h"
#include "nn/json.h"

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and are read as they lie");

namespace sg::nn {
namespace {

constexpr std::uint64_t longest_header = 32 << 20;
constexpr std::int64_t most_elements = std::int64_t{1} << 48;

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

struct Format {
  std::string_view name;
  std::uint64_t bytes;
  Dtype dtype;
};
constexpr Format formats[] = {{"F32", 4, f32},  {"F64", 8, f64},  {"I64", 8, i64}, {"F16", 2, f32},
                              {"BF16", 2, f32}, {"BOOL", 1, i64}, {"U8", 1, i64},  {"I8", 1, i64},
                              {"I16", 2, i64},  {"U16", 2, i64},  {"I32", 4, i64}, {"U32", 4, i64}};

struct Entry {
  std::string name;
  const Format* format;
  Shape shape;
  std::uint64_t count;
  std::uint64_t begin, end;
};

/// One entry of the header, every number of it checked against `data_bytes`.
Entry parse_entry(const std::string& who, const std::string& name, const nlohmann::json& value,
                  std::uint64_t data_bytes) {
  const auto member = [&](const char* key) {
    return value.is_object() && value.contains(key) ? value.at(key) : nlohmann::json();
  };
  const nlohmann::json dtype = member("dtype"), shape = member("shape"), offsets = member("data_offsets");
  if (!dtype.is_string() || !shape.is_array() || !offsets.is_array() || offsets.size() != 2) {
    fail("{}: the entry {} needs dtype, shape and two data_offsets", who, show_name(name));
  }
  // -1 for what is no count.
  const auto count = [](const nlohmann::json& number) {
    return number.is_number_unsigned() && number.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max()
               ? number.get<std::int64_t>()
               : -1;
  };
  Entry entry{name, nullptr, {}, 1, 0, 0};
  for (const Format& format : formats) {
    if (format.name == dtype.get_ref<const std::string&>()) entry.format = &format;
  }
  if (!entry.format) fail("{}: {} has the dtype {}, which is not supported", who, show_name(name), show_json(dtype));
  if (shape.size() > Shape::max_rank) {
    fail("{}: {} has {} axes, at most {} are supported", who, show_name(name), shape.size(), Shape::max_rank);
  }
  bool overflows = false, is_empty = false;
  std::int64_t nonzero_product = 1;  // whose parts are the strides, also of an empty tensor
  for (const nlohmann::json& extent : shape) {
    const std::int64_t number = count(extent);
    if (number < 0) fail("{}: the shape of {} is not a list of extents", who, show_name(name));
    entry.shape.push_back(number);
    is_empty = is_empty || number == 0;
    overflows =
        overflows || __builtin_mul_overflow(nonzero_product, std::max<std::int64_t>(number, 1), &nonzero_product);
  }
  if (is_empty && (overflows || nonzero_product > most_elements)) {
    fail("{}: {} has the shape {}, whose extents are too large", who, show_name(name), to_string(entry.shape));
  }
  entry.count = is_empty ? 0 : static_cast<std::uint64_t>(nonzero_product);
  const std::int64_t begin = count(offsets[0]), end = count(offsets[1]);
  if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) > data_bytes) {
    fail("{}: the data_offsets of {} do not lie within the {} bytes of data", who, show_name(name), data_bytes);
  }
  entry.begin = static_cast<std::uint64_t>(begin);
  entry.end = static_cast<std::uint64_t>(end);
  std::uint64_t bytes = 0;
  overflows = overflows || __builtin_mul_overflow(entry.count, entry.format->bytes, &bytes);
  if (overflows || bytes != entry.end - entry.begin) {
    fail("{}: {} has {} bytes, which is not {} of shape {}", who, show_name(name), entry.end - entry.begin,
         entry.format->name, to_string(entry.shape));
  }
  return entry;
}

/// Every byte of the data belongs to one tensor.
void check_cover(const std::string& who, const std::vector<Entry>& entries, std::uint64_t data_bytes) {
  std::vector<const Entry*> by_place;
  for (const Entry& entry : entries) by_place.push_back(&entry);
  std::sort(by_place.begin(), by_place.end(),
            [](const Entry* a, const Entry* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  std::uint64_t place = 0;
  for (const Entry* entry : by_place) {
    if (entry->begin < place) fail("{}: the bytes of {} overlap those of another tensor", who, show_name(entry->name));
    if (entry->begin > place) {
      fail("{}: {} bytes before {} belong to no tensor", who, entry->begin - place, show_name(entry->name));
    }
    place = entry->end;
  }
  if (place != data_bytes) fail("{}: the last {} bytes belong to no tensor", who, data_bytes - place);
}

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

Tensor read_tensor(const Source& source, const std::string& who, const Entry& entry, std::uint64_t data_begin) {
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
  } else if (format == "U8" || format == "BOOL") {
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

/// How one tensor is written.
const Format& format_of(const std::string& who, const std::string& name, const Tensor& tensor, Storage storage) {
  const auto named = [](std::string_view format) -> const Format& {
    return *std::find_if(std::begin(formats), std::end(formats), [&](const Format& f) { return f.name == format; });
  };
  if (storage == Storage::same) return named(tensor.dtype() == f32 ? "F32" : tensor.dtype() == f64 ? "F64" : "I64");
  const bool is_integer = storage == Storage::i32 || storage == Storage::boolean;
  if (is_integer == is_floating(tensor.dtype())) {
    fail("{}: {} is {}, and cannot be stored as {}", who, show_name(name), name_of(tensor.dtype()),
         is_integer ? "integers" : "floating numbers of 16 bits");
  }
  return named(storage == Storage::f16    ? "F16"
               : storage == Storage::bf16 ? "BF16"
               : storage == Storage::i32  ? "I32"
                                          : "BOOL");
}

std::string header_text(const NamedTensors& tensors, const std::vector<const Format*>& forms,
                        const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (auto& [key, value] : metadata) text += quote_json(key) + ":" + quote_json(value) + ",";
    text.back() = '}';
    text += ',';
  }
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    const std::int64_t end = offset + tensor.size() * static_cast<std::int64_t>(forms[i]->bytes);
    std::string shape;
    for (std::int64_t extent : tensor.shape()) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", quote_json(name),
                        forms[i]->name, shape, offset, end);
    offset = end;
  }
  if (text.back() == ',') text.pop_back();
  text += '}';
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
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

/// All entries of the header; what it takes in memory besides is given back.
std::vector<Entry> read_header(const Source& source, const std::string& who, std::uint64_t header_bytes,
                               std::uint64_t data_bytes, std::map<std::string, std::string>& metadata) {
  std::string header(header_bytes, '\0');
  source.read(who, header.data(), header_bytes, 8);
  const nlohmann::json root = parse_json(header, who);
  if (!root.is_object()) fail("{}: not a safetensors file: the header is no object", who);
  std::vector<Entry> entries;
  for (auto& [name, value] : root.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(who, name, value, data_bytes));
      continue;
    }
    if (!value.is_object()) fail("{}: the metadata is no object", who);
    for (auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("{}: the metadata's {} is no text", who, show_name(key));
      metadata[key] = text.get<std::string>();
    }
  }
  return entries;
}

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
  std::vector<Entry> entries = read_header(source, who, header_bytes, data_bytes, result.metadata);
  // Names come sorted; the file's own order is that of the data.
  std::ranges::stable_sort(entries, {}, &Entry::begin);
  check_cover(who, entries, data_bytes);
  for (const Entry& entry : entries) {
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
    values.push_back(tensor);
  }
  sg::eval(values);
  std::vector<const Format*> forms;
  for (auto& [name, tensor] : tensors) {
    forms.push_back(&format_of(path.string(), name, tensor, storage ? storage(name, tensor) : Storage::same));
  }
  const std::string header = header_text(tensors, forms, metadata);
  TemporaryFile file(path);
  const std::uint64_t header_bytes = header.size();
  file.write(&header_bytes, sizeof header_bytes);
  file.write(header.data(), header.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view form = forms[i]->name;
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

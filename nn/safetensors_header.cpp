// Safetensors header.
#include "nn/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "nn/json.h"

namespace sg::nn {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 48;

using Format = SafetensorsFormat;
using Entry = SafetensorsEntry;

constexpr Format known_formats[] = {{"F32", 4, f32},  {"F64", 8, f64},  {"I64", 8, i64}, {"F16", 2, f32},
                                    {"BF16", 2, f32}, {"BOOL", 1, i64}, {"U8", 1, i64},  {"I8", 1, i64},
                                    {"I16", 2, i64},  {"U16", 2, i64},  {"I32", 4, i64}, {"U32", 4, i64}};

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
  for (const Format& format : known_formats) {
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

/// The entries as their bytes lie in the file; every byte of the data belongs to one of them.
std::vector<Entry> in_order(const std::string& who, std::vector<Entry>& entries, std::uint64_t data_bytes) {
  std::vector<Entry*> by_place;
  for (Entry& entry : entries) by_place.push_back(&entry);
  const auto place_of = [](const Entry* entry) { return std::tuple(entry->begin, entry->end, entry); };
  std::sort(by_place.begin(), by_place.end(),
            [&](const Entry* a, const Entry* b) { return place_of(a) < place_of(b); });
  std::uint64_t place = 0;
  std::vector<Entry> ordered;
  for (Entry* entry : by_place) {
    if (entry->begin < place) fail("{}: the bytes of {} overlap those of another tensor", who, show_name(entry->name));
    if (entry->begin > place) {
      fail("{}: {} bytes before {} belong to no tensor", who, entry->begin - place, show_name(entry->name));
    }
    place = entry->end;
    ordered.push_back(std::move(*entry));
  }
  if (place != data_bytes) fail("{}: the last {} bytes belong to no tensor", who, data_bytes - place);
  return ordered;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& who, std::string_view text, std::uint64_t data_bytes) {
  const nlohmann::json root = parse_json(text, who);
  if (!root.is_object()) fail("{}: not a safetensors file: the header is no object", who);
  SafetensorsHeader header;
  std::vector<Entry> entries;
  for (auto& [name, value] : root.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(who, name, value, data_bytes));
      continue;
    }
    if (!value.is_object()) fail("{}: the metadata is no object", who);
    for (auto& [key, metadatum] : value.items()) {
      if (!metadatum.is_string()) fail("{}: the metadata's {} is no text", who, show_name(key));
      header.metadata[key] = metadatum.get<std::string>();
    }
  }
  header.entries = in_order(who, entries, data_bytes);
  return header;
}

const Format& safetensors_format(const std::string& who, const std::string& name, Dtype dtype, Storage storage) {
  const auto named = [](std::string_view format) -> const Format& {
    return *std::find_if(std::begin(known_formats), std::end(known_formats),
                         [&](const Format& f) { return f.name == format; });
  };
  if (storage == Storage::same) return named(dtype == f32 ? "F32" : dtype == f64 ? "F64" : "I64");
  const bool is_integer = storage == Storage::i32 || storage == Storage::boolean;
  if (is_integer == is_floating(dtype)) {
    fail("{}: {} is {}, and cannot be stored as {}", who, show_name(name), name_of(dtype),
         is_integer ? "integers" : "floating numbers of 16 bits");
  }
  return named(storage == Storage::f16    ? "F16"
               : storage == Storage::bf16 ? "BF16"
               : storage == Storage::i32  ? "I32"
                                          : "BOOL");
}

std::string safetensors_header(const NamedTensors& tensors, std::span<const Format* const> formats,
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
    const std::int64_t end = offset + tensor.size() * static_cast<std::int64_t>(formats[i]->bytes);
    std::string shape;
    for (std::int64_t extent : tensor.shape()) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", quote_json(name),
                        formats[i]->name, shape, offset, end);
    offset = end;
  }
  if (text.back() == ',') text.pop_back();
  text += '}';
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace sg::nn

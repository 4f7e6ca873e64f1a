// Checkpoint.
#include "nn/checkpoint.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "engine/crc32c.h"
#include "engine/printable.h"
#include "nn/json.h"
#include "nn/safetensors.h"

namespace sg::nn {
namespace {

constexpr std::string_view network_prefix = "network.", optimizer_prefix = "optimizer.", lbfgs_prefix = "lbfgs.",
                           levenberg_marquardt_prefix = "levenberg_marquardt.", ema_prefix = "ema.",
                           counter_prefix = "counter.", tensor_prefix = "tensor.";
constexpr const char* checksum_note = "crc32c";

void append(NamedTensors& all, std::string_view prefix, const NamedTensors& part) {
  for (auto& named : add_prefix(prefix, part)) all.push_back(std::move(named));
}

/// Eight hexadecimal digits for each tensor and eight for the notes.
std::string checksums_of(const NamedTensors& tensors, const std::map<std::string, std::string>& notes) {
  std::string text;
  for (const auto& named : tensors) {
    const Tensor& tensor = named.second;
    const std::string head = fmt::format("{}:{}:{}:", named.first, name_of(tensor.dtype()), to_string(tensor.shape()));
    std::uint32_t checksum = crc32c(0, head.data(), head.size());
    dispatch(tensor.dtype(), [&](auto zero) {
      using Element = decltype(zero);
      checksum = crc32c(checksum, tensor.data<Element>(), static_cast<std::size_t>(tensor.size()) * sizeof(Element));
    });
    text += fmt::format("{:08x}", checksum);
  }
  std::uint32_t checksum = 0;
  for (const auto& [name, note] : notes) {
    checksum = crc32c(checksum, name.c_str(), name.size() + 1);  // the zero byte between them as well
    checksum = crc32c(checksum, note.c_str(), note.size() + 1);
  }
  return text + fmt::format("{:08x}", checksum);
}

/// The file, whose checksums are right. One without any note, which another program wrote, is taken as it is; but notes
/// without the one of the checksums are those of a checkpoint whose very note was damaged.
SafetensorsFile load_checked(const std::filesystem::path& path) {
  SafetensorsFile file = load_safetensors(path);
  const auto note = file.metadata.find(checksum_note);
  if (note == file.metadata.end() && file.metadata.empty()) return file;
  if (note == file.metadata.end()) fail("{}: damaged: it has notes but no checksums", path.string());
  const std::string written = note->second;
  file.metadata.erase(note);
  const std::string found = checksums_of(file.tensors, file.metadata);
  if (found == written) return file;
  if (found.size() == written.size()) {
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      if (found.compare(8 * i, 8, written, 8 * i, 8) != 0) {
        fail("{}: damaged: the checksum of {} is {}, not {}", path.string(), show_name(file.tensors[i].first),
             found.substr(8 * i, 8), show_name(written.substr(8 * i, 8)));
      }
    }
  }
  fail("{}: damaged: the checksums do not belong to what it holds", path.string());
}

bool is_whole(const std::filesystem::path& path) {
  try {
    load_checked(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// What there is becomes the previous one, and is in its place all the while. Something damaged does not: the previous
/// one is then the last that a run can go on from.
void keep_previous(const std::filesystem::path& path) {
  const std::filesystem::path previous = previous_checkpoint(path);
  std::error_code error;
  if (!std::filesystem::exists(path, error) || !is_whole(path)) return;
  ::unlink(previous.c_str());
  if (::link(path.c_str(), previous.c_str()) == 0) return;
  // A file system without links: for a moment there is only the previous one, which loading takes as well.
  if (::rename(path.c_str(), previous.c_str()) != 0) {
    fail("{}: cannot be kept as {}: {}", path.string(), previous.string(), std::strerror(errno));
  }
}

void put_back(const SafetensorsFile& file, const std::filesystem::path& path, Training& training) {
  const auto part = [&](std::string_view prefix) {
    NamedTensors tensors = with_prefix(file.tensors, prefix);
    if (tensors.empty()) fail("{}: not a checkpoint of this run: it holds nothing named {}*", path.string(), prefix);
    return tensors;
  };
  std::map<std::string, std::int64_t> counters;
  for (auto& [name, tensor] : with_prefix(file.tensors, counter_prefix)) {
    if (tensor.dtype() != i64 || tensor.rank() != 0) {
      fail("{}: the counter {} is no i64", path.string(), show_name(name));
    }
    counters[name] = *tensor.data<std::int64_t>();
  }
  // Whatever a run went wrong by, it cannot go on from there.
  check_finite(with_prefix(file.tensors, network_prefix), path.string());
  std::vector<std::function<void()>> undo;
  const auto load = [&](auto* place, std::string_view prefix) {
    if (!place) return;
    const NamedTensors loaded = part(prefix);
    undo.push_back([place, before = place->state()] { place->load_state(before); });
    place->load_state(loaded);
  };
  try {
    load(training.network, network_prefix);
    load(training.optimizer, optimizer_prefix);
    load(training.lbfgs, lbfgs_prefix);
    load(training.levenberg_marquardt, levenberg_marquardt_prefix);
    load(training.ema, ema_prefix);
  } catch (const Error& error) {
    for (const auto& step : undo) step();
    if (std::string_view(error.what()).starts_with(path.string())) throw;
    fail("{}: {}", path.string(), printable(error.what(), 600));
  }
  training.counters = std::move(counters);
  training.tensors = with_prefix(file.tensors, tensor_prefix);
  training.notes = file.metadata;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Training& training) {
  for (const auto& [name, note] : training.notes) {
    if (!is_utf8(name) || !is_utf8(note)) fail("{}: the note {} is not UTF-8", path.string(), show_name(name));
  }
  NamedTensors all;
  if (training.network) append(all, network_prefix, training.network->state());
  if (training.optimizer) append(all, optimizer_prefix, training.optimizer->state());
  if (training.lbfgs) append(all, lbfgs_prefix, training.lbfgs->state());
  if (training.levenberg_marquardt) append(all, levenberg_marquardt_prefix, training.levenberg_marquardt->state());
  if (training.ema) append(all, ema_prefix, training.ema->state());
  for (auto& [name, count] : training.counters) {
    all.emplace_back(std::string(counter_prefix) + name, tensor(std::span<const std::int64_t>(&count, 1), {}));
  }
  append(all, tensor_prefix, training.tensors);
  Tensors values;
  for (auto& [name, tensor] : all) values.push_back(tensor);
  eval(values);
  std::map<std::string, std::string> notes = training.notes;
  notes[checksum_note] = checksums_of(all, training.notes);
  save_safetensors(path, all, notes, [&](const std::filesystem::path& temporary) {
    load_checked(temporary);
    keep_previous(path);
  });
}

std::filesystem::path previous_checkpoint(const std::filesystem::path& path) {
  std::filesystem::path previous = path;
  return previous.replace_extension("previous" + path.extension().string());
}

bool has_checkpoint(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || std::filesystem::exists(previous_checkpoint(path), error);
}

std::string load_checkpoint(const std::filesystem::path& path, Training& training) {
  SafetensorsFile file;
  std::string damage;
  try {
    file = load_checked(path);
  } catch (const Error& error) {
    damage = error.what();
  }
  if (damage.empty()) {
    put_back(file, path, training);
    return "";
  }
  const std::filesystem::path previous = previous_checkpoint(path);
  std::error_code error;
  if (!std::filesystem::exists(previous, error)) fail("{}", damage);
  try {
    file = load_checked(previous);
  } catch (const Error& second) {
    fail("{}; and the one before it: {}", damage, second.what());
  }
  put_back(file, previous, training);
  return fmt::format("{}; the checkpoint before it is taken: {}", damage, previous.string());
}

NamedTensors checkpoint_tensors(const std::filesystem::path& path) { return load_checked(path).tensors; }

std::int64_t counter_of(const Training& training, const std::string& name, std::int64_t least, std::int64_t most,
                        std::string_view who) {
  const auto found = training.counters.find(name);
  if (found == training.counters.end()) fail("{}: not a checkpoint of this run: it has no counter {}", who, name);
  if (found->second < least || found->second > most) {
    fail("{}: the counter {} is {}: {} to {} can be", who, name, found->second, least, most);
  }
  return found->second;
}

std::vector<double> numbers_of(const Training& training, const std::string& name, std::size_t count,
                               std::string_view who) {
  std::vector<double> numbers = find(training.tensors, name, who).to_vector<double>();
  if (numbers.size() != count) fail("{}: {} holds {} numbers instead of {}", who, name, numbers.size(), count);
  return numbers;
}

}  // namespace sg::nn

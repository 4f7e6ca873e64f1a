// Checkpoint.
#include "nn/checkpoint.h"

#include "nn/safetensors.h"

namespace sg::nn {
namespace {

constexpr std::string_view network_prefix = "network.", optimizer_prefix = "optimizer.", lbfgs_prefix = "lbfgs.",
                           ema_prefix = "ema.", counter_prefix = "counter.", tensor_prefix = "tensor.";

void append(NamedTensors& all, std::string_view prefix, const NamedTensors& part) {
  for (auto& named : add_prefix(prefix, part)) all.push_back(std::move(named));
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Training& training) {
  NamedTensors all;
  if (training.network) append(all, network_prefix, training.network->state());
  if (training.optimizer) append(all, optimizer_prefix, training.optimizer->state());
  if (training.lbfgs) append(all, lbfgs_prefix, training.lbfgs->state());
  if (training.ema) append(all, ema_prefix, training.ema->state());
  for (auto& [name, count] : training.counters) {
    all.emplace_back(std::string(counter_prefix) + name, tensor(std::span<const std::int64_t>(&count, 1), {}));
  }
  append(all, tensor_prefix, training.tensors);
  save_safetensors(path, all, training.notes);
}

void load_checkpoint(const std::filesystem::path& path, Training& training) {
  const SafetensorsFile file = load_safetensors(path);
  const auto part = [&](std::string_view prefix) {
    NamedTensors tensors = with_prefix(file.tensors, prefix);
    if (tensors.empty()) fail("{}: not a checkpoint of this run: it holds nothing named {}*", path.string(), prefix);
    return tensors;
  };
  std::map<std::string, std::int64_t> counters;
  for (auto& [name, tensor] : with_prefix(file.tensors, counter_prefix)) {
    if (tensor.dtype() != i64 || tensor.rank() != 0) fail("{}: the counter {} is no i64", path.string(), name);
    counters[name] = *tensor.data<std::int64_t>();
  }
  try {
    if (training.network) training.network->load_state(part(network_prefix));
    if (training.optimizer) training.optimizer->load_state(part(optimizer_prefix));
    if (training.lbfgs) training.lbfgs->load_state(part(lbfgs_prefix));
    if (training.ema) training.ema->load_state(part(ema_prefix));
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(path.string())) throw;
    fail("{}: {}", path.string(), error.what());
  }
  training.counters = std::move(counters);
  training.tensors = with_prefix(file.tensors, tensor_prefix);
  training.notes = file.metadata;
}

}  // namespace sg::nn

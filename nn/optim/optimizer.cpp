// Optimizer.
#include "nn/optim/optimizer.h"

#include <map>

#include "engine/autodiff.h"
#include "engine/node.h"

namespace sg::nn {
namespace {

constexpr std::int64_t most_steps = std::int64_t{1} << 53;

void check_rate(double rate) {
  if (!(rate >= 0)) fail("optimizer: the learning rate has to be 0 or more: {}", rate);
}

/// The number that a state's tensor of that name holds.
std::int64_t count_of(std::string_view name, const Tensor& tensor, std::int64_t most) {
  const std::int64_t count = tensor.dtype() == i64 && tensor.size() == 1 ? tensor.to_vector<std::int64_t>()[0] : -1;
  if (count < 0 || count > most) fail("optimizer: {} has to be one i64 from 0 to {}", name, most);
  return count;
}

}  // namespace

Optimizer::Optimizer(Module& module, double learning_rate, double weight_decay, std::vector<std::string> state_names)
    : parameters_(module.named_parameters()),
      buffers_(module.buffers()),
      learning_rate_(learning_rate),
      weight_decay_(weight_decay),
      group_of_(parameters_.size(), 0),
      state_names_(std::move(state_names)) {
  check_rate(learning_rate);
  if (!(weight_decay >= 0)) fail("optimizer: the weight decay has to be 0 or more: {}", weight_decay);
  memories_.resize(parameters_.size() * state_names_.size());
  updates_.resize(parameters_.size());
}

void Optimizer::set_learning_rate(double rate) {
  check_rate(rate);
  learning_rate_ = rate;
}

void Optimizer::add_group(ParameterGroup group) {
  if (!(group.rate >= 0)) fail("optimizer: a group's rate has to be 0 or more: {}", group.rate);
  if (!(group.weight_decay.value_or(0) >= 0)) {
    fail("optimizer: a group's weight decay has to be 0 or more: {}", *group.weight_decay);
  }
  std::vector<std::size_t> changed = group_of_;
  for (const Slot* slot : group.parameters) {
    std::size_t i = 0;
    while (i < parameters_.size() && parameters_[i].second != slot) ++i;
    if (i == parameters_.size()) fail("optimizer: the group's {} is no parameter of the network", slot->name());
    if (changed[i] != 0) fail("optimizer: {} is in a group already", parameters_[i].first);
    changed[i] = groups_.size();
  }
  group_of_ = std::move(changed);
  groups_.push_back(std::move(group));
}

Tensors Optimizer::gradients(const Tensor& loss) const {
  if (loss.defined() && loss.node()->stops_derivatives()) {
    fail("gradients: no derivatives flow from the loss: it was made under NoGrad");
  }
  Tensors values;
  for (auto& [name, slot] : parameters_) values.push_back(slot->value());
  return grad(loss, values, {}, Unused::zeros);
}

Tensor Optimizer::minimise(Tensor loss) {
  if (loss.size() != 1) fail("minimise: needs a loss of one element: {}", loss.shape());
  Tensors found = gradients(loss);
  // Whoever holds a loss that has not been computed holds all that it is made of, the parameters among it.
  loss = loss.detach();
  step(std::move(found), {loss});
  return loss;
}

void Optimizer::step() {
  Tensors gradients;
  for (auto& [name, slot] : parameters_) gradients.push_back(slot->value().grad());
  step(std::move(gradients));
}

Optimizer::Memory Optimizer::memory_of(std::size_t parameter) const {
  const auto first = memories_.begin() + static_cast<std::ptrdiff_t>(parameter * state_names_.size());
  return {first, first + static_cast<std::ptrdiff_t>(state_names_.size())};
}

void Optimizer::check_gradients(const Tensors& gradients) const {
  if (gradients.size() != parameters_.size()) {
    fail("step: {} gradients for {} parameters", gradients.size(), parameters_.size());
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, slot] = parameters_[i];
    if (!gradients[i].defined()) continue;
    if (gradients[i].shape() != slot->shape()) {
      fail("step: the gradient of {} is {}, needs {}", name, gradients[i].shape(), slot->shape());
    }
    if (gradients[i].dtype() != slot->dtype()) {
      fail("step: the gradient of {} is {}, needs {}", name, name_of(gradients[i].dtype()), name_of(slot->dtype()));
    }
    for (const Tensor& kept : memory_of(i)) {
      if (!kept.defined() || kept.dtype() == slot->dtype()) continue;
      fail("step: {} is {}, but the optimiser has stepped on {}: a network is cast before its optimiser steps", name,
           name_of(slot->dtype()), name_of(kept.dtype()));
    }
  }
}

void Optimizer::step(Tensors gradients, Tensors together) {
  check_gradients(gradients);
  if (parameters_.empty()) return;
  Tensors next(parameters_.size()), next_memories = memories_;
  std::vector<const Tensor*> given_up;
  Tensors wanted = std::move(together);
  {
    const NoGrad no_grad;
    for (std::size_t group = 0; group < groups_.size(); ++group) {
      const GroupSettings settings{learning_rate_ * groups_[group].rate,
                                   groups_[group].weight_decay.value_or(weight_decay_)};
      std::int64_t begun = 0;
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if (group_of_[i] != group || !gradients[i].defined()) continue;
        if (updates_[i] + 1 != begun) {
          begun = updates_[i] + 1;
          begin_group(begun, settings, parameters_[0].second->dtype());
        }
        Memory memory = memory_of(i);
        next[i] = update(parameters_[i].second->value(), gradients[i], memory);
        wanted.push_back(next[i]);
        given_up.push_back(&parameters_[i].second->value());
        for (std::size_t k = 0; k < memory.size(); ++k) {
          if (memory[k].defined()) wanted.push_back(memory[k]);
          given_up.push_back(&memories_[i * memory.size() + k]);
          next_memories[i * memory.size() + k] = std::move(memory[k]);
        }
      }
    }
  }
  gradients.clear();
  for (Slot* buffer : buffers_) wanted.push_back(buffer->value());
  sg::eval(wanted, given_up);
  memories_ = std::move(next_memories);
  for (Tensor& kept : memories_) {
    if (kept.defined()) kept = kept.detach();
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!next[i].defined()) continue;
    parameters_[i].second->set(next[i]);
    ++updates_[i];
  }
  for (Slot* buffer : buffers_) buffer->set(buffer->value().detach());
  ++steps_;
}

void Optimizer::zero_grad() {
  for (auto& [name, slot] : parameters_) slot->value().zero_grad();
}

NamedTensors Optimizer::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Memory memory = memory_of(i);
    for (std::size_t k = 0; k < memory.size(); ++k) {
      if (memory[k].defined()) state.emplace_back(state_names_[k] + "." + parameters_[i].first, memory[k]);
    }
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (updates_[i] == steps_) continue;
    state.emplace_back("step." + parameters_[i].first, scalar(static_cast<double>(updates_[i]), i64));
  }
  state.emplace_back("steps", scalar(static_cast<double>(steps_), i64));
  return state;
}

void Optimizer::load_state(const NamedTensors& state) {
  const std::int64_t steps = count_of("steps", find(state, "steps", "optimizer"), most_steps);
  std::map<std::string_view, const Tensor*> given;
  for (const auto& [name, tensor] : state) {
    if (!given.emplace(name, &tensor).second) fail("optimizer: the name {} comes twice", name);
  }
  given.erase("steps");
  const auto take = [&](const std::string& name) {
    const auto found = given.find(name);
    const Tensor tensor = found == given.end() ? Tensor() : *found->second;
    if (found != given.end()) given.erase(found);
    return tensor;
  };
  Tensors memories;
  std::vector<std::int64_t> updates;
  bool says_updates = false, has_memories = false;
  for (const auto& [parameter, slot] : parameters_) {
    std::vector<std::string> missing;
    for (const std::string& kind : state_names_) {
      const std::string name = kind + "." + parameter;
      const Tensor tensor = take(name);
      if (!tensor.defined()) {
        missing.push_back(name);
      } else if (tensor.shape() != slot->shape() || tensor.dtype() != slot->dtype()) {
        fail("optimizer: {} is {} {}, needs {} {}", name, name_of(tensor.dtype()), tensor.shape(),
             name_of(slot->dtype()), slot->shape());
      }
      memories.push_back(tensor.defined() ? tensor.detach() : tensor);
    }
    const bool is_new = !state_names_.empty() && missing.size() == state_names_.size();
    if (!missing.empty() && !is_new) fail("optimizer: {} is missing", missing[0]);
    const std::string name = "step." + parameter;
    const Tensor count = take(name);
    // States of before these counts were kept have none, and mean all steps.
    updates.push_back(count.defined() ? count_of(name, count, steps) : is_new ? 0 : steps);
    if (is_new && updates.back() > 0) fail("optimizer: {} is {}, but {} is missing", name, updates.back(), missing[0]);
    says_updates = says_updates || count.defined();
    has_memories = has_memories || !is_new;
  }
  if (!given.empty()) fail("optimizer: unexpected {}", given.begin()->first);
  if (steps > 0 && !parameters_.empty() && !has_memories && !says_updates) {
    fail("optimizer: after {} steps there is no {} of any parameter", steps, state_names_[0]);
  }
  memories_ = std::move(memories);
  updates_ = std::move(updates);
  steps_ = steps;
}

}  // namespace sg::nn

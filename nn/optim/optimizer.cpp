// Optimizer.
#include "nn/optim/optimizer.h"

#include "engine/autodiff.h"
#include "engine/node.h"

namespace sg::nn {

Optimizer::Optimizer(Module& module, double learning_rate, double weight_decay, std::vector<std::string> state_names)
    : parameters_(module.named_parameters()),
      buffers_(module.buffers()),
      learning_rate_(learning_rate),
      weight_decay_(weight_decay),
      group_of_(parameters_.size(), 0),
      state_names_(std::move(state_names)) {
  if (!(learning_rate >= 0)) fail("optimizer: the learning rate has to be 0 or more: {}", learning_rate);
  if (!(weight_decay >= 0)) fail("optimizer: the weight decay has to be 0 or more: {}", weight_decay);
  memories_.assign(parameters_.size(), Memory(state_names_.size()));
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

void Optimizer::minimise(const Tensor& loss) {
  if (loss.size() != 1) fail("minimise: needs a loss of one element: {}", loss.shape());
  step(gradients(loss), {loss});
}

void Optimizer::step() {
  Tensors gradients;
  for (auto& [name, slot] : parameters_) gradients.push_back(slot->value().grad());
  step(std::move(gradients));
}

void Optimizer::step(Tensors gradients, Tensors together) {
  if (gradients.size() != parameters_.size()) {
    fail("step: {} gradients for {} parameters", gradients.size(), parameters_.size());
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, slot] = parameters_[i];
    if (gradients[i].defined() && gradients[i].shape() != slot->shape()) {
      fail("step: the gradient of {} is {}, needs {}", name, gradients[i].shape(), slot->shape());
    }
  }
  if (parameters_.empty()) return;
  Tensors next(parameters_.size());
  Tensors wanted = std::move(together);
  {
    const NoGrad no_grad;
    for (std::size_t group = 0; group < groups_.size(); ++group) {
      const GroupSettings settings{learning_rate_ * groups_[group].rate,
                                   groups_[group].weight_decay.value_or(weight_decay_)};
      begin_group(steps_ + 1, settings, parameters_[0].second->dtype());
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if (group_of_[i] != group || !gradients[i].defined()) continue;
        next[i] = update(parameters_[i].second->value(), gradients[i], memories_[i]);
        wanted.push_back(next[i]);
        for (const Tensor& kept : memories_[i]) {
          if (kept.defined()) wanted.push_back(kept);
        }
      }
    }
  }
  gradients.clear();
  for (Slot* buffer : buffers_) wanted.push_back(buffer->value());
  sg::eval(wanted);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!next[i].defined()) continue;
    parameters_[i].second->set(next[i]);
    for (Tensor& kept : memories_[i]) {
      if (kept.defined()) kept = kept.detach();
    }
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
    for (std::size_t k = 0; k < state_names_.size(); ++k) {
      if (memories_[i][k].defined()) state.emplace_back(state_names_[k] + "." + parameters_[i].first, memories_[i][k]);
    }
  }
  state.emplace_back("steps", scalar(static_cast<double>(steps_), i64));
  return state;
}

void Optimizer::load_state(const NamedTensors& state) {
  const Tensor& steps = find(state, "steps", "optimizer");
  constexpr std::int64_t most_steps = std::int64_t{1} << 53;
  const std::int64_t count = steps.dtype() == i64 && steps.size() == 1 ? *steps.data<std::int64_t>() : -1;
  if (count < 0 || count > most_steps) {
    fail("optimizer: steps has to be one i64 from 0 to 2^53");
  }
  std::size_t used = 1;
  std::vector<Memory> memories(parameters_.size(), Memory(state_names_.size()));
  for (auto& [name, tensor] : state) {
    for (std::size_t k = 0; k < state_names_.size(); ++k) {
      if (!name.starts_with(state_names_[k] + ".")) continue;
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if (name.compare(state_names_[k].size() + 1, std::string::npos, parameters_[i].first) != 0) continue;
        const Slot& slot = *parameters_[i].second;
        if (tensor.shape() != slot.shape() || tensor.dtype() != slot.dtype()) {
          fail("optimizer: {} is {} {}, needs {} {}", name, name_of(tensor.dtype()), tensor.shape(),
               name_of(slot.dtype()), slot.shape());
        }
        memories[i][k] = tensor.detach();
        ++used;
      }
    }
  }
  if (used != state.size()) {
    for (auto& [name, tensor] : state) {
      bool known = name == "steps";
      for (auto& key : state_names_) {
        for (auto& [parameter, slot] : parameters_) known = known || name == key + "." + parameter;
      }
      if (!known) fail("optimizer: unexpected {}", name);
    }
  }
  memories_ = std::move(memories);
  steps_ = count;
}

}  // namespace sg::nn

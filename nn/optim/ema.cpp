// Ema.
#include "nn/optim/ema.h"

namespace sg::nn {

Ema::Ema(Module& module, EmaOptions options) : slots_(module.named_slots()), options_(options) {
  if (!(options.decay >= 0 && options.decay <= 1)) fail("Ema: the decay has to lie in [0, 1]: {}", options.decay);
  if (options.every < 1) fail("Ema: needs at least one step between updates: {}", options.every);
  for (auto& [name, slot] : slots_) averages_.push_back(slot->value().detach());
}

void Ema::update(std::int64_t step) {
  if (step > options_.after && step % options_.every) return;
  Tensors next(averages_.size());
  std::vector<const Tensor*> given_up;
  {
    const NoGrad no_grad;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Slot& slot = *slots_[i].second;
      if (averages_[i].dtype() != slot.dtype()) {
        fail("Ema: {} is {}, but its average is {}: a network is cast before its Ema is made", slots_[i].first,
             name_of(slot.dtype()), name_of(averages_[i].dtype()));
      }
      const bool copies = step <= options_.after || !slot.trainable();
      next[i] = copies ? slot.value() : averages_[i] * options_.decay + slot.value() * (1 - options_.decay);
      given_up.push_back(&averages_[i]);
    }
  }
  sg::eval(next, given_up);
  averages_ = std::move(next);
  for (Tensor& average : averages_) average = average.detach();
}

NamedTensors Ema::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < slots_.size(); ++i) state.emplace_back(slots_[i].first, averages_[i]);
  return state;
}

void Ema::load_state(const NamedTensors& state) {
  if (state.size() != slots_.size()) fail("Ema: {} tensors for a network of {}", state.size(), slots_.size());
  Tensors averages;
  for (auto& [name, slot] : slots_) {
    const Tensor& tensor = find(state, name, "Ema");
    if (tensor.shape() != slot->shape() || tensor.dtype() != slot->dtype()) {
      fail("Ema: {} is {} {}, needs {} {}", name, name_of(tensor.dtype()), tensor.shape(), name_of(slot->dtype()),
           slot->shape());
    }
    averages.push_back(tensor.detach());
  }
  averages_ = std::move(averages);
}

void Ema::swap() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Tensor weight = slots_[i].second->value().detach();
    slots_[i].second->set(averages_[i]);
    averages_[i] = weight;
  }
}

}  // namespace sg::nn

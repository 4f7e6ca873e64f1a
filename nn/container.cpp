// Containers.
#include "nn/container.h"

namespace sg::nn {

Sequential& Sequential::append(std::unique_ptr<Module> layer) {
  if (!layer) fail("Sequential: module {} is a null pointer", layers_.size());
  layers_.push_back(std::move(layer));
  add_child(std::to_string(layers_.size() - 1), *layers_.back());
  return *this;
}

Module& Sequential::operator[](std::size_t i) {
  if (i >= layers_.size()) fail("Sequential: there is no module {} of {}", i, layers_.size());
  return *layers_[i];
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto& layer : layers_) y = layer->forward(y);
  return y;
}

Tensor Residual::forward(const Tensor& x) {
  const Tensor change = Sequential::forward(x);
  if (change.shape() != x.shape()) fail("Residual: the modules make {} of {}", change.shape(), x.shape());
  return x + change;
}

}  // namespace sg::nn

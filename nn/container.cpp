// Containers.
#include "nn/container.h"

namespace sg::nn {

Sequential& Sequential::append(std::unique_ptr<Module> layer) {
  layers_.push_back(std::move(layer));
  add_child(std::to_string(layers_.size() - 1), *layers_.back());
  return *this;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto& layer : layers_) y = layer->forward(y);
  return y;
}

}  // namespace sg::nn

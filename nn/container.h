// Containers: modules made of a list of modules, named by number.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/module.h"

namespace sg::nn {

/// Modules one after another, named "0", "1", ...
class Sequential : public Module {
 public:
  /// Makes a layer at the end: `net.add<Linear>(2, 64).add<Tanh>()`.
  template <class Layer, class... Arguments>
  Sequential& add(Arguments&&... arguments) {
    return append(std::make_unique<Layer>(std::forward<Arguments>(arguments)...));
  }
  /// Throws for a null pointer.
  Sequential& append(std::unique_ptr<Module> layer);
  std::size_t size() const { return layers_.size(); }
  /// Throws when there is none of that number.
  Module& operator[](std::size_t i);
  Tensor forward(const Tensor& x) override;
  using Module::operator();

 private:
  std::vector<std::unique_ptr<Module>> layers_;
};

/// Gives its input.
class Identity : public Module {
 public:
  Tensor forward(const Tensor& x) override { return x; }
};

/// x + f(x), where f is the modules in it one after another, of which the last gives x's shape (He et al. 2016).
class Residual : public Sequential {
 public:
  Residual() = default;
  explicit Residual(std::unique_ptr<Module> layer) { append(std::move(layer)); }
  Tensor forward(const Tensor& x) override;
};

/// Modules of one type that their owner calls as it likes, named "0", "1", ...
template <class Layer>
class ModuleList : public Module {
 public:
  template <class... Arguments>
  Layer& add(Arguments&&... arguments) {
    layers_.push_back(std::make_unique<Layer>(std::forward<Arguments>(arguments)...));
    add_child(std::to_string(layers_.size() - 1), *layers_.back());
    return *layers_.back();
  }
  std::size_t size() const { return layers_.size(); }
  /// Throws when there is none of that number.
  Layer& operator[](std::size_t i) {
    if (i >= layers_.size()) fail("ModuleList: there is no module {} of {}", i, layers_.size());
    return *layers_[i];
  }

 private:
  std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace sg::nn

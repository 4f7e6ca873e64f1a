// Ema: a second network whose weights are the moving average of the trained one's.
#pragma once

#include "nn/module.h"

namespace sg::nn {

struct EmaOptions {
  double decay = 0.995;
  std::int64_t every = 10;   // steps between updates
  std::int64_t after = 100;  // up to this step the average is a copy, made at every step
};

/// average = decay average + (1 - decay) weight, every so many steps; buffers are copied. The average begins as the
/// weights that the network has when the Ema is made.
class Ema {
 public:
  explicit Ema(Module& module, EmaOptions options = {});
  /// To be called once after each optimiser step, with its number counted from 1.
  void update(std::int64_t step);
  /// The averages by the network's names: load them into another network of the same kind, or `swap`.
  NamedTensors state() const;
  /// Throws when it is not the state of this network.
  void load_state(const NamedTensors& state);
  /// Exchanges the network's weights and the averages; a second call undoes the first.
  void swap();

 private:
  std::vector<std::pair<std::string, Slot*>> slots_;
  Tensors averages_;
  EmaOptions options_;
};

}  // namespace sg::nn

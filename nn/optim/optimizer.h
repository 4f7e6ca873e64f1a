// Optimizer: what the optimisers by gradient share.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/module.h"

namespace sg::nn {

/// Parameters that are trained otherwise than the rest of their network.
struct ParameterGroup {
  std::vector<Slot*> parameters;       // such as `network.head().parameters()`
  double rate = 1;                     // times the optimiser's learning rate; 0 leaves them as they are
  std::optional<double> weight_decay;  // instead of the optimiser's
};

/// Moves the parameters of a network along its gradients. The update is written in tensor operations and computed in
/// one plan with the loss, the gradients and the network's buffers, so that it is one pass over each parameter.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One step on the gradients, one a parameter in the network's order; computes `together`, such as the loss, in the
  /// same plan. An undefined gradient leaves its parameter as it is. Move the gradients in: what nobody else holds
  /// needs no memory of its own. A step that throws leaves the parameters, the buffers and the optimiser as they were.
  void step(Tensors gradients, Tensors together = {});
  /// One step on what `backward` left in the parameters' grad, which is gone afterwards: the parameters are new leaves.
  void step();
  /// One step on the loss's gradient by all parameters. Gives the loss's value, without what it was made of. Move the
  /// loss in: where nobody else holds it or what it was made of, the parameters' memory is used again.
  Tensor minimise(Tensor loss);
  /// The gradients of a loss by all parameters, zeros where it does not depend on one; not computed yet. Throws for a
  /// loss made under NoGrad.
  Tensors gradients(const Tensor& loss) const;
  void zero_grad();

  /// Throws for a parameter that is not the network's or is in a group already. What is in no group keeps the
  /// optimiser's own settings.
  void add_group(ParameterGroup group);

  double learning_rate() const { return learning_rate_; }
  /// Throws for a rate that is not 0 or more.
  void set_learning_rate(double rate);
  /// Steps done so far.
  std::int64_t steps() const { return steps_; }

  /// The optimiser's tensors as `kind.parameter`, the count of steps as `steps`, and that of a parameter's own updates
  /// as `step.parameter` where it differs.
  NamedTensors state() const;
  /// Throws when it is not the state of this optimiser, with these settings, on this network.
  void load_state(const NamedTensors& state);

 protected:
  Optimizer(Module& module, double learning_rate, double weight_decay, std::vector<std::string> state_names);

  /// Per parameter, the tensors that the optimiser keeps, in the order of the state's names; undefined before they are
  /// first set.
  using Memory = std::vector<Tensor>;
  /// What the parameters of one group are updated with.
  struct GroupSettings {
    double learning_rate, weight_decay;
  };
  /// Called in each step before the updates of parameters of one group that have been updated equally often, with the
  /// number of this update counted from 1: makes the step's scalars.
  virtual void begin_group(std::int64_t step, const GroupSettings& settings, Dtype dtype) = 0;
  /// The parameter's next value; replaces what `memory` holds.
  virtual Tensor update(const Tensor& parameter, const Tensor& gradient, Memory& memory) = 0;

 private:
  Memory memory_of(std::size_t parameter) const;
  void check_gradients(const Tensors& gradients) const;

  std::vector<std::pair<std::string, Slot*>> parameters_;
  std::vector<Slot*> buffers_;
  double learning_rate_, weight_decay_;
  std::vector<ParameterGroup> groups_{1};  // the first is of those that are in no other
  std::vector<std::size_t> group_of_;      // of each parameter
  std::vector<std::string> state_names_;
  Tensors memories_;                   // of each parameter, one for each of the state's names
  std::vector<std::int64_t> updates_;  // of each parameter
  std::int64_t steps_ = 0;
};

}  // namespace sg::nn

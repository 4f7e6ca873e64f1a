// Module: a piece of a network that owns named parameters, buffers and other modules.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/ops.h"
#include "nn/init.h"

namespace sg::nn {

/// Tensors by name, in order: what a safetensors file or a module's state holds.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// A place for a tensor of a fixed shape and dtype. A module computes with what the slot holds when it is called;
/// whoever trains the module puts a new tensor in.
class Slot {
 public:
  Slot(Shape shape, init::Rule rule, Dtype dtype, bool trainable);
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// Throws when nothing has been put in yet.
  const Tensor& value() const;
  operator const Tensor&() const { return value(); }  // NOLINT: a slot is used like its tensor
  bool defined() const { return value_.defined(); }
  /// Puts a tensor in; throws when shape or dtype differ. A parameter keeps only the value, as a leaf that asks for its
  /// grad.
  void set(const Tensor& value);
  /// Puts in a tensor that counts unless `update`, given to `compute_along`, is abandoned: then the slot holds again
  /// what it held before.
  void set_unless_abandoned(const Tensor& value, const Tensor& update);

  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return element_count(shape_); }
  Dtype dtype() const { return dtype_; }
  bool trainable() const { return trainable_; }
  /// The name in the module that registered it.
  const std::string& name() const { return name_; }

  /// How `Module::initialise` fills the slot.
  const init::Rule& rule() const { return rule_; }
  void set_rule(init::Rule rule) { rule_ = std::move(rule); }
  void initialise(const init::Stream& stream);
  /// Casts what it holds, and from now on takes only this dtype. Slots of integers stay as they are.
  void to(Dtype dtype);

 private:
  friend class Module;
  friend class StandIn;
  std::string name_;
  Shape shape_;
  init::Rule rule_;
  Dtype dtype_;
  bool trainable_;
  bool may_be_missing_ = false;
  bool is_provisional_ = false;  // may be missing, and neither initialised nor loaded yet
  Tensor value_;
  Tensor update_;  // the value counts unless this is abandoned; undefined: in any case
  struct Version {
    Tensor value, update;
  };
  std::vector<Version> before_;  // what comes back then, oldest first; the oldest one counts in any case
};

/// While it lives, the slot gives `value` as it is, with its history: a layer computed with a weight that depends on
/// others.
class StandIn {
 public:
  StandIn(Slot& slot, Tensor value)
      : slot_(slot), kept_{std::exchange(slot.value_, std::move(value)), std::exchange(slot.update_, {})} {}
  ~StandIn() {
    slot_.value_ = std::move(kept_.value);
    slot_.update_ = std::move(kept_.update);
  }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

 private:
  Slot& slot_;
  Slot::Version kept_;
};

/// A slot that is trained.
class Parameter : public Slot {
 public:
  Parameter(Shape shape, init::Rule rule) : Slot(shape, std::move(rule), f32, true) {}
};

/// A slot that belongs to the state but is not trained, such as a running mean.
class Buffer : public Slot {
 public:
  Buffer(Shape shape, init::Rule rule, Dtype dtype = f32) : Slot(shape, std::move(rule), dtype, false) {}
};

/// Base of all layers and networks. A constructor registers the members by name; they are found again through pointers,
/// so a module is neither copied nor moved. Names are joined by dots as in a PyTorch state_dict: `encoder.0.weight`.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// The output for one input; modules that take other arguments overload this and throw here.
  virtual Tensor forward(const Tensor& x);
  Tensor operator()(const Tensor& x) { return forward(x); }

  /// Fills every slot by its rule. The numbers depend on the seed and the slot's place in the network alone.
  void initialise(std::uint64_t seed);

  /// Slots with their full names: a module's own parameters, its own buffers, then its children in the order of
  /// registration. What is registered under two names comes twice.
  std::vector<std::pair<std::string, Slot*>> named_slots();
  std::vector<std::pair<std::string, const Slot*>> named_slots() const;
  /// Those that are trained, and below parameters and buffers alone: each once, by its first name.
  std::vector<std::pair<std::string, Slot*>> named_parameters();
  std::vector<std::pair<std::string, const Slot*>> named_parameters() const;
  /// The slot of that full name, such as `encoder.0.weight`; throws when there is none.
  Slot& slot(std::string_view name);
  /// This module, named "", and all below it with their full names, each before its children.
  std::vector<std::pair<std::string, Module*>> named_modules();
  /// A line a module: its name, its class, the shapes of its own slots and its parameters' elements; the sums at the
  /// end.
  std::string summary();
  std::vector<Slot*> parameters();
  std::vector<const Slot*> parameters() const;
  std::vector<Slot*> buffers();
  std::vector<const Slot*> buffers() const;
  /// The tensors that the parameters hold now: what to differentiate a loss by.
  Tensors parameter_values() const;
  /// Elements of all parameters, each counted once.
  std::int64_t parameter_count() const;

  /// All slots' tensors by full name, without history.
  NamedTensors state() const;
  /// Fills all slots. Throws one error that names what is missing, unexpected or of another shape, and then has changed
  /// nothing. Floating tensors are cast to the slots' dtype.
  void load_state(const NamedTensors& state);

  /// Casts all floating slots.
  void to(Dtype dtype);
  /// Switches this module and all below it between training and evaluation.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

 protected:
  /// Names are UTF-8, no two of a module's parameters, buffers and children have the same, and a parameter or buffer
  /// has one name in it: else these four throw.
  void add_parameter(std::string name, Parameter& parameter);
  void add_buffer(std::string name, Buffer& buffer);
  /// A buffer of which the state given to `load_state` may have none: what another library does not save. Then it stays
  /// as it is, or is initialised with seed 0 if nobody has done so.
  void add_optional_buffer(std::string name, Buffer& buffer);
  void add_child(std::string name, Module& child);

 private:
  void check_name(std::string_view name) const;
  void check_registration(std::string_view name, const Slot& slot) const;
  void collect(const std::string& prefix, std::vector<std::pair<std::string, Slot*>>& slots) const;

  std::vector<Slot*> parameters_;
  std::vector<Slot*> buffers_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

/// The tensors whose names begin with `prefix`, the prefix cut off.
NamedTensors with_prefix(const NamedTensors& tensors, std::string_view prefix);
/// All tensors, their names preceded by `prefix`.
NamedTensors add_prefix(std::string_view prefix, const NamedTensors& tensors);
/// The tensor of that name; throws in the name of `who` when there is none.
const Tensor& find(const NamedTensors& tensors, std::string_view name, std::string_view who);

}  // namespace sg::nn

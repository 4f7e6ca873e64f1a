// Tensor: a cheap handle on an immutable node of the graph of computations.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/dtype.h"
#include "engine/shape.h"

namespace sg {

class Primitive;
class Node;
struct Value;

/// A value of any shape. Copies share their node; nothing is ever changed in place. Work is lazy: an operation of ops.h
/// only adds a node, and values are computed when they are asked for. Any number of threads work at the same time, each
/// with graphs of its own; leaves, and what has been computed (by `eval`), are read by all of them. What is not
/// computed yet belongs to one thread at a time.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& other) noexcept;
  Tensor(Tensor&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Tensor();

  /// False for a default-constructed tensor, of which nothing else may be asked.
  bool defined() const { return node_ != nullptr; }
  explicit operator bool() const { return defined(); }

  const Shape& shape() const;
  std::int64_t shape(std::int64_t axis) const;
  std::size_t rank() const { return shape().size(); }
  std::int64_t size() const { return element_count(shape()); }
  Dtype dtype() const;

  /// Computes the value now.
  const Tensor& eval() const;
  /// The elements in row-major order, computed when needed; the pointer lives as long as a handle on this tensor.
  /// Throws when T is not the dtype's type.
  template <class T>
  const T* data() const;
  /// The elements in row-major order, converted to T.
  template <class T>
  std::vector<T> to_vector() const;
  /// The value of a tensor of one element; throws for any other.
  double item() const;
  /// The same value without a history; computed, like any other, when it is asked for, and then a leaf.
  Tensor detach() const;

  /// Marks a leaf whose `grad` is filled by `backward`; returns the tensor itself.
  const Tensor& requires_grad(bool on = true) const;
  /// Adds the derivatives of this scalar to the `grad` of every leaf that it depends on and that asked for it. Throws
  /// when the tensor has more than one element.
  void backward() const;
  /// What `backward` has summed so far; undefined before the first.
  Tensor grad() const;
  void zero_grad() const;

  /// Gives the tensor a name that errors and drawings use; returns the tensor itself.
  const Tensor& named(std::string name) const;
  const std::string& name() const;

  Node* node() const { return node_; }
  /// Gives up the reference to the node without counting it down.
  Node* release() { return std::exchange(node_, nullptr); }
  /// Takes over a node on which the caller holds a reference.
  static Tensor adopt(Node* node) {
    Tensor tensor;
    tensor.node_ = node;
    return tensor;
  }

 private:
  Node* node_ = nullptr;
};

using Tensors = std::vector<Tensor>;

/// Computes several values in one plan, so that what they share is computed once.
void eval(const Tensors& tensors);

/// The same for a caller that drops the handles `given_up` right afterwards, of leaves that the values are made of:
/// their memory may be used for the values, as if only the graph held them; undefined ones are left out. When the
/// evaluation throws, they are as they were.
void eval(const Tensors& tensors, const std::vector<const Tensor*>& given_up);

/// Sees to it that `update`, which is made of `of` among others, is computed whenever `of` is, in the same plan and
/// whoever asks for it on this thread. So what a module remembers of a batch does not keep the batch's graph. Nothing
/// happens once nobody holds `update` any more, or an evaluation that had to compute it threw: then it is abandoned.
void compute_along(const Tensor& update, const Tensor& of);
/// Whether an evaluation threw that had to compute this `update` of compute_along.
bool is_abandoned(const Tensor& update);

/// While it lives, new tensors of this thread keep no history once they are computed, and derivatives do not flow
/// through them.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};
bool grad_enabled();

/// Nodes alive now, of all threads: a program that neither leaks nor grows keeps it flat.
std::int64_t live_nodes();

}  // namespace sg

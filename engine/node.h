// Node: what stands behind a tensor. The graph is made of nodes; what is computed of it is kept beside that.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/kernels/memory.h"
#include "engine/primitive.h"
#include "engine/tensor.h"

namespace sg {

struct Context;

/// Memory of the pool, shared by the values that lie in it.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes) : data_(kernels::allocate(bytes)), bytes_(bytes) {}
  ~Buffer() { kernels::release(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_;
  std::size_t bytes_;
};

/// Where elements lie: strides and offset in elements.
struct Layout {
  Shape strides;
  std::int64_t offset = 0;
  friend bool operator==(const Layout&, const Layout&) = default;
};

Layout contiguous_layout(const Shape& shape);
/// Whether the elements lie in row-major order without gaps, wherever they begin.
bool is_contiguous(const Shape& shape, const Layout& layout);

/// A computed tensor.
struct Value {
  std::shared_ptr<Buffer> buffer;
  Layout layout;
};

/// A pointer that is set at most once, by whichever thread comes first, and read by any.
template <class T>
class Once {
 public:
  Once() = default;
  ~Once() { delete get(); }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  T* get() const { return pointer_.load(std::memory_order_acquire); }
  T* operator->() const { return get(); }
  T& operator*() const { return *get(); }
  explicit operator bool() const { return get() != nullptr; }
  /// Sets it, unless it is set: then what is given is dropped.
  T& set(std::unique_ptr<T> object) {
    T* expected = nullptr;
    if (pointer_.compare_exchange_strong(expected, object.get(), std::memory_order_acq_rel)) return *object.release();
    return *expected;
  }

 private:
  std::atomic<T*> pointer_{nullptr};
};

/// What makes a node guarded: its primitive or an input that is; an input alone, where the function that makes the node
/// knows that the primitive cannot do harm here; or nothing, where it knows that all values are finite.
enum class Guarded { by_primitive, by_inputs, never };

/// What stands behind a tensor. Its meaning is written down once and never changes; apart from that, what of it is in
/// memory, what its user has noted, and what holds it. A node that has a value, or no inputs, is read by any number of
/// threads; any other belongs to one thread at a time.
class Node {
 public:
  /// What `primitive` makes of `inputs`, under the scopes of the calling thread.
  Node(PrimitivePointer primitive, Tensors inputs, const Shape& shape, Dtype dtype, Guarded guarded);
  /// A leaf.
  Node(const Shape& shape, Dtype dtype, Value value);

  // Meaning -------------------------------------------------------------------------------------------------------

  /// Null for a leaf.
  const PrimitivePointer& primitive() const { return primitive_; }
  const Tensors& inputs() const { return inputs_; }
  const Shape shape;
  const Dtype dtype;

  const bool without_history = false;  // made under NoGrad: becomes a leaf once it is computed
  const bool from_derivative = false;  // made by taking a derivative
  const bool guarded = false;          // its primitive or one before it is: see `chain` in ops/elementwise.h

  /// Whether no derivative flows through it: where its primitive says so, or it was made under NoGrad.
  bool stops_derivatives() const { return primitive_ && (without_history || primitive_->stops_derivatives()); }

  // Residency -----------------------------------------------------------------------------------------------------

  /// Null until it is computed.
  const Value* value() const { return value_.get(); }
  void set_value(Value value) { value_.set(std::make_unique<Value>(std::move(value))); }
  /// A copy of a value that lies otherwise, made when somebody asked for the elements; null until then.
  const Value* row_major() const { return row_major_.get(); }
  const Value& set_row_major(Value value) { return row_major_.set(std::make_unique<Value>(std::move(value))); }
  /// Lets go of what a computed node was made of, and gives that back: for the caller to drop.
  Tensors forget_history();

  // Notes of its user ---------------------------------------------------------------------------------------------

  struct Notes {
    std::string name;
    bool requires_grad = false;  // a leaf whose grad `backward` fills
    bool abandoned = false;      // see `is_abandoned`
    Tensor grad;                 // locked: several threads may differentiate by a leaf that they share
  };
  Once<Notes> notes;

  // Holders and walks ---------------------------------------------------------------------------------------------

  std::atomic<std::int64_t> references{1};
  void hold() { references.fetch_add(1, std::memory_order_relaxed); }
  /// Gives one reference up; true when it was the last.
  bool let_go() {
    return references.load(std::memory_order_acquire) == 1 || references.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  /// Scratch of the walks (walk.h) of the thread that made the node; other threads do not look at it.
  struct Mark {
    std::uint32_t thread;
    std::uint64_t walk = 0;
    std::int64_t index = 0;
  } mark;

  static void* operator new(std::size_t size);
  static void operator delete(void* memory);

 private:
  Node(PrimitivePointer primitive, Tensors inputs, const Shape& shape, Dtype dtype, Guarded guarded,
       const Context& here);

  PrimitivePointer primitive_;
  Tensors inputs_;
  Once<Value> value_;
  Once<Value> row_major_;
};

/// The node's notes, made when there are none.
Node::Notes& notes_of(Node& node);

/// A new node that `primitive` makes of `inputs`; the shape rule has been applied by the caller.
Tensor make_node(PrimitivePointer primitive, Tensors inputs, Shape shape, Dtype dtype,
                 Guarded guarded = Guarded::by_primitive);
/// A leaf with a value.
Tensor make_leaf(std::shared_ptr<Buffer> buffer, Shape shape, Dtype dtype);

/// While it lives, new nodes of this thread are marked as made by taking a derivative, and have a history even under
/// NoGrad: a second derivative goes through the first one's nodes.
class DerivativeScope {
 public:
  DerivativeScope();
  ~DerivativeScope();
  /// What has been found, for the caller: under NoGrad it loses its history once it is computed.
  Tensor result(const Tensor& found) const;
  Tensors results(Tensors found) const;

 private:
  bool taking_derivative_before_;
  bool grad_enabled_before_;
};

/// Another handle on a node.
inline Tensor handle(Node* node) {
  node->hold();
  return Tensor::adopt(node);
}

}  // namespace sg

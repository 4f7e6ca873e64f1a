// Node: what stands behind a tensor: the primitive that makes it, its inputs, and its value once it has been computed.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/kernels/memory.h"
#include "engine/primitive.h"
#include "engine/tensor.h"

namespace sg {

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

/// What stands behind a tensor. One that has a value, or no inputs, is read by any number of threads; any other belongs
/// to one thread at a time.
struct Node {
  std::atomic<std::int64_t> references{1};

  PrimitivePointer primitive;  // null for a leaf
  Tensors inputs;
  Shape shape;
  Dtype dtype = f32;

  bool requires_grad = false;    // a leaf whose grad `backward` fills
  bool without_history = false;  // made under NoGrad: becomes a leaf once it is computed
  bool from_derivative = false;  // made by taking a derivative
  bool guarded = false;          // its primitive or one before it is guarded: see `chain` in ops/elementwise.h

  Once<Value> value;
  Once<Value> row_major;  // a copy of a value that lies otherwise, made when somebody asked for the elements

  struct Extra {
    std::string name;
    Tensor grad;  // guarded: several threads may differentiate by a leaf that they share
  };
  Once<Extra> extra;

  /// Scratch of the walks (walk.h) of the thread that made the node; other threads do not look at it.
  struct Mark {
    std::uint32_t thread;
    std::uint64_t walk = 0;
    std::int64_t index = 0;
  } mark;

  Node();
  /// Whether no derivative flows through it: where its primitive says so, or it was made under NoGrad.
  bool stops_derivatives() const { return primitive && (without_history || primitive->stops_derivatives()); }
  void hold() { references.fetch_add(1, std::memory_order_relaxed); }
  /// Gives one reference up; true when it was the last.
  bool let_go() {
    return references.load(std::memory_order_acquire) == 1 || references.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  static void* operator new(std::size_t size);
  static void operator delete(void* memory);
};

/// The node's notes, made when there are none.
Node::Extra& extra_of(Node& node);

/// A new node that `primitive` makes of `inputs`; the shape rule has been applied by the caller.
Tensor make_node(PrimitivePointer primitive, Tensors inputs, Shape shape, Dtype dtype);
/// A leaf with a value.
Tensor make_leaf(std::shared_ptr<Buffer> buffer, Shape shape, Dtype dtype);

/// While it lives, new nodes of this thread are marked as made by taking a derivative.
class DerivativeScope {
 public:
  DerivativeScope();
  ~DerivativeScope();

 private:
  bool previous_;
};

/// Another handle on a node.
inline Tensor handle(Node* node) {
  node->hold();
  return Tensor::adopt(node);
}

}  // namespace sg

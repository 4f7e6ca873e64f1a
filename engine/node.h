// Node: what stands behind a tensor: the primitive that makes it, its inputs, and its value once it has been computed.
#pragma once

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

struct Node {
  std::int64_t references = 1;
  std::shared_ptr<const Primitive> primitive;  // null for a leaf
  Tensors inputs;
  Shape shape;
  Dtype dtype = f32;

  bool requires_grad = false;    // a leaf whose grad `backward` fills
  bool constant = false;         // derivatives do not flow through it
  bool forget_history = false;   // made under NoGrad: becomes a leaf once it is computed
  bool differentiated = false;   // a derivative has been taken through it: its value need not outlive its last reader
  bool from_derivative = false;  // made by taking a derivative

  std::unique_ptr<Value> value;

  struct Extra {
    std::string name;
    Tensor grad;
  };
  std::unique_ptr<Extra> extra;

  // Scratch of whoever walks the graph: valid only while `walk` is that walk's number.
  std::uint64_t walk = 0;
  std::int64_t index = 0;

  static void* operator new(std::size_t size);
  static void operator delete(void* memory);
};

/// A number that no walk of the graph had before.
std::uint64_t next_walk();

/// A new node that `primitive` makes of `inputs`; the shape rule has been applied by the caller.
Tensor make_node(std::shared_ptr<const Primitive> primitive, Tensors inputs, Shape shape, Dtype dtype);
/// A leaf with a value.
Tensor make_leaf(std::shared_ptr<Buffer> buffer, Shape shape, Dtype dtype);

/// While it lives, new nodes are marked as made by taking a derivative.
class DerivativeScope {
 public:
  DerivativeScope();
  ~DerivativeScope();

 private:
  bool previous_;
};

/// Another handle on a node.
inline Tensor handle(Node* node) {
  ++node->references;
  return Tensor::adopt(node);
}

/// The nodes that `roots` are made of, inputs before outputs, without recursion. Nodes for which `skip` holds are left
/// out; the inputs of those for which `expand` does not hold are not followed. Sets each node's `walk` and `index` (its
/// place in the result).
template <class Skip, class Expand>
std::vector<Node*> topological_order(const Tensors& roots, Skip skip, Expand expand) {
  const std::uint64_t walk = next_walk();
  std::vector<Node*> order;
  std::vector<std::pair<Node*, std::size_t>> stack;
  auto visit = [&](Node* node) {
    if (node->walk == walk || skip(*node)) return;
    node->walk = walk;
    stack.emplace_back(node, expand(*node) ? 0 : node->inputs.size());
  };
  for (const Tensor& root : roots) {
    visit(root.node());
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next < node->inputs.size()) {
        Node* input = node->inputs[next++].node();
        visit(input);  // may move `node` and `next` away
      } else {
        node->index = static_cast<std::int64_t>(order.size());
        order.push_back(node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace sg

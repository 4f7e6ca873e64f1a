// Node: making nodes, and letting go of deep graphs without recursion.
#include "engine/node.h"

#include <cassert>
#include <new>
#include <vector>

namespace sg {
namespace {

std::int64_t live_node_count = 0;
std::uint64_t walk_count = 0;
bool grad_is_enabled = true;
bool taking_derivative = false;

/// Nodes that nobody holds any more, kept for the next ones: a training step makes as many as the one before it.
struct FreeNodes {
  void* first = nullptr;
  ~FreeNodes() {
    while (first) {
      void* next = *static_cast<void**>(first);
      ::operator delete(first);
      first = next;
    }
  }
};
FreeNodes free_nodes;

/// Destroys a node and every input that only it held, with a list instead of recursion: a chain of 100,000 nodes must
/// not overflow the stack.
void destroy(Node* node) {
  std::vector<Node*> pending{node};
  while (!pending.empty()) {
    Node* last = pending.back();
    pending.pop_back();
    for (Tensor& input : last->inputs) {
      Node* held = input.node();
      if (held && held->references == 1) {
        pending.push_back(input.release());
      }
    }
    delete last;
  }
}

}  // namespace

void* Node::operator new(std::size_t size) {
  assert(size == sizeof(Node));
  ++live_node_count;
  if (void* memory = free_nodes.first) {
    free_nodes.first = *static_cast<void**>(memory);
    return memory;
  }
  return ::operator new(size);
}

void Node::operator delete(void* memory) {
  --live_node_count;
  *static_cast<void**>(memory) = free_nodes.first;
  free_nodes.first = memory;
}

std::int64_t live_nodes() { return live_node_count; }

std::uint64_t next_walk() { return ++walk_count; }

NoGrad::NoGrad() : previous_(grad_is_enabled) { grad_is_enabled = false; }
NoGrad::~NoGrad() { grad_is_enabled = previous_; }
bool grad_enabled() { return grad_is_enabled; }

DerivativeScope::DerivativeScope() : previous_(taking_derivative) { taking_derivative = true; }
DerivativeScope::~DerivativeScope() { taking_derivative = previous_; }

Layout contiguous_layout(const Shape& shape) { return {contiguous_strides(shape), 0}; }

bool is_contiguous(const Shape& shape, const Layout& layout) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && layout.strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

Tensor make_node(std::shared_ptr<const Primitive> primitive, Tensors inputs, Shape shape, Dtype dtype) {
  auto* node = new Node;
  node->primitive = std::move(primitive);
  node->inputs = std::move(inputs);
  node->shape = shape;
  node->dtype = dtype;
  node->constant = node->forget_history = !grad_is_enabled;
  node->from_derivative = taking_derivative;
  return Tensor::adopt(node);
}

Tensor make_leaf(std::shared_ptr<Buffer> buffer, Shape shape, Dtype dtype) {
  auto* node = new Node;
  node->shape = shape;
  node->dtype = dtype;
  node->value = std::make_unique<Value>(Value{std::move(buffer), contiguous_layout(shape)});
  return Tensor::adopt(node);
}

Tensor::Tensor(const Tensor& other) noexcept : node_(other.node_) {
  if (node_) ++node_->references;
}

Tensor::~Tensor() {
  if (node_ && --node_->references == 0) destroy(node_);
}

}  // namespace sg

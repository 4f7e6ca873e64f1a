// Node: making nodes, and letting go of deep graphs without recursion.
#include "engine/node.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "engine/context.h"

namespace sg {
namespace {

/// Memory for more nodes than this goes back to the system: a thread may let go of all that another one makes.
constexpr std::int64_t kMostFreeNodes = 1 << 16;

/// Destroys a node and everything that only it held, be it as an input or inside its primitive (the functions of a
/// derivative of one's own hold tensors), with a list instead of recursion: a chain of 100,000 nodes must not overflow
/// the stack. Nodes that nobody holds are on no walk, so that their marks may link the list.
void destroy(Node* node) {
  decltype(Context::dead_nodes) own;
  Context* here = context_unless_ended();
  auto& list = here ? here->dead_nodes : own;
  const auto add = [&](Node* dead) {
    dead->mark.index = reinterpret_cast<std::intptr_t>(list.first);
    list.first = dead;
  };
  add(node);
  if (list.in_use) return;
  list.in_use = true;
  while (Node* dead = list.first) {
    list.first = reinterpret_cast<Node*>(dead->mark.index);
    Tensors inputs = dead->forget_history();
    const auto drop = [&](Tensor& tensor) {
      Node* held = tensor.release();
      if (held && held->let_go()) add(held);
    };
    for (Tensor& input : inputs) drop(input);
    if (dead->notes) drop(dead->notes->grad);
    delete dead;
  }
  list.in_use = false;
}

}  // namespace

/// Whether derivatives through what `primitive` makes of `inputs` need products in which zero annihilates: not where no
/// derivative goes through, as in a detached target.
static bool any_guarded(const Primitive& primitive, const Tensors& inputs, Guarded guarded, const Context& here) {
  if (guarded == Guarded::never || !here.grad_enabled || primitive.stops_derivatives()) return false;
  if (guarded == Guarded::by_primitive && primitive.guarded()) return true;
  return std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) { return input.node()->guarded; });
}

Node::Node(PrimitivePointer primitive, Tensors inputs, const Shape& extents, Dtype type, Guarded guarded_by,
           const Context& here)
    : shape(extents),
      dtype(type),
      without_history(!here.grad_enabled),
      from_derivative(here.taking_derivative),
      guarded(any_guarded(*primitive, inputs, guarded_by, here)),
      mark{here.thread},
      primitive_(std::move(primitive)),
      inputs_(std::move(inputs)) {}

Node::Node(PrimitivePointer primitive, Tensors inputs, const Shape& extents, Dtype type, Guarded guarded_by)
    : Node(std::move(primitive), std::move(inputs), extents, type, guarded_by, context()) {}

Node::Node(const Shape& extents, Dtype type, Value value) : shape(extents), dtype(type), mark{context().thread} {
  set_value(std::move(value));
}

Tensors Node::forget_history() {
  primitive_ = nullptr;
  return std::exchange(inputs_, {});
}

void* Node::operator new(std::size_t size) {
  assert(size == sizeof(Node));
  Context& here = context();
  here.live_nodes.store(here.live_nodes.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (void* memory = here.free_nodes) {
    here.free_nodes = *static_cast<void**>(memory);
    --here.free_node_count;
    return memory;
  }
  return ::operator new(size);
}

void Node::operator delete(void* memory) {
  Context* here = context_unless_ended();
  if (!here) {
    count_node_without_context();
    ::operator delete(memory);
    return;
  }
  here->live_nodes.store(here->live_nodes.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (here->free_node_count == kMostFreeNodes) {
    ::operator delete(memory);
    return;
  }
  *static_cast<void**>(memory) = here->free_nodes;
  here->free_nodes = memory;
  ++here->free_node_count;
}

NoGrad::NoGrad() : previous_(std::exchange(context().grad_enabled, false)) {}
NoGrad::~NoGrad() { context().grad_enabled = previous_; }
bool grad_enabled() { return context().grad_enabled; }

DerivativeScope::DerivativeScope()
    : taking_derivative_before_(std::exchange(context().taking_derivative, true)),
      grad_enabled_before_(std::exchange(context().grad_enabled, true)) {}
DerivativeScope::~DerivativeScope() {
  context().taking_derivative = taking_derivative_before_;
  context().grad_enabled = grad_enabled_before_;
}
Tensor DerivativeScope::result(const Tensor& found) const {
  const bool has_history = found.defined() && !found.node()->inputs().empty();
  return grad_enabled_before_ || !has_history ? found : found.detach();
}
Tensors DerivativeScope::results(Tensors found) const {
  for (Tensor& tensor : found) tensor = result(tensor);
  return found;
}

Node::Notes& notes_of(Node& node) { return node.notes ? *node.notes : node.notes.set(std::make_unique<Node::Notes>()); }

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

Tensor make_node(PrimitivePointer primitive, Tensors inputs, Shape shape, Dtype dtype, Guarded guarded) {
  check_extents(primitive->name(), shape);
  return Tensor::adopt(new Node(std::move(primitive), std::move(inputs), shape, dtype, guarded));
}

Tensor make_leaf(std::shared_ptr<Buffer> buffer, Shape shape, Dtype dtype) {
  return Tensor::adopt(new Node(shape, dtype, {std::move(buffer), contiguous_layout(shape)}));
}

Tensor::Tensor(const Tensor& other) noexcept : node_(other.node_) {
  if (node_) node_->hold();
}

Tensor::~Tensor() {
  if (node_ && node_->let_go()) destroy(node_);
}

}  // namespace sg

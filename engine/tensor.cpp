// Tensor: asking for values.
#include "engine/tensor.h"

#include <cstring>

#include "engine/autodiff.h"
#include "engine/kernels/copy.h"
#include "engine/node.h"
#include "engine/ops.h"
#include "engine/primitive.h"

namespace sg {
namespace {

Node& checked(Node* node, const char* what) {
  if (!node) fail("{}: the tensor is undefined", what);
  return *node;
}

/// The value in row-major order; copied, and kept beside it, where it lies otherwise.
const Value& row_major(Node& node) {
  const Value& value = *node.value();
  if (is_contiguous(node.shape, value.layout)) return value;
  if (node.row_major()) return *node.row_major();
  const std::int64_t element_size = size_of(node.dtype);
  auto buffer = std::make_shared<Buffer>(element_count(node.shape) * element_size);
  const char* source = static_cast<const char*>(value.buffer->data()) + value.layout.offset * element_size;
  kernels::copy_strided(buffer->data(), source, {node.shape.data(), node.shape.size()},
                        {value.layout.strides.data(), node.shape.size()}, static_cast<int>(element_size));
  return node.set_row_major({std::move(buffer), contiguous_layout(node.shape)});
}

}  // namespace

const Shape& Tensor::shape() const { return checked(node_, "shape").shape; }

std::int64_t Tensor::shape(std::int64_t axis) const {
  const Shape& extents = shape();
  return extents[normalise_axis("shape", axis, extents.size())];
}

Dtype Tensor::dtype() const { return checked(node_, "dtype").dtype; }

const Tensor& Tensor::eval() const {
  if (!checked(node_, "eval").value()) sg::eval({*this});
  return *this;
}

template <class T>
const T* Tensor::data() const {
  if (dtype() != dtype_of<T>()) {
    fail("data: the tensor is {}, asked for as {}", name_of(dtype()), name_of(dtype_of<T>()));
  }
  eval();
  const Value& value = row_major(*node_);
  return static_cast<const T*>(value.buffer->data()) + value.layout.offset;
}
template const float* Tensor::data<float>() const;
template const double* Tensor::data<double>() const;
template const std::int64_t* Tensor::data<std::int64_t>() const;

template <class T>
std::vector<T> Tensor::to_vector() const {
  return dispatch(dtype(), [&](auto zero) {
    const auto* elements = data<decltype(zero)>();
    std::vector<T> result(size());
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<T>(elements[i]);
    return result;
  });
}
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;
template std::vector<std::int64_t> Tensor::to_vector<std::int64_t>() const;

double Tensor::item() const {
  if (size() != 1) fail("item: the tensor has {} elements, needs 1: {}", size(), shape());
  return dispatch(dtype(), [&](auto zero) { return static_cast<double>(*data<decltype(zero)>()); });
}

Tensor Tensor::detach() const {
  const Node& node = checked(node_, "detach");
  // One number everywhere costs nothing to compute, and would be a number still.
  if (!node.value() && node.primitive()->kind() == Primitive::Kind::constant) eval();
  const Value* value = node.value();
  if (!value) {
    // Two views: a tensor of the same shape is given back as it is.
    const NoGrad no_grad;
    return rank() == 1 ? squeeze(unsqueeze(*this, 0), 0) : reshape(flatten(*this), shape());
  }
  return Tensor::adopt(new Node(node.shape, node.dtype, *value));
}

const Tensor& Tensor::requires_grad(bool on) const {
  Node& node = checked(node_, "requires_grad");
  if (node.without_history) eval();  // which makes a leaf of it
  if (node.primitive() && node.primitive()->kind() != Primitive::Kind::constant) {
    fail("requires_grad: only a leaf can collect derivatives, this tensor comes from {}", node.primitive()->name());
  }
  if (on || node.notes) notes_of(node).requires_grad = on;
  return *this;
}

const Tensor& Tensor::named(std::string name) const {
  notes_of(checked(node_, "named")).name = std::move(name);
  return *this;
}

const std::string& Tensor::name() const {
  static const std::string none;
  const Node& node = checked(node_, "name");
  return node.notes ? node.notes->name : none;
}

}  // namespace sg

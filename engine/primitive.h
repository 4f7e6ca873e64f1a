// Primitive: the interface of what makes a tensor out of others.
//
// A primitive is one block in one file, its parts in this order: name, attributes, kernel, vjp, jvp, jet; right
// under it the public function, which checks shapes and makes the node. The contract:
//  - `vjp`, `jvp` and `jet` are written with functions of ops.h only, so that their results can be differentiated
//  again.
//  - A linear primitive says so, and gets `jvp` and `jet` for nothing: it is applied to each tangent or coefficient. A
//  bilinear one
//    says so as well. Any other without a `jvp` gets one from its `vjp`, transposed twice.
//  - Rules multiply a differential by a slope with `chain` (ops/elementwise.h), in which a zero annihilates an infinite
//  or
//    undefined slope; a primitive whose value or slope can be infinite or NaN at finite inputs, or that selects, says
//    that it is `guarded`. Products of matrices and convolutions sum as they are.
//  - Bad input throws sg::Error in the public function; `run` sees only what the shape rule has let through.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/kernels/tile_vm.h"
#include "engine/tensor.h"

namespace sg {

struct Layout;

/// What distinguishes two instances of one class: axes, extents, flags, the bits of a number. A plan serves every graph
/// whose primitives are of the same classes with equal attributes, so a primitive keeps nothing else: see
/// `make_primitive`.
using Attributes = std::vector<std::int64_t>;

/// Raw elements that a kernel reads or writes.
struct Span {
  void* data;  // the first element, the offset added
  const Shape* shape;
  const Shape* strides;  // in elements
  Dtype dtype;
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

/// The Taylor coefficients of a tensor along a direction: `series[k]` is the k-th derivative divided by k!. An
/// undefined tensor stands for zeros.
using Series = std::vector<Tensor>;

class Primitive {
 public:
  Primitive() = default;
  explicit Primitive(Attributes attributes) : attributes_(std::move(attributes)) {}
  Primitive(const Primitive&) = delete;
  Primitive& operator=(const Primitive&) = delete;
  virtual ~Primitive() = default;

  virtual std::string_view name() const = 0;

  const Attributes& attributes() const { return attributes_; }
  /// The same for all instances of one class, and another for each class.
  const void* class_identity() const { return class_identity_; }

  /// How the planner treats the primitive.
  enum class Kind {
    elementwise,  // one instruction of the tile machine, given by tile_op()
    reduction,    // of one input, over axes(): tile_op() is add, maximum or minimum
    constant,     // one number everywhere, given by immediate()
    view,         // the input's elements in another order, given by view(); may have to copy
    kernel,       // run()
  };
  virtual Kind kind() const { return Kind::kernel; }
  virtual kernels::TileOp tile_op() const;
  virtual double immediate() const { return 0; }
  virtual std::span<const std::int64_t> axes() const { return {}; }
  /// Where the elements of the output lie, given where those of the input do; false when that cannot be said by
  /// strides.
  virtual bool view(const Shape& input_shape, const Layout& input, const Shape& output_shape, Layout& output) const;
  /// Computes the output, contiguous and uninitialised, from contiguous inputs (any strides where `accepts_strides`).
  virtual void run(std::span<const Span> inputs, const Span& output) const;
  virtual bool accepts_strides(const Shape& shape, const Shape& strides) const;
  /// Whether `run` throws for some values, such as an index out of range. Until all such have run, no leaf's memory is
  /// written over, so that an evaluation that throws leaves its leaves as they were.
  virtual bool may_fail() const { return false; }
  /// How a kernel treats rows, the indices of the leading axis. The planner runs what treats them alike in blocks of
  /// rows (stream.h); of elementwise work, reductions and views it knows by itself.
  enum class Rows {
    none,     // it needs all of them at once
    each,     // a row of the output comes from the same row of every input, if they have as many rows
    first,    // a row of the output comes from the same row of the first input and from the whole of the others
    sum,      // the output is the sum of what the rows of the inputs give, each for itself
    product,  // the matrix product: `each` over a batch, `first` over the left side's rows, `sum` over the inner axis
  };
  virtual Rows rows() const { return Rows::none; }
  /// Multiply-adds times two and other floating operations of one run, for the profile.
  virtual double flops(std::span<const Shape* const> inputs, const Shape& output) const;

  /// Whether derivatives through it need products in which zero annihilates: see `chain`.
  virtual bool guarded() const { return false; }

  /// The cotangent of input `argument`; undefined when the output does not depend on it smoothly (an index).
  virtual Tensor vjp(const Tensors& inputs, const Tensor& output, const Tensor& cotangent,
                     std::size_t argument) const = 0;

  /// Whether derivatives end here, as if the output were a leaf.
  virtual bool stops_derivatives() const { return false; }

  enum class Linearity { none, linear, bilinear };
  virtual Linearity linearity() const { return Linearity::none; }
  /// The primitive that made `like` applied to other inputs of the same shapes: what tangents and coefficients of a
  /// linear or bilinear primitive go through.
  Tensor apply(Tensors inputs, const Tensor& like) const;

  /// The output for a batch (vmap): input i is [n, its shape] where `mapped[i]` and as it was elsewhere; gives [n, the
  /// output's shape]. Elementwise primitives have the rule; one that says nothing is looped over the batch.
  virtual Tensor batch(const Tensors& inputs, const std::vector<bool>& mapped, const Tensor& output,
                       std::int64_t n) const;

  /// The tangent of the output; an undefined tangent stands for zeros, and at least one is defined.
  virtual Tensor jvp(const Tensors& inputs, const Tensor& output, const Tensors& tangents) const;

  /// The coefficients 0..order of the output, `output` being coefficient 0.
  virtual Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const;

 private:
  friend class PrimitivePointer;
  Attributes attributes_;
  const void* class_identity_ = nullptr;
};

/// A primitive whose attributes are a struct of 64-bit integers, which its rules read as `settings()`.
template <class Settings, class Base = Primitive>
class Configured : public Base {
  static_assert(std::is_trivially_copyable_v<Settings> && std::has_unique_object_representations_v<Settings> &&
                    sizeof(Settings) % sizeof(std::int64_t) == 0,
                "settings are 64-bit integers (the bits of a double), without gaps");

 public:
  explicit Configured(const Settings& settings) : Base(words(settings)) {}
  Settings settings() const {
    Settings settings;
    std::memcpy(static_cast<void*>(&settings), this->attributes().data(), sizeof(Settings));
    return settings;
  }

 private:
  static Attributes words(const Settings& settings) {
    Attributes words(sizeof(Settings) / sizeof(std::int64_t));
    std::memcpy(words.data(), &settings, sizeof(Settings));
    return words;
  }
};

/// A shared primitive, made by `make_primitive` or `instance` and by nothing else.
class PrimitivePointer {
 public:
  PrimitivePointer() = default;
  PrimitivePointer(std::nullptr_t) {}  // NOLINT: implicit on purpose
  const Primitive* get() const { return primitive_.get(); }
  const Primitive* operator->() const { return get(); }
  const Primitive& operator*() const { return *get(); }
  explicit operator bool() const { return get() != nullptr; }

 private:
  template <class P, class... Arguments>
  friend PrimitivePointer make_primitive(Arguments&&... arguments);
  template <class P>
  friend const PrimitivePointer& instance();

  template <class P>
  static constexpr char identity_of = 0;

  template <class P, class... Arguments>
  static P* make(Arguments&&... arguments) {
    // A member would be forgotten by the key of plans, and the first graph's numbers given to every other. A class
    // whose members no value depends on (they make derivatives) says so by a constant `values_need_attributes_only`.
    static_assert(
        sizeof(P) == sizeof(Primitive) || requires { P::values_need_attributes_only; },
        "a primitive keeps what distinguishes its instances in its attributes, and has no members");
    P* primitive = new P(std::forward<Arguments>(arguments)...);
    primitive->class_identity_ = &identity_of<P>;
    return primitive;
  }

  std::shared_ptr<const Primitive> primitive_;
};

template <class P, class... Arguments>
PrimitivePointer make_primitive(Arguments&&... arguments) {
  PrimitivePointer pointer;
  pointer.primitive_.reset(PrimitivePointer::make<P>(std::forward<Arguments>(arguments)...));
  return pointer;
}

/// The one instance of a primitive without attributes; it lives as long as the program, and nobody counts its holders.
template <class P>
const PrimitivePointer& instance() {
  static const PrimitivePointer pointer = [] {
    PrimitivePointer made;
    made.primitive_ = std::shared_ptr<const Primitive>(std::shared_ptr<const void>(), PrimitivePointer::make<P>());
    return made;
  }();
  return pointer;
}

}  // namespace sg

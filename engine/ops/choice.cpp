// Elementwise primitives that compare and choose: maximum, minimum, comparisons, where.
#include "engine/ops/elementwise.h"

namespace sg {

using kernels::TileOp;

namespace {
/// The larger or the smaller of two: the derivative goes to the one that is chosen, half to each where they are equal.
template <class P>
struct Choice : Primitive {
  Kind kind() const final { return Kind::elementwise; }
  bool guarded() const final { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const final {
    return chain(cotangent, share(inputs[argument], inputs[1 - argument]));
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const final {
    return combine(inputs[0], inputs[1], tangents[0], tangents[1]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const final {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      y.push_back(combine(inputs[0][0], inputs[1][0], series::at(inputs[0], k), series::at(inputs[1], k)));
    }
    return y;
  }

 private:
  /// 1 where `mine` is chosen, 1/2 where both are equal, else 0.
  static Tensor share(const Tensor& mine, const Tensor& other) {
    return (P::before(other, mine) + P::before_or_equal(other, mine)) * 0.5;
  }
  static Tensor combine(const Tensor& a, const Tensor& b, const Tensor& da, const Tensor& db) {
    return series::plus(da.defined() ? chain(da, share(a, b)) : da, db.defined() ? chain(db, share(b, a)) : db);
  }
};

struct Maximum final : Choice<Maximum> {
  std::string_view name() const override { return "maximum"; }
  TileOp tile_op() const override { return TileOp::maximum; }
  static Tensor before(const Tensor& a, const Tensor& b) { return less(a, b); }
  static Tensor before_or_equal(const Tensor& a, const Tensor& b) { return less_equal(a, b); }
};
}  // namespace
Tensor maximum(const Tensor& a, const Tensor& b) { return binary<Maximum>(a, b); }

namespace {
struct Minimum final : Choice<Minimum> {
  std::string_view name() const override { return "minimum"; }
  TileOp tile_op() const override { return TileOp::minimum; }
  static Tensor before(const Tensor& a, const Tensor& b) { return less(b, a); }
  static Tensor before_or_equal(const Tensor& a, const Tensor& b) { return less_equal(b, a); }
};
}  // namespace
Tensor minimum(const Tensor& a, const Tensor& b) { return binary<Minimum>(a, b); }

namespace {
struct Equal final : PiecewiseConstant {
  std::string_view name() const override { return "equal"; }
  TileOp tile_op() const override { return TileOp::equal; }
};
}  // namespace
Tensor equal(const Tensor& a, const Tensor& b) { return binary<Equal>(a, b); }

namespace {
struct NotEqual final : PiecewiseConstant {
  std::string_view name() const override { return "not_equal"; }
  TileOp tile_op() const override { return TileOp::not_equal; }
};
}  // namespace
Tensor not_equal(const Tensor& a, const Tensor& b) { return binary<NotEqual>(a, b); }

namespace {
struct Less final : PiecewiseConstant {
  std::string_view name() const override { return "less"; }
  TileOp tile_op() const override { return TileOp::less; }
};
}  // namespace
Tensor less(const Tensor& a, const Tensor& b) { return binary<Less>(a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return binary<Less>(b, a); }

namespace {
struct LessEqual final : PiecewiseConstant {
  std::string_view name() const override { return "less_equal"; }
  TileOp tile_op() const override { return TileOp::less_equal; }
};
}  // namespace
Tensor less_equal(const Tensor& a, const Tensor& b) { return binary<LessEqual>(a, b); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return binary<LessEqual>(b, a); }

namespace {
struct Where final : Primitive {
  std::string_view name() const override { return "where"; }
  Kind kind() const override { return Kind::elementwise; }
  TileOp tile_op() const override { return TileOp::where; }
  bool guarded() const override { return true; }
  Tensor vjp(const Tensors& inputs, const Tensor&, const Tensor& cotangent, std::size_t argument) const override {
    if (argument == 0) return {};
    const Tensor zero = literal_like(cotangent, 0);
    return argument == 1 ? where(inputs[0], cotangent, zero) : where(inputs[0], zero, cotangent);
  }
  Tensor jvp(const Tensors& inputs, const Tensor&, const Tensors& tangents) const override {
    return choose(inputs[0], tangents[1], tangents[2]);
  }
  Series jet(const std::vector<Series>& inputs, const Tensor& output, int order) const override {
    Series y{output};
    for (int k = 1; k <= order; ++k) {
      y.push_back(choose(inputs[0][0], series::at(inputs[1], k), series::at(inputs[2], k)));
    }
    return y;
  }

 private:
  static Tensor choose(const Tensor& condition, const Tensor& a, const Tensor& b) {
    if (!a.defined() && !b.defined()) return {};
    return where(condition, a.defined() ? a : literal_like(b, 0), b.defined() ? b : literal_like(a, 0));
  }
};
}  // namespace
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) fail("where: dtypes differ: {} and {}", name_of(a.dtype()), name_of(b.dtype()));
  const Shape shape = broadcast_shapes("where", broadcast_shapes("where", a.shape(), b.shape()), condition.shape());
  // Converted as it is, what is not 0 might become 0.
  const Tensor chosen = condition.dtype() == a.dtype() ? condition : cast(not_equal(condition, 0), a.dtype());
  return make_node(instance<Where>(), {broadcast_to(chosen, shape), broadcast_to(a, shape), broadcast_to(b, shape)},
                   shape, a.dtype());
}

// With a number on one side.
Tensor maximum(const Tensor& a, Number b) { return maximum(a, literal_like(a, b, "maximum")); }
Tensor maximum(Number a, const Tensor& b) { return maximum(literal_like(b, a, "maximum"), b); }
Tensor minimum(const Tensor& a, Number b) { return minimum(a, literal_like(a, b, "minimum")); }
Tensor minimum(Number a, const Tensor& b) { return minimum(literal_like(b, a, "minimum"), b); }
Tensor equal(const Tensor& a, Number b) { return equal(a, literal_like(a, b, "equal")); }
Tensor equal(Number a, const Tensor& b) { return equal(literal_like(b, a, "equal"), b); }
Tensor not_equal(const Tensor& a, Number b) { return not_equal(a, literal_like(a, b, "not_equal")); }
Tensor not_equal(Number a, const Tensor& b) { return not_equal(literal_like(b, a, "not_equal"), b); }
Tensor less(const Tensor& a, Number b) { return less(a, literal_like(a, b, "less")); }
Tensor less(Number a, const Tensor& b) { return less(literal_like(b, a, "less"), b); }
Tensor less_equal(const Tensor& a, Number b) { return less_equal(a, literal_like(a, b, "less_equal")); }
Tensor less_equal(Number a, const Tensor& b) { return less_equal(literal_like(b, a, "less_equal"), b); }
Tensor greater(const Tensor& a, Number b) { return greater(a, literal_like(a, b, "greater")); }
Tensor greater(Number a, const Tensor& b) { return greater(literal_like(b, a, "greater"), b); }
Tensor greater_equal(const Tensor& a, Number b) { return greater_equal(a, literal_like(a, b, "greater_equal")); }
Tensor greater_equal(Number a, const Tensor& b) { return greater_equal(literal_like(b, a, "greater_equal"), b); }
Tensor where(const Tensor& condition, const Tensor& a, Number b) {
  return where(condition, a, literal({}, b, a.dtype(), "where"));
}
Tensor where(const Tensor& condition, Number a, const Tensor& b) {
  return where(condition, literal({}, a, b.dtype(), "where"), b);
}

}  // namespace sg

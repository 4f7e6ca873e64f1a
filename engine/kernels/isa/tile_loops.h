// The loops of a tile table, for one element type: elementwise operations.
#pragma once

#include "engine/kernels/isa/tile_kernels.h"
#include "engine/kernels/vector.h"
#include "engine/kernels/vector_math.h"

namespace sg::kernels::SG_ISA {

/// One loop over `count` elements: whole vectors, `Unroll` at a time, then what is left.
template <class T, int Arity, int Unroll, class Function>
inline void for_vectors(void* out, const void* a, const void* b, const void* c, std::int64_t count, Function function) {
  using V = Vector<T, kLanes<T>>;
  constexpr int lanes = kLanes<T>;
  T* const o = static_cast<T*>(out);
  const T* const x = static_cast<const T*>(a);
  const T* const y = static_cast<const T*>(b);
  const T* const z = static_cast<const T*>(c);
  const auto whole = [=](std::int64_t i) {
    if constexpr (Arity == 0) store(o + i, function());
    if constexpr (Arity == 1) store(o + i, function(load<V>(x + i)));
    if constexpr (Arity == 2) store(o + i, function(load<V>(x + i), load<V>(y + i)));
    if constexpr (Arity == 3) store(o + i, function(load<V>(x + i), load<V>(y + i), load<V>(z + i)));
  };
  std::int64_t i = 0;
  if constexpr (Unroll > 1) {
    for (; i + Unroll * lanes <= count; i += Unroll * lanes) {
      for (int u = 0; u < Unroll; ++u) whole(i + u * lanes);
    }
  }
  for (; i + lanes <= count; i += lanes) whole(i);
  const std::int64_t rest = count - i;
  if (rest == 0) return;
  V result;
  if constexpr (Arity == 0) result = function();
  if constexpr (Arity == 1) result = function(load_partial<V>(x + i, rest));
  if constexpr (Arity == 2) result = function(load_partial<V>(x + i, rest), load_partial<V>(y + i, rest));
  if constexpr (Arity == 3) {
    result = function(load_partial<V>(x + i, rest), load_partial<V>(y + i, rest), load_partial<V>(z + i, rest));
  }
  store_partial(o + i, result, rest);
}

/// The loop of one operation, as the table holds it. `Function` is stateless and takes vectors.
template <class T, int Arity, int Unroll, class Function>
void operation(void* out, const void* a, const void* b, const void* c, std::int64_t count, double) {
  for_vectors<T, Arity, Unroll>(out, a, b, c, count, Function{});
}

/// The loop of second(x, first(x)), a piece of vectors after the other: one vector's chain of both is longer than what
/// a processor looks ahead, so that few vectors would be under way at a time.
template <class T, class First, class Second>
void operation_in_two(void* out, const void* a, const void*, const void*, std::int64_t count, double) {
  constexpr int kPiece = 16 * kLanes<T>;
  alignas(64) T between[kPiece];
  for (std::int64_t i = 0; i < count; i += kPiece) {
    const std::int64_t size = count - i < kPiece ? count - i : kPiece;
    const T* const x = static_cast<const T*>(a) + i;
    for_vectors<T, 1, 1>(between, x, nullptr, nullptr, size, First{});
    for_vectors<T, 2, 1>(static_cast<T*>(out) + i, x, between, nullptr, size, Second{});
  }
}

template <class V>
inline V truth(MaskOf<V> mask) {
  return select<V>(mask, splat<V>(1), V{});
}

template <class T>
void constant_loop(void* out, const void* a, const void* b, const void* c, std::int64_t count, double immediate) {
  using V = Vector<T, kLanes<T>>;
  const V value = splat<V>(static_cast<T>(immediate));
  for_vectors<T, 0, 4>(out, a, b, c, count, [=] { return value; });
}
template <class T>
void add_immediate_loop(void* out, const void* a, const void* b, const void* c, std::int64_t count, double immediate) {
  using V = Vector<T, kLanes<T>>;
  const V value = splat<V>(static_cast<T>(immediate));
  for_vectors<T, 1, 4>(out, a, b, c, count, [=](V x) { return x + value; });
}
template <class T>
void multiply_immediate_loop(void* out, const void* a, const void* b, const void* c, std::int64_t count,
                             double immediate) {
  using V = Vector<T, kLanes<T>>;
  const V value = splat<V>(static_cast<T>(immediate));
  for_vectors<T, 1, 4>(out, a, b, c, count, [=](V x) { return x * value; });
}

/// The operations that integers have too.
template <class T>
void add_arithmetic(TileKernels& table) {
  using V = Vector<T, kLanes<T>>;
  const auto set = [&table](TileOp op, TileKernels::Operation loop) { table.operations[static_cast<int>(op)] = loop; };
  const auto unary = [&](TileOp op, auto function) { set(op, operation<T, 1, 4, decltype(function)>); };
  const auto binary = [&](TileOp op, auto function) { set(op, operation<T, 2, 4, decltype(function)>); };
  const auto ternary = [&](TileOp op, auto function) { set(op, operation<T, 3, 4, decltype(function)>); };
  set(TileOp::constant, constant_loop<T>);
  set(TileOp::add_immediate, add_immediate_loop<T>);
  set(TileOp::multiply_immediate, multiply_immediate_loop<T>);
  unary(TileOp::copy, [](V a) { return a; });
  unary(TileOp::neg, [](V a) { return -a; });
  unary(TileOp::square, [](V a) { return a * a; });
  unary(TileOp::sign, [](V a) {
    const V size_one = select<V>(a > 0, splat<V>(1), splat<V>(-1));
    const V nonzero = select<V>(a == 0, a, size_one);
    return select<V>(a == a, nonzero, a);
  });
  binary(TileOp::add, [](V a, V b) { return a + b; });
  binary(TileOp::sub, [](V a, V b) { return a - b; });
  binary(TileOp::mul, [](V a, V b) { return a * b; });
  binary(TileOp::minimum, [](V a, V b) { return minimum(a, b); });
  binary(TileOp::maximum, [](V a, V b) { return maximum(a, b); });
  binary(TileOp::equal, [](V a, V b) { return truth<V>(a == b); });
  binary(TileOp::not_equal, [](V a, V b) { return truth<V>(a != b); });
  binary(TileOp::less, [](V a, V b) { return truth<V>(a < b); });
  binary(TileOp::less_equal, [](V a, V b) { return truth<V>(a <= b); });
  binary(TileOp::mul_no_nan, [](V a, V b) { return select<V>((a == 0) | (b == 0), V{}, a * b); });
  ternary(TileOp::where, [](V a, V b, V c) { return select<V>(a != 0, b, c); });
}

/// The operations of floating point only.
template <class T>
void add_functions(TileKernels& table) {
  using V = Vector<T, kLanes<T>>;
  const auto set = [&table](TileOp op, TileKernels::Operation loop) { table.operations[static_cast<int>(op)] = loop; };
  const auto unary = [&](TileOp op, auto function) { set(op, operation<T, 1, 1, decltype(function)>); };
  const auto binary = [&](TileOp op, auto function) { set(op, operation<T, 2, 1, decltype(function)>); };
  unary(TileOp::abs, [](V a) { return absolute(a); });
  unary(TileOp::floor, [](V a) { return floor(a); });
  unary(TileOp::sqrt, [](V a) { return square_root(a); });
  unary(TileOp::rsqrt, [](V a) { return splat<V>(1) / square_root(a); });
  unary(TileOp::reciprocal, [](V a) { return splat<V>(1) / a; });
  unary(TileOp::exp, [](V a) { return exponential(a); });
  unary(TileOp::expm1, [](V a) { return exponential_minus_1(a); });
  unary(TileOp::log, [](V a) { return logarithm(a); });
  unary(TileOp::log1p, [](V a) { return logarithm_1_plus(a); });
  unary(TileOp::sin, [](V a) { return sine(a); });
  unary(TileOp::cos, [](V a) { return cosine(a); });
  unary(TileOp::tan, [](V a) { return tangent(a); });
  unary(TileOp::tanh, [](V a) { return hyperbolic_tangent(a); });
  const auto exponential_first = [](V a) { return exponential_of_minus_magnitude(a); };
  const auto in_two = [&](TileOp op, auto second) {
    set(op, operation_in_two<T, decltype(exponential_first), decltype(second)>);
  };
  in_two(TileOp::sigmoid, [](V a, V e) { return sigmoid(a, e); });
  in_two(TileOp::softplus, [](V a, V e) { return softplus(a, e); });
  unary(TileOp::erf, [](V a) { return error_function(a); });
  unary(TileOp::atan, [](V a) { return arc_tangent(a); });
  unary(TileOp::asin, [](V a) { return arc_sine(a); });
  unary(TileOp::acos, [](V a) { return arc_cosine(a); });
  unary(TileOp::sinh, [](V a) { return hyperbolic_sine(a); });
  unary(TileOp::cosh, [](V a) { return hyperbolic_cosine(a); });
  unary(TileOp::asinh, [](V a) { return inverse_hyperbolic_sine(a); });
  unary(TileOp::acosh, [](V a) { return inverse_hyperbolic_cosine(a); });
  unary(TileOp::atanh, [](V a) { return inverse_hyperbolic_tangent(a); });
  unary(TileOp::exp2, [](V a) { return exponential_2(a); });
  unary(TileOp::log2, [](V a) { return logarithm_2(a); });
  unary(TileOp::log10, [](V a) { return logarithm_10(a); });
  binary(TileOp::atan2, [](V a, V b) { return arc_tangent(a, b); });
  binary(TileOp::div, [](V a, V b) { return a / b; });
  binary(TileOp::pow, [](V a, V b) { return power(a, b); });
  const auto fused = [](V a, V b, V c) { return multiply_add(a, b, c); };
  set(TileOp::multiply_add, operation<T, 3, 4, decltype(fused)>);
  const auto subtracted = [](V a, V b, V c) { return multiply_add(-a, b, c); };
  set(TileOp::subtract_product, operation<T, 3, 4, decltype(subtracted)>);
}

}  // namespace sg::kernels::SG_ISA

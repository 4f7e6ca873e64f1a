// Transformations of functions: mapping over an axis, gradients of each sample, derivatives of one's own, and
// recomputation. Each takes a function of tensors and gives another one, which can be transformed again.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "engine/tensor.h"

namespace sg {

using TensorFunction = std::function<Tensors(const Tensors&)>;

/// In the place of an axis: the input is not mapped, every call sees the whole of it.
inline constexpr std::int64_t unmapped = INT64_MIN;

/// f applied to every slice of its inputs along `in_axes`, as one graph without a loop: the results are stacked along
/// `out_axis`. Without `in_axes` every input is mapped over axis 0. `f` is called once, on stand-ins of the slices'
/// shapes and dtypes whose values are not known: it may differentiate, call vmap and use tensors from outside, and
/// throws where it asks for a value. Throws when no input is mapped, or their extents differ.
TensorFunction vmap(TensorFunction f, Axes in_axes = {}, std::int64_t out_axis = 0);

/// Whether the tensor depends on a slice of a vmap whose function is being traced: then it has no value, and whoever
/// keeps it beyond the call would never get one.
bool depends_on_slice(const Tensor& tensor);

/// vmap for a function of one or more tensors that gives one: vmap(f)(x, y).
template <class F>
requires(!std::is_convertible_v<F, TensorFunction>) auto vmap(F f, Axes in_axes = {}, std::int64_t out_axis = 0) {
  return [f = std::move(f), in_axes = std::move(in_axes), out_axis](const auto&... xs) -> Tensor {
    const auto call = [&]<std::size_t... i>(const Tensors& slices, std::index_sequence<i...>) {
      return Tensors{f(slices[i]...)};
    };
    return vmap(
        TensorFunction([&](const Tensors& slices) { return call(slices, std::index_sequence_for<decltype(xs)...>{}); }),
        in_axes, out_axis)({xs...})[0];
  };
}

/// For each row n of `batch` (tensors [N, ...]): the gradient of the scalar loss(row) by each parameter -> [N, the
/// parameter's shape], in one pass. `loss` gets the rows' tensors without their leading axis.
Tensors per_sample_grad(const std::function<Tensor(const Tensors&)>& loss, const Tensors& parameters,
                        const Tensors& batch);

/// A function with derivatives of one's own.
struct DerivativeRules {
  /// (inputs, output, cotangent of the output) -> the cotangent of each input; an undefined one stands for zeros.
  std::function<Tensors(const Tensors& inputs, const Tensor& output, const Tensor& cotangent)> vjp;
  /// (inputs, output, tangents of the inputs) -> the tangent of the output. An undefined tangent stands for zeros.
  /// Without this rule it is found from vjp, which must then be linear in the cotangent.
  std::function<Tensor(const Tensors& inputs, const Tensor& output, const Tensors& tangents)> jvp;
};
/// f, whose derivatives by its inputs are what the rules say, whatever f does; derivatives of higher order are those of
/// the rules, which are written in tensor operations. No derivative flows to tensors that f takes from outside.
std::function<Tensor(const Tensors&)> custom_derivative(std::function<Tensor(const Tensors&)> f, DerivativeRules rules);

/// f, computed again where its derivatives need what is inside it instead of kept in memory until then (Griewank and
/// Walther 2008, chapter 12): the same values and derivatives of any order, by the inputs and by all that f takes from
/// outside. `f` is called several times and must make the same graph each time: what it draws or changes as it runs
/// goes through the two functions below, as that of the layers of nn does.
std::function<Tensor(const Tensors&)> checkpoint(std::function<Tensor(const Tensors&)> f);

/// make(), but where `checkpoint` runs its function again: there what the same call gave the first time.
Tensor same_when_run_again(const std::function<Tensor()>& make);
/// Whether `checkpoint` is running its function again, so that what the first run changed shall not change once more.
bool runs_again();

}  // namespace sg

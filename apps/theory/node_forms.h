// Node forms: closed forms of a layer of ReLU nodes with an orthonormal or any other teacher (S5, S6), and what is
// derived from them.
#pragma once

#include <cstdint>

#include "engine/tensor.h"

namespace sg::theory {

/// Which loss a flow goes down.
enum class Loss { l2, h1 };
inline const char* name_of(Loss loss) { return loss == Loss::l2 ? "l2" : "h1"; }

/// g = sum of relu(w_j.x): gradients of L and of J (sample-wise) by the rows of w [..., K, d]; teacher [M, d].
Tensor nodes_value_gradient(const Tensor& w, const Tensor& teacher);
Tensor nodes_slope_gradient(const Tensor& w, const Tensor& teacher);
/// The gradient of L, or of H = L + J.
Tensor nodes_gradient(Loss loss, const Tensor& w, const Tensor& teacher);

/// The flow (xdot, ydot) [..., 2] of w_l = x w*_l + y sum of the other w*_j, for an orthonormal teacher of K nodes, at
/// (x, y) [..., 2].
Tensor symmetric_flow(Loss loss, const Tensor& xy, std::int64_t nodes);
/// The K x K weights of that form, [..., 2] -> [..., K, K].
Tensor symmetric_weights(const Tensor& xy, std::int64_t nodes);

/// M of the flow -M (x - 1, y) near the teacher, from y >= 0: [2, 2].
Tensor symmetric_linear(Loss loss, std::int64_t nodes);
/// Where all nodes have become equal: the x = y to which the flow from x = y goes, and its rate K/2 or K.
double saddle(Loss loss, std::int64_t nodes);
double saddle_rate(Loss loss, std::int64_t nodes);

/// The symmetric Toeplitz matrix of its first row, [..., K] -> [..., K, K].
Tensor toeplitz(const Tensor& row);
/// M of the linearised flow -M T of the first row at T = (t_1 - 1, t_2, ..., t_K): [K, K]. For H1 without the term
/// |(t_2, ..., t_K)| / (2 pi), which is not linear and pushes t_1 down: `toeplitz_kink`.
Tensor toeplitz_linear(Loss loss, std::int64_t nodes);
/// What is missing in it, at T [..., K] -> [..., K]; zeros for L2.
Tensor toeplitz_kink(Loss loss, const Tensor& shift);

}  // namespace sg::theory

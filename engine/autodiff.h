// Differentiation: reverse and forward, to any order; every result is an ordinary tensor that can be differentiated
// again.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace sg {

/// What is done with an x that y does not depend on, as the gradient of a linear function does not: an error, or zeros.
enum class Unused { error, zeros };

/// The derivative of sum(y) by x, of x's shape: reverse mode. Throws when y does not depend on x, unless told to give
/// zeros.
Tensor grad(const Tensor& y, const Tensor& x, Unused unused = Unused::error);
/// The derivatives of sum(y * cotangent) by each x; without a cotangent, of sum(y).
Tensors grad(const Tensor& y, const Tensors& xs, const Tensor& cotangent = {}, Unused unused = Unused::error);
/// The derivatives of the sum over i of sum(ys[i] * cotangents[i]); an undefined cotangent stands for ones.
Tensors grad(const Tensors& ys, const Tensors& xs, const Tensors& cotangents, Unused unused = Unused::error);

/// The derivative of y along tangents of xs, of y's shape: forward mode, through the graph that is already there.
Tensor jvp(const Tensor& y, const Tensors& xs, const Tensors& tangents, Unused unused = Unused::error);
/// The same for several outputs in one pass; an undefined result stands for zeros.
Tensors jvp(const Tensors& ys, const Tensors& xs, const Tensors& tangents, Unused unused = Unused::error);

/// Hessian of sum(y) times v, forward over reverse; of x's shape.
Tensor hvp(const Tensor& y, const Tensor& x, const Tensor& v);

/// All derivatives of y's elements by x's: of shape [y's shape, x's shape]. Throws, as the others below do, where y
/// does not depend on x; a linear y has a hessian of zeros.
Tensor jacobian(const Tensor& y, const Tensor& x);
/// The second derivatives of a scalar y: of shape [x's shape, x's shape].
Tensor hessian(const Tensor& y, const Tensor& x);

/// Per sample: y [N, m], x [N, d], where row n of y depends on row n of x only -> [N, m, d]; the N x N zero blocks are
/// never built.
Tensor batched_jacobian(const Tensor& y, const Tensor& x);
/// Per sample: y [N] or [N, 1], x [N, d] -> [N, d, d].
Tensor batched_hessian(const Tensor& y, const Tensor& x);
/// Per sample: y [N, m], x [N, d] -> [N, m], the sum of the second derivatives by x's columns, carried through the
/// graph in one pass as value, d first derivatives and one sum (the collapsed form; Dangel et al., NeurIPS 2025).
Tensor laplacian(const Tensor& y, const Tensor& x);

/// The derivatives 0..order of y along v: result[k] is the k-th derivative at t = 0 of y(x + t v), of y's shape (Taylor
/// mode; the cost grows as order for linear work and as order squared for elementwise work; Griewank and Walther 2008,
/// chapter 13).
Tensors jet(const Tensor& y, const Tensor& x, const Tensor& v, int order, Unused unused = Unused::error);

}  // namespace sg

// Closed forms: losses and gradients of one node with Gaussian inputs, as tensor expressions that the engine
// differentiates.
#pragma once

#include "engine/tensor.h"

/// Student g(x; w) and teacher g(x; w*) with x ~ N(0, I). L = 1/2 E (g - g*)^2, J = 1/2 E |D_x g - D_x g*|^2, H = L +
/// J. The formulas are those of Tian 2017 and of Oh, Lyu and Son (arXiv 2509.19773). "Sample-wise" gradients are the
/// means of what differentiation of a sample gives; "population" ones are the gradients of the means. They differ where
/// D_x g jumps.
namespace sg::theory {

/// The angle in [0, pi] between vectors along the last axis, [..., d] x [..., d] -> [..., 1]; exact at all angles
/// (Kahan 2006), with the derivative 0 between vectors of the same direction.
Tensor angle(const Tensor& a, const Tensor& b);
/// Lengths and inner products along the last axis, which stays: [..., d] -> [..., 1].
Tensor row_norm(const Tensor& a);
Tensor dot(const Tensor& a, const Tensor& b);

/// Half of E of relu(w.x) relu(z.x) differentiated by w: [..., d].
Tensor value_pull(const Tensor& w, const Tensor& z);
/// The same of the products of first derivatives, sample-wise.
Tensor slope_pull(const Tensor& w, const Tensor& z);

/// One ReLU node (S2); w [..., d], teacher [..., d]; losses are [..., 1], gradients [..., d].
namespace relu_node {
Tensor value_loss(const Tensor& w, const Tensor& teacher);      // L
Tensor slope_loss(const Tensor& w, const Tensor& teacher);      // J
Tensor value_gradient(const Tensor& w, const Tensor& teacher);  // of L
Tensor slope_gradient(const Tensor& w, const Tensor& teacher);  // of J, sample-wise
/// Of J. It jumps where w crosses the teacher's direction; `smoothing` replaces sin(theta) there by sqrt(sin(theta)^2 +
/// smoothing^2).
Tensor slope_population_gradient(const Tensor& w, const Tensor& teacher, double smoothing = 0);
/// lambda(theta): (w - w*).grad J >= lambda / (4 pi) (|w|^2 + |w*|^2), sample-wise.
Tensor slope_rate(const Tensor& theta);
/// The same for L: the smallest eigenvalue of the form of (|w*|, |w|) that (w - w*).grad L is (Tian 2017).
Tensor value_rate(const Tensor& theta);
}  // namespace relu_node

/// One squared ReLU node (S4), g = relu(w.x)^2; shapes as above.
namespace relu2_node {
Tensor value_loss(const Tensor& w, const Tensor& teacher);                     // I1 = L
Tensor slope_loss(const Tensor& w, const Tensor& teacher);                     // I2 = J
Tensor curvature_loss(const Tensor& w, const Tensor& teacher);                 // I3, of the second derivatives
Tensor value_gradient(const Tensor& w, const Tensor& teacher);                 // of I1, by the engine
Tensor slope_gradient(const Tensor& w, const Tensor& teacher);                 // of I2, by the engine
Tensor curvature_gradient(const Tensor& w, const Tensor& teacher);             // of I3, sample-wise
Tensor curvature_population_gradient(const Tensor& w, const Tensor& teacher);  // of I3, by the engine
}  // namespace relu2_node

/// Eigenvalues of the Jacobians of the gradients of one ReLU node (S3), by alpha sin^2 theta = |w*| sin theta / (2 pi
/// |w|).
struct ConditionNumbers {
  double value, sobolev;  // kappa_L, kappa_H; infinite where an eigenvalue is not positive
};
double turning(double norm_ratio, double theta);  // alpha sin^2 theta for |w| / |w*|
ConditionNumbers condition_numbers(double turning);

}  // namespace sg::theory

// Distillation: a student matches a teacher's values and its Jacobian, whole or along directions (Czarnecki et al.,
// NeurIPS 2017).
#pragma once

#include "engine/tensor.h"

namespace sg::losses {

/// Mean over points of the squared Frobenius norm of the difference: both [N, ...], of one shape.
Tensor jacobian_matching(const Tensor& student, const Tensor& teacher);

/// The same from projections: student_along and teacher_along [K, N, m] are J v along K directions in d dimensions. The
/// sum over directions of the squared difference, times d / K, which for random unit directions has the whole
/// Jacobian's loss as its mean, and is equal to it for the d unit vectors.
Tensor projected_jacobian_matching(const Tensor& student_along, const Tensor& teacher_along, std::int64_t inputs);

/// J v for y [N, m] computed from x [N, d], along each row of directions [K, d] -> [K, N, m]; forward mode.
Tensor jacobian_along(const Tensor& y, const Tensor& x, const Tensor& directions);

}  // namespace sg::losses

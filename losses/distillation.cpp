// Distillation by Jacobian matching.
#include "losses/distillation.h"

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::losses {

Tensor jacobian_matching(const Tensor& student, const Tensor& teacher) {
  if (student.shape() != teacher.shape()) {
    fail("jacobian_matching: student and teacher differ in shape: {} and {}", student.shape(), teacher.shape());
  }
  if (student.rank() < 1 || student.shape(0) == 0) {
    fail("jacobian_matching: there are no points: shape {}", student.shape());
  }
  return sum(square(student - teacher)) / static_cast<double>(student.shape(0));
}

Tensor projected_jacobian_matching(const Tensor& student_along, const Tensor& teacher_along, std::int64_t inputs) {
  if (student_along.shape() != teacher_along.shape() || student_along.rank() != 3 || student_along.size() == 0) {
    fail("projected_jacobian_matching: needs two tensors [K, N, m] of one shape: {} and {}", student_along.shape(),
         teacher_along.shape());
  }
  const auto directions = static_cast<double>(student_along.shape(0)),
             points = static_cast<double>(student_along.shape(1));
  return sum(square(student_along - teacher_along)) * (static_cast<double>(inputs) / (directions * points));
}

Tensor jacobian_along(const Tensor& y, const Tensor& x, const Tensor& directions) {
  if (x.rank() != 2 || directions.rank() != 2 || directions.shape(1) != x.shape(1) || directions.shape(0) == 0) {
    fail("jacobian_along: points {} and directions {} do not fit: needs [N, d] and [K, d]", x.shape(),
         directions.shape());
  }
  Tensors along;
  for (std::int64_t k = 0; k < directions.shape(0); ++k) {
    along.push_back(jvp(y, {x}, {broadcast_to(slice(directions, 0, k, k + 1), x.shape())}));
  }
  return stack(along);
}

}  // namespace sg::losses

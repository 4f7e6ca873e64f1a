// Student: values, losses and gradients on samples.
#include "apps/theory/student.h"

#include <cmath>

#include "engine/autodiff.h"
#include "engine/ops.h"
#include "engine/random.h"

namespace sg::theory {

Tensor student(const Tensor& w, const Tensor& x) { return sum(relu(matmul(x, transpose(w))), {-1}); }

Tensor sampled_loss(Loss loss, const Tensor& w, const Tensor& teacher, const Tensor& x) {
  const auto samples = static_cast<double>(x.shape(1));
  const Tensor difference = student(w, x) - student(teacher, x);
  Tensor total = sum(square(difference));
  if (loss == Loss::h1) total = total + sum(square(grad(difference, x)));
  return total * (0.5 / samples);
}

Agreement gradient_agreement(Loss loss, const Tensor& w, const Tensor& teacher, std::int64_t batches,
                             std::int64_t batch_size, std::uint64_t seed) {
  const std::int64_t d = w.shape(1);
  const auto repeated = [&](const Tensor& rows) {
    return broadcast_to(unsqueeze(rows, 0), {batches, rows.shape(0), d}).eval().detach();
  };
  const Tensor students = repeated(w), x = random_normal({batches, batch_size, d}, 0, 1, seed, stream_of({7, 9}), f64);
  const Tensor gradients =
      grad(sampled_loss(loss, students, repeated(teacher), x), students).eval().detach();  // [batches, K, d]
  const Tensor error = sqrt(variance(gradients, {0}) / static_cast<double>(batches - 1));
  const Tensor score = abs(mean(gradients, {0}) - nodes_gradient(loss, w, teacher)) / error;
  return {max(score).item(), max(error).item()};
}

}  // namespace sg::theory

// Closed forms: one node.
#include "apps/theory/closed_forms.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::theory {

using std::numbers::pi;

Tensor dot(const Tensor& a, const Tensor& b) { return sum(a * b, {-1}, true); }
Tensor row_norm(const Tensor& a) { return sqrt(sum(square(a), {-1}, true)); }

Tensor angle(const Tensor& a, const Tensor& b) {
  // Under the root the smallest square that differs from 0 is about 1e-33: what is added only keeps derivatives finite.
  constexpr double floor = 1e-60;
  const Tensor u = a / row_norm(a), v = b / row_norm(b);
  return 2 * atan(sqrt(sum(square(u - v), {-1}, true) / sum(square(u + v), {-1}, true) + floor));
}

Tensor value_pull(const Tensor& w, const Tensor& z) {
  const Tensor theta = angle(w, z);
  return ((pi - theta) * z + row_norm(z) * sin(theta) * (w / row_norm(w))) / (2 * pi);
}

Tensor slope_pull(const Tensor& w, const Tensor& z) { return (pi - angle(w, z)) / (2 * pi) * z; }

namespace relu_node {

Tensor value_loss(const Tensor& w, const Tensor& teacher) {
  const Tensor theta = angle(w, teacher);
  return (dot(w, w) + dot(teacher, teacher)) / 4 -
         row_norm(w) * row_norm(teacher) * (sin(theta) + (pi - theta) * cos(theta)) / (2 * pi);
}

Tensor slope_loss(const Tensor& w, const Tensor& teacher) {
  return (dot(w, w) + dot(teacher, teacher)) / 4 - (pi - angle(w, teacher)) * dot(w, teacher) / (2 * pi);
}

Tensor value_gradient(const Tensor& w, const Tensor& teacher) { return w / 2 - value_pull(w, teacher); }
Tensor slope_gradient(const Tensor& w, const Tensor& teacher) { return w / 2 - slope_pull(w, teacher); }

Tensor slope_population_gradient(const Tensor& w, const Tensor& teacher, double smoothing) {
  const Tensor theta = angle(w, teacher);
  const Tensor u = teacher / row_norm(teacher), v = w / row_norm(w);
  const Tensor sine = smoothing > 0 ? sqrt(square(sin(theta)) + smoothing * smoothing) : sin(theta);
  // (u - cos(theta) v) / sin(theta) is the unit vector across w towards the teacher.
  return slope_gradient(w, teacher) - row_norm(teacher) * cos(theta) / (2 * pi) * ((u - cos(theta) * v) / sine);
}

Tensor slope_rate(const Tensor& theta) {
  const Tensor rest = 2 * pi - theta;
  return rest - sqrt(square(theta) + square(rest * cos(theta)));
}

Tensor value_rate(const Tensor& theta) {
  // The form's matrix is [[sin 2 theta + 2 pi - 2 theta, -b], [-b, 2 pi]].
  const Tensor half = (sin(2 * theta) - 2 * theta) / 2;
  const Tensor b = (2 * pi - theta) * cos(theta) + sin(theta);
  return 2 * pi + half - sqrt(square(half) + square(b));
}

}  // namespace relu_node

namespace relu2_node {

namespace {
/// (a^4 + b^4) / 2 of the two lengths.
Tensor mean_fourth_power(const Tensor& w, const Tensor& teacher) {
  return (square(dot(w, w)) + square(dot(teacher, teacher))) / 2;
}
}  // namespace

Tensor value_loss(const Tensor& w, const Tensor& teacher) {
  const Tensor theta = angle(w, teacher);
  const Tensor cross = dot(w, w) * dot(teacher, teacher) / pi;
  return 0.5 * (3 * mean_fourth_power(w, teacher) -
                cross * (3 * sin(theta) * cos(theta) + (pi - theta) * (1 + 2 * square(cos(theta)))));
}

Tensor slope_loss(const Tensor& w, const Tensor& teacher) {
  const Tensor theta = angle(w, teacher);
  const Tensor cross = dot(w, teacher) * row_norm(w) * row_norm(teacher) / pi;
  return 2 * (mean_fourth_power(w, teacher) - cross * (sin(theta) + (pi - theta) * cos(theta)));
}

Tensor curvature_loss(const Tensor& w, const Tensor& teacher) {
  return 2 * (mean_fourth_power(w, teacher) - square(dot(w, teacher)) * (pi - angle(w, teacher)) / pi);
}

Tensor value_gradient(const Tensor& w, const Tensor& teacher) { return grad(value_loss(w, teacher), w); }
Tensor slope_gradient(const Tensor& w, const Tensor& teacher) { return grad(slope_loss(w, teacher), w); }

Tensor curvature_gradient(const Tensor& w, const Tensor& teacher) {
  return 4 * dot(w, w) * w - 4 * (pi - angle(w, teacher)) / pi * dot(w, teacher) * teacher;
}

Tensor curvature_population_gradient(const Tensor& w, const Tensor& teacher) {
  return grad(curvature_loss(w, teacher), w);
}

}  // namespace relu2_node

double turning(double norm_ratio, double theta) { return std::sin(theta) / (2 * pi * norm_ratio); }

ConditionNumbers condition_numbers(double turning) {
  const auto ratio = [](double smallest) {
    return smallest > 0 ? 1 / smallest : std::numeric_limits<double>::infinity();
  };
  return {ratio(1 - 4 * turning), ratio(1 - 3 * turning)};
}

}  // namespace sg::theory

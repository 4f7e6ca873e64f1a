// Levenberg-Marquardt.
#include "nn/optim/levenberg_marquardt.h"

#include <algorithm>
#include <cmath>

#include "engine/autodiff.h"
#include "engine/linalg.h"
#include "engine/transforms.h"

namespace sg::nn {
namespace {

constexpr std::int64_t kColumnsAtOnce = 64;     // of J', so that a mapped pass does not need the memory of all
constexpr double kSmallestShrinking = 1.0 / 3;  // Nielsen's bound on how fast the damping falls

Tensor flat(const Tensors& parts) {
  Tensors flattened;
  for (const Tensor& part : parts) flattened.push_back(flatten(part));
  return concat(flattened, 0);
}

Tensor dot(const Tensor& a, const Tensor& b) { return sum(a * b); }

}  // namespace

/// The residuals at the present parameters, and what a step needs of them.
struct LevenbergMarquardt::Linearised {
  Tensor residuals;  // flat, with history
  Tensors values;    // of the parameters
  Tensor origin;     // the same, flat
  Tensor gradient;   // J' r
  Tensor normal;     // J' J, where it is made
  double loss = 0;   // r' r
  double largest_gradient = 0;
  double curvature = 1;  // of J' J along the gradient
  /// A flat vector cut into the parameters' shapes.
  Tensors split(const Tensor& vector) const {
    Tensors parts;
    std::int64_t offset = 0;
    for (const Tensor& value : values) {
      parts.push_back(reshape(slice(vector, 0, offset, offset + value.size()), value.shape()));
      offset += value.size();
    }
    return parts;
  }
};

LevenbergMarquardt::LevenbergMarquardt(Module& module, LevenbergMarquardtOptions options)
    : parameters_(module.named_parameters()), buffers_(module.buffers()), options_(options) {
  if (!(options.damping > 0)) fail("LevenbergMarquardt: the damping has to be positive: {}", options.damping);
  if (options.trials < 1 || options.conjugate_gradients < 1) {
    fail("LevenbergMarquardt: needs at least one trial and one conjugate gradient: {} and {}", options.trials,
         options.conjugate_gradients);
  }
  if (parameters_.empty()) fail("LevenbergMarquardt: the network has no parameters");
  for (const auto& [name, slot] : parameters_) size_ += slot->size();
  dtype_ = parameters_[0].second->dtype();
}

void LevenbergMarquardt::set_parameters(const Tensor& vector) {
  std::int64_t offset = 0;
  for (const auto& [name, slot] : parameters_) {
    slot->set(reshape(slice(vector, 0, offset, offset + slot->size()), slot->shape()));
    offset += slot->size();
  }
}

void LevenbergMarquardt::check_dtype() const {
  for (const auto& [name, slot] : parameters_) {
    if (slot->dtype() == dtype_) continue;
    fail("LevenbergMarquardt: {} is {}, but the optimiser was made for {}", name, name_of(slot->dtype()),
         name_of(dtype_));
  }
}

LevenbergMarquardt::Linearised LevenbergMarquardt::linearise(const ResidualFunction& residuals) const {
  Linearised at;
  at.residuals = flatten(residuals());
  if (at.residuals.size() == 0) fail("LevenbergMarquardt: there are no residuals");
  for (const auto& [name, slot] : parameters_) at.values.push_back(slot->value());
  Tensors gradients = grad(at.residuals, at.values, at.residuals, Unused::zeros);
  const NoGrad no_grad;
  at.origin = flat(at.values);
  at.gradient = flat(gradients);
  const Tensor loss = dot(at.residuals, at.residuals), largest = max(abs(at.gradient));
  Tensors wanted{at.residuals, at.origin, at.gradient, loss, largest};
  for (Slot* buffer : buffers_) wanted.push_back(buffer->value());
  sg::eval(wanted);
  for (Slot* buffer : buffers_) buffer->set(buffer->value().detach());
  at.loss = loss.item();
  at.largest_gradient = largest.item();

  if (size_ <= options_.dense_parameters) {
    // A parameter at a time: the tangents of all that comes before it in the network are zero, and nobody computes
    // them.
    Tensors rows;
    for (const Tensor& value : at.values) {
      const TensorFunction column = vmap([&](const Tensors& direction) {
        return Tensors{jvp(at.residuals, {value}, {reshape(direction[0], value.shape())}, Unused::zeros)};
      });
      const Tensor units = eye(value.size(), dtype_);
      for (std::int64_t first = 0; first < value.size(); first += kColumnsAtOnce) {
        const Tensor some = slice(units, 0, first, std::min(first + kColumnsAtOnce, value.size()));
        rows.push_back(column({some})[0].eval());
      }
    }
    const Tensor transposed = concat(rows, 0);  // J', [parameters, residuals]
    at.normal = matmul(transposed, transpose(transposed)).eval();
  }
  const Tensor image = jvp(Tensors{at.residuals}, at.values, at.split(at.gradient), Unused::zeros)[0];
  const double squared = dot(at.gradient, at.gradient).item();
  if (image.defined() && squared > 0) at.curvature = dot(image, image).item() / squared;
  if (!(at.curvature > 0)) at.curvature = 1;
  return at;
}

Tensor LevenbergMarquardt::solve_damped(const Linearised& at, double damping) const {
  const NoGrad no_grad;
  if (at.normal.defined()) {
    const Tensor factor = cholesky(at.normal + eye(size_, dtype_) * damping);
    const Tensor right = unsqueeze(-at.gradient, 1);
    try {
      return squeeze(triangular_solve(transpose(factor), triangular_solve(factor, right), false), 1).eval();
    } catch (const Error&) {
      return {};
    }
  }
  // Conjugate gradients (Nocedal and Wright 2006, algorithm 5.2) on products with J and J' alone.
  const auto apply = [&](const Tensor& v) {
    const Tensor image = jvp(Tensors{at.residuals}, at.values, at.split(v), Unused::zeros)[0];
    if (!image.defined()) return v * damping;
    return flat(grad(at.residuals, at.values, image, Unused::zeros)) + v * damping;
  };
  Tensor solution = zeros_like(at.gradient), remainder = -at.gradient, direction = remainder;
  double squared = dot(remainder, remainder).item();
  const double enough = options_.conjugate_gradient_tolerance * options_.conjugate_gradient_tolerance * squared;
  for (std::int64_t i = 0; i < options_.conjugate_gradients && squared > enough; ++i) {
    const Tensor image = apply(direction);
    const Tensor length = scalar(squared, dtype_) / dot(direction, image);
    solution = solution + direction * length;
    remainder = remainder - image * length;
    const Tensor next = dot(remainder, remainder);
    sg::eval({solution, remainder, next});
    const double ratio = next.item() / squared;
    squared = next.item();
    direction = (remainder + direction * ratio).eval();
  }
  return solution.eval();
}

double LevenbergMarquardt::step(const ResidualFunction& residuals) {
  check_dtype();
  const Linearised at = linearise(residuals);
  if (!std::isfinite(at.loss)) fail("LevenbergMarquardt: the residuals are not finite: sum of squares {}", at.loss);
  loss_ = at.loss;
  if (damping_ < 0) {
    damping_ = options_.damping * at.curvature;
    first_gradient_ = at.largest_gradient;
  }
  stop_ = Stop::none;
  if (at.largest_gradient <= options_.tolerance_gradient * first_gradient_) {
    stop_ = Stop::gradient;
    return at.loss;
  }
  const double parameter_length = std::sqrt(dot(at.origin, at.origin).item());
  for (std::int64_t trial = 0; trial < options_.trials; ++trial) {
    double next = 0, gained = -1, predicted = 1;
    if (const Tensor direction = solve_damped(at, damping_); direction.defined()) {
      const double length = std::sqrt(dot(direction, direction).item());
      predicted = dot(direction, direction * damping_ - at.gradient).item();
      if (length <= options_.tolerance_change * (parameter_length + options_.tolerance_change)) {
        set_parameters(at.origin);
        stop_ = Stop::change;
        return at.loss;
      }
      set_parameters(at.origin + direction);
      try {
        next = sum(square(residuals())).item();
        gained = at.loss - next;
      } catch (...) {
        set_parameters(at.origin);
        throw;
      }
    }
    if (gained > 0) {
      loss_ = next;
      const double ratio = gained / predicted;
      damping_ *= std::max(kSmallestShrinking, 1 - std::pow(2 * ratio - 1, 3));
      growth_ = 2;
      ++steps_;
      return at.loss;
    }
    damping_ *= growth_;
    growth_ *= 2;
  }
  set_parameters(at.origin);
  stop_ = Stop::no_descent;
  return at.loss;
}

std::string LevenbergMarquardt::stop_reason() const {
  switch (stop_) {
    case Stop::none: return "steps are taken";
    case Stop::gradient: return "the gradient vanishes";
    case Stop::change: return "the steps are too short to change the parameters";
    case Stop::no_descent: return "no damping makes the loss smaller";
  }
  return {};
}

NamedTensors LevenbergMarquardt::state() const {
  return {{"steps", tensor(std::vector<std::int64_t>{steps_}, {1})},
          {"scalars", tensor({damping_, growth_, first_gradient_, loss_}, {4}, f64)}};
}

void LevenbergMarquardt::load_state(const NamedTensors& state) {
  const Tensor &steps = find(state, "steps", "LevenbergMarquardt"),
               &scalars = find(state, "scalars", "LevenbergMarquardt");
  if (steps.shape() != Shape{1} || steps.dtype() != i64 || scalars.shape() != Shape{4} || scalars.dtype() != f64) {
    fail("LevenbergMarquardt: the state is steps {} and scalars {}, needs [1] and [4]", steps.shape(), scalars.shape());
  }
  const std::int64_t count = steps.to_vector<std::int64_t>()[0];
  const auto values = scalars.to_vector<double>();
  const bool fits = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  if (count < 0 || !fits || values[1] < 2) {
    fail("LevenbergMarquardt: the state is out of range: {} steps, growth {}", count, values[1]);
  }
  steps_ = count;
  damping_ = values[0];
  growth_ = values[1];
  first_gradient_ = values[2];
  loss_ = values[3];
}

}  // namespace sg::nn

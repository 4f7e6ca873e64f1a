// L-BFGS.
#include "nn/optim/lbfgs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/autodiff.h"

namespace sg::nn {
namespace {

constexpr double sufficient_decrease = 1e-4;
constexpr double curvature = 0.9;
constexpr std::int64_t max_line_search = 25;
constexpr double retreat = 0.1;               // where a trial is not finite, the next is at this part of its distance
constexpr double smallest_curvature = 1e-10;  // of a pair that is kept; relative where all are below 1

Tensor dot(const Tensor& a, const Tensor& b) { return sum(a * b); }

/// The minimiser of the cubic through two values and slopes, kept within [low, high]; the middle when there is none.
double cubic_minimum(double x1, double f1, double g1, double x2, double f2, double g2, double low, double high) {
  const double d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2);
  const double square = d1 * d1 - g1 * g2;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double position = x1 <= x2 ? x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
                                   : x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2));
  return std::min(std::max(position, low), high);
}

}  // namespace

std::string_view describe(LbfgsStop stop) {
  switch (stop) {
    case LbfgsStop::iterations: return "all iterations are done";
    case LbfgsStop::evaluations: return "all evaluations of the loss are used";
    case LbfgsStop::gradient: return "the gradient is below its tolerance";
    case LbfgsStop::slope: return "the slope along the direction is below its tolerance";
    case LbfgsStop::step: return "the step is below its tolerance";
    case LbfgsStop::change: return "the change of the loss is below its tolerance";
    case LbfgsStop::no_descent: return "the line search found no lower loss";
    case LbfgsStop::not_finite: return "the loss or its gradient is not finite";
  }
  return "";
}

bool LBFGS::Trial::is_finite() const { return std::isfinite(loss) && std::isfinite(slope) && std::isfinite(largest); }

bool LBFGS::is_small(double value, double tolerance, double& largest) const {
  largest = std::max(largest, value);
  return value <= tolerance && value <= options_.tolerance_relative * largest;
}

LBFGS::LBFGS(Module& module, LbfgsOptions options)
    : parameters_(module.named_parameters()), buffers_(module.buffers()), options_(options) {
  if (!(options.learning_rate > 0)) fail("LBFGS: the learning rate has to be positive: {}", options.learning_rate);
  if (options.max_iterations < 1) fail("LBFGS: needs at least one iteration: {}", options.max_iterations);
  if (!(options.tolerance_relative >= 0)) {
    fail("LBFGS: the relative tolerance must not be negative: {}", options.tolerance_relative);
  }
  if (options.history < 1) fail("LBFGS: needs a history of at least 1: {}", options.history);
  if (parameters_.empty()) fail("LBFGS: the network has no parameters");
  if (options_.max_evaluations < 1) options_.max_evaluations = options.max_iterations * 5 / 4;
  for (auto& [name, slot] : parameters_) size_ += slot->size();
  dtype_ = parameters_[0].second->dtype();
}

Tensor LBFGS::flat_parameters() const {
  Tensors parts;
  for (auto& [name, slot] : parameters_) {
    if (slot->dtype() != dtype_) {
      fail("LBFGS: {} is {}, but the optimiser was made for {}", name, name_of(slot->dtype()), name_of(dtype_));
    }
    parts.push_back(reshape(slot->value(), {slot->size()}));
  }
  return concat(parts, 0);
}

void LBFGS::set_parameters(const Tensor& flat) {
  Tensors values;
  std::int64_t offset = 0;
  for (auto& [name, slot] : parameters_) {
    values.push_back(reshape(slice(flat, 0, offset, offset + slot->size()), slot->shape()));
    offset += slot->size();
  }
  sg::eval(values);
  for (std::size_t i = 0; i < values.size(); ++i) parameters_[i].second->set(values[i]);
}

LBFGS::Trial LBFGS::evaluate(const LossFunction& loss_function, double t) {
  if (direction_.defined()) {
    const NoGrad no_grad;
    set_parameters(origin_ + scalar(t, dtype_) * direction_);
  }
  const Tensor loss = loss_function();
  if (loss.size() != 1) fail("LBFGS: needs a loss of one element: {}", loss.shape());
  Tensors values;
  for (auto& [name, slot] : parameters_) values.push_back(slot->value());
  Tensors parts = grad(loss, values, {}, Unused::zeros);
  Tensor gradient, slope, largest;
  {
    const NoGrad no_grad;
    for (Tensor& part : parts) part = reshape(part, {part.size()});
    gradient = concat(parts, 0);
    parts.clear();
    largest = max(abs(gradient));
    slope = direction_.defined() ? dot(gradient, direction_) : scalar(0, dtype_);
  }
  Tensors wanted{loss, gradient, largest, slope};
  for (Slot* buffer : buffers_) wanted.push_back(buffer->value());
  sg::eval(wanted);
  for (Slot* buffer : buffers_) buffer->set(buffer->value().detach());
  ++evaluations_;
  return {t, loss.item(), slope.item(), largest.item(), gradient.detach()};
}

LBFGS::Trial LBFGS::line_search(const LossFunction& loss_function, const Trial& start, double t) {
  std::int64_t tries = 0;
  Trial previous = start;
  previous.t = 0;
  Trial trial = evaluate(loss_function, t);
  double wall = std::numeric_limits<double>::infinity();  // the smallest step known to leave the finite region
  /// Comes back towards the finite point at `from` until the trial is finite; false when it never is.
  const auto come_back = [&](double from) {
    while (!trial.is_finite() && tries < max_line_search) {
      wall = std::min(wall, trial.t);
      trial = evaluate(loss_function, from + retreat * (trial.t - from));
      ++tries;
    }
    return trial.is_finite();
  };
  const auto too_high = [&](const Trial& at) {
    return at.loss > start.loss + sufficient_decrease * at.t * start.slope;
  };
  const auto is_flat = [&](const Trial& at) { return std::abs(at.slope) <= -curvature * start.slope; };

  // Steps get longer until two of them enclose a point that satisfies the conditions, or one does.
  std::array<Trial, 2> bracket;
  bool bracketed = false;
  if (!come_back(0)) return previous;
  while (tries < max_line_search) {
    const bool rises = too_high(trial) || (tries > 1 && trial.loss >= previous.loss);
    if (!rises && is_flat(trial)) return trial;
    if (rises || trial.slope >= 0) {
      bracket = {previous, trial};
      bracketed = true;
      break;
    }
    const double farthest = std::min(trial.t * 10, (trial.t + wall) / 2);
    const double nearest = std::min(trial.t + 0.01 * (trial.t - previous.t), farthest);
    const double next =
        cubic_minimum(previous.t, previous.loss, previous.slope, trial.t, trial.loss, trial.slope, nearest, farthest);
    previous = trial;
    trial = evaluate(loss_function, next);
    ++tries;
    if (!come_back(previous.t)) return previous;
  }
  if (!bracketed) {
    Trial origin = start;
    origin.t = 0;
    bracket = {origin, trial};
  }

  int low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
  bool insufficient_progress = false;
  while (tries < max_line_search) {
    const double left = std::min(bracket[0].t, bracket[1].t), right = std::max(bracket[0].t, bracket[1].t);
    double longest = std::max(scales_.step, right * largest_direction_);
    if (is_small((right - left) * largest_direction_, options_.tolerance_change, longest)) break;
    double next = cubic_minimum(bracket[0].t, bracket[0].loss, bracket[0].slope, bracket[1].t, bracket[1].loss,
                                bracket[1].slope, left, right);
    // A second trial near the same end would hardly shrink the bracket: it is moved inside by a tenth of the length.
    const double margin = 0.1 * (right - left);
    if (std::min(right - next, next - left) < margin) {
      if (insufficient_progress || next >= right || next <= left) {
        next = std::abs(next - right) < std::abs(next - left) ? right - margin : left + margin;
        insufficient_progress = false;
      } else {
        insufficient_progress = true;
      }
    } else {
      insufficient_progress = false;
    }
    trial = evaluate(loss_function, next);
    ++tries;
    if (!come_back(bracket[low].t)) break;
    const int high = 1 - low;
    if (too_high(trial) || trial.loss >= bracket[low].loss) {
      bracket[high] = trial;
      low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      continue;
    }
    const bool done = is_flat(trial);
    if (!done && trial.slope * (bracket[high].t - bracket[low].t) >= 0) bracket[high] = bracket[low];
    bracket[low] = trial;
    if (done) break;
  }
  return bracket[low];
}

void LBFGS::update_history(const Tensor& gradient) {
  const Tensor change = gradient - previous_gradient_;
  const Tensor step = direction_ * scalar(t_, dtype_);
  const Tensor product = dot(change, step);
  const Tensor scale = product / dot(change, change);
  const Tensor inverse = reciprocal(product);
  sg::eval({change, step, product, scale, inverse});
  scales_.curvature = std::max(scales_.curvature, product.item());
  if (!(product.item() > smallest_curvature * std::min(1.0, scales_.curvature))) return;
  if (static_cast<std::int64_t>(history_.size()) == options_.history) history_.pop_front();
  history_.push_back({change.detach(), step.detach(), inverse.detach()});
  scale_ = scale.detach();
}

Tensor LBFGS::two_loop_direction(const Tensor& gradient) const {
  Tensor direction = -gradient;
  Tensors weights(history_.size());
  for (std::size_t i = history_.size(); i-- > 0;) {
    weights[i] = dot(history_[i].step, direction) * history_[i].inverse_product;
    direction = direction - weights[i] * history_[i].gradient_change;
  }
  direction = direction * scale_;
  for (std::size_t i = 0; i < history_.size(); ++i) {
    const Tensor correction = dot(history_[i].gradient_change, direction) * history_[i].inverse_product;
    direction = direction + history_[i].step * (weights[i] - correction);
  }
  return direction;
}

double LBFGS::step(const LossFunction& loss_function) {
  const std::int64_t evaluations_before = evaluations_;
  const Tensor last_direction = std::exchange(direction_, Tensor());
  Trial current = evaluate(loss_function, 0);
  direction_ = last_direction;
  const double first_loss = current_loss_ = current.loss;
  const auto stop = [&](LbfgsStop reason) {
    stop_ = reason;
    return first_loss;
  };
  if (!current.is_finite()) return stop(LbfgsStop::not_finite);
  if (is_small(current.largest, options_.tolerance_gradient, scales_.gradient)) return stop(LbfgsStop::gradient);

  for (std::int64_t iteration = 1; iteration <= options_.max_iterations; ++iteration) {
    ++iterations_;
    double trial_step = options_.learning_rate;
    {
      const NoGrad no_grad;
      if (iterations_ == 1) {
        scale_ = scalar(1, dtype_);
        direction_ = -current.gradient;
        trial_step *= std::min(1.0, 1 / sum(abs(current.gradient)).item());
      } else {
        update_history(current.gradient);
        direction_ = two_loop_direction(current.gradient);
      }
      const Tensor slope = dot(current.gradient, direction_);
      const Tensor largest = max(abs(direction_));
      origin_ = flat_parameters();
      sg::eval({direction_, slope, largest, origin_});
      direction_ = direction_.detach();
      origin_ = origin_.detach();
      current.slope = slope.item();
      largest_direction_ = largest.item();
    }
    previous_gradient_ = current.gradient;
    const double previous_loss = current.loss;
    t_ = trial_step;
    if (is_small(-current.slope, options_.tolerance_change, scales_.slope)) return stop(LbfgsStop::slope);

    current = line_search(loss_function, current, trial_step);
    t_ = current.t;
    current_loss_ = current.loss;
    {
      const NoGrad no_grad;
      set_parameters(origin_ + scalar(t_, dtype_) * direction_);
    }
    // All of them: each keeps its scale.
    const bool flat = is_small(current.largest, options_.tolerance_gradient, scales_.gradient),
               short_step = is_small(std::abs(t_) * largest_direction_, options_.tolerance_change, scales_.step),
               same_loss = is_small(std::abs(current.loss - previous_loss), options_.tolerance_change, scales_.change);
    if (evaluations_ - evaluations_before >= options_.max_evaluations) return stop(LbfgsStop::evaluations);
    if (flat) return stop(LbfgsStop::gradient);
    if (t_ == 0) return stop(LbfgsStop::no_descent);
    if (short_step) return stop(LbfgsStop::step);
    if (same_loss) return stop(LbfgsStop::change);
  }
  return stop(LbfgsStop::iterations);
}

NamedTensors LBFGS::state() const {
  NamedTensors state;
  state.emplace_back(
      "counts", tensor(std::vector<std::int64_t>{iterations_, evaluations_, static_cast<std::int64_t>(history_.size()),
                                                 static_cast<std::int64_t>(stop_)},
                       {4}));
  state.emplace_back("scalars", tensor({t_, current_loss_}, {2}, f64));
  state.emplace_back(
      "scales", tensor({scales_.gradient, scales_.slope, scales_.step, scales_.change, scales_.curvature}, {5}, f64));
  if (iterations_ == 0) return state;
  state.emplace_back("direction", direction_);
  state.emplace_back("previous_gradient", previous_gradient_);
  state.emplace_back("scale", scale_);
  for (std::size_t i = 0; i < history_.size(); ++i) {
    const std::string number = std::to_string(i);
    state.emplace_back("gradient_change." + number, history_[i].gradient_change);
    state.emplace_back("step." + number, history_[i].step);
    state.emplace_back("inverse_product." + number, history_[i].inverse_product);
  }
  return state;
}

void LBFGS::load_state(const NamedTensors& state) {
  const auto get = [&](const std::string& name, const Shape& shape, Dtype dtype) {
    const Tensor& tensor = find(state, name, "LBFGS");
    if (tensor.shape() != shape || tensor.dtype() != dtype) {
      fail("LBFGS: {} is {} {}, needs {} {}", name, name_of(tensor.dtype()), tensor.shape(), name_of(dtype), shape);
    }
    return tensor.detach();
  };
  const auto counts = get("counts", {4}, i64).to_vector<std::int64_t>();
  const auto scalars = get("scalars", {2}, f64).to_vector<double>();
  constexpr std::int64_t most = std::int64_t{1} << 53;
  if (counts[0] < 0 || counts[1] < 0 || counts[0] > most || counts[1] > most || counts[2] < 0 ||
      counts[2] > options_.history || counts[3] < 0 || counts[3] > static_cast<std::int64_t>(LbfgsStop::not_finite)) {
    fail("LBFGS: counts out of range: {} iterations, {} evaluations, {} pairs of at most {}", counts[0], counts[1],
         counts[2], options_.history);
  }
  const auto scales = get("scales", {5}, f64).to_vector<double>();
  Tensor direction, previous_gradient, scale;
  std::deque<Pair> history;
  if (counts[0] > 0) {
    direction = get("direction", {size_}, dtype_);
    previous_gradient = get("previous_gradient", {size_}, dtype_);
    scale = get("scale", {}, dtype_);
    for (std::int64_t i = 0; i < counts[2]; ++i) {
      const std::string number = std::to_string(i);
      history.push_back({get("gradient_change." + number, {size_}, dtype_), get("step." + number, {size_}, dtype_),
                         get("inverse_product." + number, {}, dtype_)});
    }
  }
  iterations_ = counts[0];
  evaluations_ = counts[1];
  t_ = scalars[0];
  current_loss_ = scalars[1];
  stop_ = static_cast<LbfgsStop>(counts[3]);
  scales_ = {scales[0], scales[1], scales[2], scales[3], scales[4]};
  direction_ = direction;
  previous_gradient_ = previous_gradient;
  scale_ = scale;
  history_ = std::move(history);
}

}  // namespace sg::nn

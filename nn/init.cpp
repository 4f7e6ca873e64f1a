// Init.
#include "nn/init.h"

#include <cmath>

#include "engine/ops.h"
#include "engine/random.h"

namespace sg::nn::init {
namespace {

double kaiming_gain(double slope) { return std::sqrt(2 / (1 + slope * slope)); }

double chosen(const Shape& weight, Fan fan) {
  const Fans both = fans(weight);
  return static_cast<double>(fan == Fan::in ? both.in : both.out);
}

double both_fans(const Shape& weight) {
  const Fans both = fans(weight);
  return static_cast<double>(both.in + both.out);
}

/// A rule whose bound depends on the weight's shape.
template <class Bound>
Rule uniform_by_shape(Bound bound) {
  return [=](const Shape& shape, Dtype dtype, const Stream& stream) {
    return uniform(bound(shape))(shape, dtype, stream);
  };
}

template <class Deviation>
Rule normal_by_shape(Deviation deviation) {
  return [=](const Shape& shape, Dtype dtype, const Stream& stream) {
    return normal(deviation(shape))(shape, dtype, stream);
  };
}

}  // namespace

Fans fans(const Shape& weight) {
  if (weight.size() < 2) fail("init: a weight needs at least two axes: {}", weight);
  std::int64_t field = 1;
  for (std::size_t axis = 2; axis < weight.size(); ++axis) field *= weight[axis];
  return {weight[1] * field, weight[0] * field};
}

Rule constant(double value) {
  return [=](const Shape& shape, Dtype dtype, const Stream&) { return full(shape, value, dtype); };
}

Rule uniform(double bound) {
  return [=](const Shape& shape, Dtype dtype, const Stream& stream) {
    return random_uniform(shape, -bound, bound, stream.seed, stream.position, dtype);
  };
}

Rule normal(double standard_deviation) {
  return [=](const Shape& shape, Dtype dtype, const Stream& stream) {
    return random_normal(shape, 0, standard_deviation, stream.seed, stream.position, dtype);
  };
}

Rule kaiming_uniform(double slope, Fan fan) {
  return uniform_by_shape([=](const Shape& shape) { return kaiming_gain(slope) * std::sqrt(3 / chosen(shape, fan)); });
}

Rule kaiming_normal(double slope, Fan fan) {
  return normal_by_shape([=](const Shape& shape) { return kaiming_gain(slope) / std::sqrt(chosen(shape, fan)); });
}

Rule xavier_uniform(double gain) {
  return uniform_by_shape([=](const Shape& shape) { return gain * std::sqrt(6 / both_fans(shape)); });
}

Rule xavier_normal(double gain) {
  return normal_by_shape([=](const Shape& shape) { return gain * std::sqrt(2 / both_fans(shape)); });
}

Rule default_weight() { return kaiming_uniform(std::sqrt(5.0)); }

Rule default_bias(const Shape& weight) {
  const std::int64_t in = fans(weight).in;
  return in == 0 ? zeros() : uniform(1 / std::sqrt(static_cast<double>(in)));
}

Rule sitzmann_first() {
  return uniform_by_shape([](const Shape& shape) { return 1 / static_cast<double>(fans(shape).in); });
}

Rule sitzmann_hidden(double omega0) {
  return uniform_by_shape(
      [=](const Shape& shape) { return std::sqrt(6 / static_cast<double>(fans(shape).in)) / omega0; });
}

}  // namespace sg::nn::init

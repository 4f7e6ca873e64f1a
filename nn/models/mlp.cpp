// Networks of functions on points.
#include "nn/models/mlp.h"

#include <numbers>

#include "nn/activation.h"

namespace sg::nn {

MLP::MLP(const std::vector<std::int64_t>& sizes, std::string_view activation) {
  if (sizes.size() < 2) fail("MLP: needs at least two sizes, got {}", sizes.size());
  for (std::int64_t size : sizes) {
    if (size < 1) fail("MLP: a size has to be at least 1: {}", size);
  }
  static_cast<void>(
      nn::activation(activation));  // two sizes have none between them, and its name is checked all the same
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (i) fc_.append(nn::activation(activation));
    fc_.add<Linear>(sizes[i], sizes[i + 1]);
  }
  add_child("fc", fc_);
}

FourierNet::FourierNet(std::int64_t in, std::int64_t out, std::int64_t width)
    : fc1_(in, width), fc2_(width, width), fc3_(width, width), fc4_(width, out) {
  fc1_.weight().set_rule(init::normal());
  for (Linear* layer : {&fc2_, &fc3_, &fc4_}) layer->weight().set_rule(init::xavier_uniform());
  add_child("fc1", fc1_);
  add_child("fc2", fc2_);
  add_child("fc3", fc3_);
  add_child("fc4", fc4_);
}

Tensor FourierNet::forward(const Tensor& x) {
  const Tensor features = sin(fc1_(x) * (2 * std::numbers::pi));
  return fc4_(tanh(fc3_(tanh(fc2_(features)))));
}

Siren::Siren(std::int64_t in, std::int64_t out, std::int64_t width, SirenInit rule, double omega0)
    : fc1_(in, width), fc2_(width, width), fc3_(width, width), fc4_(width, out), omega0_(omega0) {
  if (!(omega0 > 0)) fail("Siren: omega0 has to be positive: {}", omega0);
  if (rule == SirenInit::sitzmann) {
    fc1_.weight().set_rule(init::sitzmann_first());
    for (Linear* layer : {&fc2_, &fc3_, &fc4_}) layer->weight().set_rule(init::sitzmann_hidden(omega0));
  }
  add_child("fc1", fc1_);
  add_child("fc2", fc2_);
  add_child("fc3", fc3_);
  add_child("fc4", fc4_);
}

Tensor Siren::forward(const Tensor& x) {
  const auto wave = [&](const Tensor& y) { return omega0_ == 1 ? sin(y) : sin(y * omega0_); };
  return fc4_(wave(fc3_(wave(fc2_(wave(fc1_(x)))))));
}

}  // namespace sg::nn

// Activation layers by name.
#include "nn/activation.h"

#include <array>
#include <utility>

namespace sg::nn {
namespace {

template <class Layer>
std::unique_ptr<Module> make() {
  return std::make_unique<Layer>();
}

using Maker = std::unique_ptr<Module> (*)();
constexpr std::array<std::pair<std::string_view, Maker>, 17> makers{{
    {"tanh", make<Tanh>},
    {"relu", make<ReLU>},
    {"relu2", make<ReLUSquared>},
    {"leaky_relu", make<LeakyReLU>},
    {"elu", make<ELU>},
    {"softplus", make<Softplus>},
    {"gelu", make<GELU>},
    {"silu", make<SiLU>},
    {"sigmoid", make<Sigmoid>},
    {"sine", make<Sine>},
    {"selu", make<SELU>},
    {"celu", make<CELU>},
    {"prelu", make<PReLU>},
    {"mish", make<Mish>},
    {"softsign", make<Softsign>},
    {"hardsigmoid", make<Hardsigmoid>},
    {"hardswish", make<Hardswish>},
}};

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (auto& [name, maker] : makers) result.emplace_back(name);
    return result;
  }();
  return names;
}

std::unique_ptr<Module> activation(std::string_view name) {
  std::string known;
  for (auto& [key, maker] : makers) {
    if (key == name) return maker();
    known += (known.empty() ? "" : ", ") + std::string(key);
  }
  fail("activation: there is no '{}': one of {}", name, known);
}

}  // namespace sg::nn

// Networks of functions on points: a multilayer perceptron, a Fourier-feature network, and SIREN.
#pragma once

#include <string_view>

#include "nn/container.h"
#include "nn/linear.h"

namespace sg::nn {

/// [N, sizes.front()] -> [N, sizes.back()]: linear layers `fc.0`, `fc.2`, ... with the named activation between them.
class MLP : public Module {
 public:
  /// Throws for fewer than two sizes, a size below 1, or an activation that `activation` does not know.
  explicit MLP(const std::vector<std::int64_t>& sizes, std::string_view activation = "tanh");
  Tensor forward(const Tensor& x) override { return fc_(x); }

 private:
  Sequential fc_;
};

/// fc4(tanh(fc3(tanh(fc2(sin(2 pi fc1(x))))))): `fc1.weight` from N(0, 1), the other weights Xavier uniform.
class FourierNet : public Module {
 public:
  explicit FourierNet(std::int64_t in = 1, std::int64_t out = 1, std::int64_t width = 64);
  Tensor forward(const Tensor& x) override;

 private:
  Linear fc1_, fc2_, fc3_, fc4_;
};

enum class SirenInit {
  kaiming,   // PyTorch's default rule
  sitzmann,  // Sitzmann et al. 2020
};

/// fc4(sin(omega0 fc3(sin(omega0 fc2(sin(omega0 fc1(x))))))).
class Siren : public Module {
 public:
  explicit Siren(std::int64_t in = 1, std::int64_t out = 1, std::int64_t width = 64,
                 SirenInit rule = SirenInit::kaiming, double omega0 = 1);
  Tensor forward(const Tensor& x) override;

 private:
  Linear fc1_, fc2_, fc3_, fc4_;
  double omega0_;
};

}  // namespace sg::nn

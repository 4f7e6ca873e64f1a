// Gradients of each sample's loss by all parameters in one pass, clipped one by one and averaged with noise, as
// differentially private training does (Abadi et al. 2016); fails unless they agree with those of samples taken alone.
#include <sobograd/sobograd.h>

#include <cmath>
#include <cstdio>

using namespace sg;

int main() {
  nn::MLP network({3, 16, 1}, "tanh");
  network.initialise(1);
  const Tensor x = random_normal({32, 3}, 0, 1, 5, 0), target = sin(sum(x, 1, true));
  const Tensors parameters = network.parameter_values();

  // The loss of one row: x [3], target [1].
  const auto loss = [&](const Tensors& row) { return mean(square(network(row[0]) - row[1])); };
  const Tensors gradients = per_sample_grad(loss, parameters, {x, target});  // [32, the parameter's shape] each

  double worst = 0;
  for (std::int64_t n = 0; n < 32; ++n) {
    const auto row = [&](const Tensor& all) { return squeeze(slice(all, 0, n, n + 1), 0); };
    const Tensors alone = grad(loss({row(x), row(target)}), parameters);
    for (std::size_t i = 0; i < alone.size(); ++i) {
      worst = std::max(worst, max(abs(row(gradients[i]) - alone[i])).item());
    }
  }
  std::printf("largest difference from the gradients of single samples: %.2g\n", worst);

  // Each sample's whole gradient to a norm of at most 0.5, then the mean and noise.
  Tensor squares = zeros({32});
  for (const Tensor& g : gradients) squares = squares + sum(square(flatten(g, 1)), 1);
  const Tensor shrink = minimum(0.5 * rsqrt(squares), 1);
  Tensors private_gradients;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Shape per_sample(gradients[i].rank(), 1);
    per_sample[0] = 32;
    const Tensor noise = normal(random_key(9, i), parameters[i].shape());
    private_gradients.push_back(mean(gradients[i] * reshape(shrink, per_sample), 0) + noise * 0.01);
  }
  nn::SGD optimizer(network, {.learning_rate = 0.5});
  optimizer.step(private_gradients);
  const double before = max(squares).item(), after = max(squares * square(shrink)).item();
  std::printf("largest norm %.3g, clipped to %.3g\n", std::sqrt(before), std::sqrt(after));
  return worst < 1e-5 && std::sqrt(after) < 0.5001 && before > after ? 0 : 1;
}

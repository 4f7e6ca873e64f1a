// Penalties on the length of a gradient.
#include "losses/penalties.h"

#include "engine/autodiff.h"
#include "engine/ops.h"

namespace sg::losses {

Tensor gradient_norms(const Tensor& u, const Tensor& x) {
  if (u.rank() == 0 || x.rank() == 0 || u.shape(0) != x.shape(0)) {
    fail("gradient_norms: needs as many values as samples, got {} and {}", u.shape(), x.shape());
  }
  const Tensor gradient = grad(u, x, Unused::zeros);
  return x.rank() == 1 ? abs(gradient) : norm(flatten(gradient, 1), 1);
}

Tensor eikonal(const Tensor& u, const Tensor& x) { return mean(square(gradient_norms(u, x) - 1)); }

Tensor gradient_penalty(const Network& critic, const Tensor& real, const Tensor& fake, const Tensor& key,
                        double target) {
  if (real.shape() != fake.shape() || real.dtype() != fake.dtype() || real.rank() == 0) {
    fail("gradient_penalty: needs as many samples of both, got {} and {}", real.shape(), fake.shape());
  }
  Shape of_sample(real.rank(), 1);
  of_sample[0] = real.shape(0);
  const Tensor between = lerp(fake, real, uniform(key, of_sample, real.dtype()));
  return mean(square(gradient_norms(critic(between), between) - target));
}

}  // namespace sg::losses

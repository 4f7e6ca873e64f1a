// Penalties on the length of a gradient.
#pragma once

#include "losses/route.h"

namespace sg::losses {

/// The Euclidean norm of each sample's gradient: of u [N, ...], where sample n depends on sample n of x [N, ...] only
/// -> [N]. Derivative 0 where it is 0.
Tensor gradient_norms(const Tensor& u, const Tensor& x);

/// The mean of (|grad u| - 1)^2 over the points x [N, d]: 0 for a signed distance (Gropp et al. 2020).
Tensor eikonal(const Tensor& u, const Tensor& x);

/// The mean of (|grad critic| - target)^2 at points drawn uniformly between pairs of samples [N, ...] (Gulrajani et al.
/// 2017). `key` is that of the draw: see random_key.
Tensor gradient_penalty(const Network& critic, const Tensor& real, const Tensor& fake, const Tensor& key,
                        double target = 1);

}  // namespace sg::losses

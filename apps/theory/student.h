// Student: networks of ReLU nodes whose losses on samples the engine differentiates.
#pragma once

#include <cstdint>

#include "apps/theory/node_forms.h"
#include "engine/tensor.h"

namespace sg::theory {

/// g(x) = sum of relu(w_j.x) for each sample: w [S, K, d], x [S, N, d] -> [S, N].
Tensor student(const Tensor& w, const Tensor& x);

/// L or H = L + J on samples, by the network's own derivatives: half the mean over N of (g - g*)^2 (+ |D_x g - D_x
/// g*|^2), summed over the S independent students; teacher [S, M, d].
Tensor sampled_loss(Loss loss, const Tensor& w, const Tensor& teacher, const Tensor& x);

/// How well gradients from samples agree with the closed forms: the largest |mean - closed form| in standard errors of
/// the mean over `batches` batches of `batch_size`; w and teacher [K, d].
struct Agreement {
  double score = 0;           // the largest of all entries of the gradient
  double standard_error = 0;  // the largest
};
Agreement gradient_agreement(Loss loss, const Tensor& w, const Tensor& teacher, std::int64_t batches,
                             std::int64_t batch_size, std::uint64_t seed);

}  // namespace sg::theory

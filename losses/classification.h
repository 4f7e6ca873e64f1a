// Losses of classifiers and of distributions, with PyTorch's meanings; every one is differentiable to any order.
#pragma once

#include "engine/tensor.h"

namespace sg::losses {

struct ClassOptions {
  Tensor class_weights;               // [C] of the logits' dtype; undefined: all 1
  std::int64_t ignored_class = -100;  // targets of this class do not count
  double label_smoothing = 0;         // in [0, 1]: so much of every target is spread over all classes
};

/// Minus the logarithm of the target class's probability, a weighted mean over all targets that count: log
/// probabilities [N, C, ...] and classes i64 [N, ...]. A class outside of 0..C - 1 throws at evaluation.
Tensor nll(const Tensor& log_probabilities, const Tensor& target, const ClassOptions& options = {});
/// The same of logits: nll of log_softmax over the classes.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const ClassOptions& options = {});

/// The mean binary cross entropy of logits and targets in [0, 1] of one shape, without overflow; `positive_weight`
/// multiplies the part of the positive targets.
Tensor bce_with_logits(const Tensor& logits, const Tensor& target, double positive_weight = 1);

/// The mean absolute difference; derivative 0 where there is none.
Tensor l1(const Tensor& prediction, const Tensor& target);
/// The mean of d^2 / 2 where |d| <= delta and delta (|d| - delta / 2) beyond, for differences d (Huber 1964).
Tensor huber(const Tensor& prediction, const Tensor& target, double delta = 1);

/// The Kullback-Leibler divergence of the targets from a model, divided by the leading extent: log probabilities of the
/// model and probabilities of the target, of one shape; a target of 0 adds nothing, and one below 0 or NaN makes NaN.
Tensor kl_div(const Tensor& log_probabilities, const Tensor& target);

/// The sum of absolute differences of neighbours along both axes of pictures [N, C, H, W], divided by N (Rudin, Osher
/// and Fatemi 1992, the anisotropic form).
Tensor total_variation(const Tensor& images);

}  // namespace sg::losses

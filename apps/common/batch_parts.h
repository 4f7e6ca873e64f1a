// Batch parts: the loss and gradient of a step as sums over the parts of its batch, in one order for any number of
// ranks.
#pragma once

#include <functional>

#include "data/batches.h"
#include "nn/optim/optimizer.h"

namespace sg::apps {

/// A part's mean loss over its rows as its part of the mean over all n rows of the batch.
Tensor share_of_mean(const Tensor& loss, const data::BatchPart& part, std::int64_t n);

struct StepSums {
  double loss = 0;
  Tensors gradients;  // one a parameter in the network's order
};

/// Computes `loss(part)`, which gives the part's share or nothing for an empty part, and its gradients for the parts
/// that are this rank's, and adds those of all parts in a binary tree over their numbers: the same bits for 1, 2, 4,
/// ... ranks. Each part's forward pass sees the buffers (running means) as they were before the step; afterwards they
/// are the mean of what the parts made of them. Throws unless `parts` is a power of two that the ranks divide.
StepSums sum_over_parts(nn::Module& network, const nn::Optimizer& optimizer, std::int64_t parts,
                        const std::function<Tensor(const data::BatchPart& part)>& loss);

/// The parts of this rank, of all ranks' `parts`.
std::vector<data::BatchPart> own_parts(std::int64_t parts);

}  // namespace sg::apps

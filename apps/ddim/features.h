// Features: what the Frechet distance of pictures compares.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "data/pictures.h"
#include "engine/tensor.h"
#include "nn/models/unet.h"

namespace sg::ddim {

/// Pictures [N, C, H, W] in [0, 1] to features [N, D].
class PictureFeatures {
 public:
  virtual ~PictureFeatures() = default;
  virtual Tensor operator()(const Tensor& pictures) = 0;
  /// Probabilities of the classes [N, K]; undefined for features that are no classifier's.
  virtual Tensor probabilities(const Tensor&) { return {}; }
  /// What they are, for the report.
  virtual std::string description() const = 0;
};

/// The 64 numbers before the last layer of a small classifier (two convolutions 3 x 3 of stride 2 with 32 and 64
/// channels, two linear layers, ReLU between them), trained by cross entropy for `epochs` on the labelled pictures,
/// each batch moved by up to two pixels, from a fixed seed: the same features in every run on the same data.
std::unique_ptr<PictureFeatures> classifier_features(const data::PictureSet& pictures,
                                                     std::span<const std::uint8_t> labels, int epochs = 30);

/// The part of pictures [N, C, H, W] in [0, 1] whose class a classifier of `classifier_features` names as the labels
/// do. Throws for other features.
double classification_accuracy(PictureFeatures& features, const Tensor& pictures, std::span<const std::uint8_t> labels);

/// The means over all places of the denoiser's middle, D last mult numbers, for pictures without noise at time 0. A
/// copy of the weights is taken.
std::unique_ptr<PictureFeatures> encoder_features(nn::Unet& network);

}  // namespace sg::ddim

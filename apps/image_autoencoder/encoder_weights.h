// Encoder weights: those of a classifier as a start for the encoder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/models/resnet.h"

namespace sg::image_autoencoder {

/// Fills the encoder from a safetensors file with the names of torchvision's ResNet-18 and gives the names that it
/// ignored, those below `fc.`; num_batches_tracked, which old files lack, counts as 0. Throws for what else is missing,
/// unexpected or misshapen.
std::vector<std::string> load_encoder(nn::ResnetEncoder& encoder, const std::filesystem::path& file);

}  // namespace sg::image_autoencoder

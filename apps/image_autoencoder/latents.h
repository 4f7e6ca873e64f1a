// Latents: what the encoder makes of a picture's tiles, as a file.
#pragma once

#include <filesystem>

#include "apps/image_autoencoder/model.h"
#include "apps/image_autoencoder/tiles.h"

namespace sg::image_autoencoder {

/// The tiles' latents of one picture. The file holds `latents` [tiles, C, tile / multiple, tile / multiple] and, as
/// metadata, height and width of the picture, tile, overlap and net.
struct Latents {
  Tensor latents;
  TileGrid grid;
};

Latents encode_picture(const Model& model, const data::Image& picture);
data::Image decode_picture(const Model& model, const Latents& latents);

void save_latents(const std::filesystem::path& path, const Latents& latents, const std::string& net);
/// Throws for a file that does not fit the network or itself. Without metadata, each row of `latents` is a picture of
/// its own; they are put below each other, with no overlap.
Latents load_latents(const std::filesystem::path& path, const Model& model);

}  // namespace sg::image_autoencoder

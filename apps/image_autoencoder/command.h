// Command: what the binary does with its arguments.
#pragma once

#include "apps/common/run_app.h"

namespace sg::image_autoencoder {

inline constexpr const char* kName = "image_autoencoder";

/// Each parses the arguments (without the program's and the command's name) and does the command's work; throws what
/// run_app takes.
void train_all(const apps::Arguments& arguments);
void reconstruct_pictures(const apps::Arguments& arguments);
void encode_pictures(const apps::Arguments& arguments);
void decode_latents(const apps::Arguments& arguments);
void interpolate_latents(const apps::Arguments& arguments);

/// The command that the first argument names: reconstruct, encode, decode, latent, train; without one, train.
void run_command(const apps::Arguments& arguments);

}  // namespace sg::image_autoencoder

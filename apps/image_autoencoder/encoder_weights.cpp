// Encoder weights: loading them.
#include "apps/image_autoencoder/encoder_weights.h"

#include <set>

#include "nn/safetensors.h"

namespace sg::image_autoencoder {

std::vector<std::string> load_encoder(nn::ResnetEncoder& encoder, const std::filesystem::path& file) {
  nn::NamedTensors state;
  std::set<std::string> names;
  std::vector<std::string> ignored;
  for (auto& [name, tensor] : nn::load_weights(file)) {
    if (name.starts_with("fc.")) {
      ignored.push_back(name);
    } else {
      names.insert(name);
      state.emplace_back(name, tensor);
    }
  }
  for (auto& [name, slot] : encoder.named_slots()) {
    if (name.ends_with("num_batches_tracked") && !names.contains(name)) state.emplace_back(name, scalar(0, i64));
  }
  try {
    encoder.load_state(state);
  } catch (const Error& error) {
    fail("--init-encoder: {}: {}", file.string(), error.what());
  }
  return ignored;
}

}  // namespace sg::image_autoencoder

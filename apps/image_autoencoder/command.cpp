// Command: the choice among the commands.
#include "apps/image_autoencoder/command.h"

#include <map>

namespace sg::image_autoencoder {

void run_command(const apps::Arguments& arguments) {
  static const std::map<std::string, void (*)(const apps::Arguments&)> commands{{"train", train_all},
                                                                                {"reconstruct", reconstruct_pictures},
                                                                                {"encode", encode_pictures},
                                                                                {"decode", decode_latents},
                                                                                {"latent", interpolate_latents}};
  const auto named = arguments.empty() ? commands.end() : commands.find(arguments[0]);
  if (named == commands.end()) {
    train_all(arguments);
  } else {
    named->second({arguments.begin() + 1, arguments.end()});
  }
}

}  // namespace sg::image_autoencoder

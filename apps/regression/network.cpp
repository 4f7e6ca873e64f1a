// The networks of the binary.
#include "apps/regression/network.h"

#include <fmt/ranges.h>

#include "nn/models/mlp.h"
#include "nn/safetensors.h"

namespace sg::regression {

int order_of(const apps::Loss& loss) { return loss.kind == "h1" ? 1 : loss.kind == "h2" ? 2 : 0; }

std::unique_ptr<nn::Module> make_network(const Settings& settings, const std::vector<std::int64_t>& sizes,
                                         const std::string& activation, std::int64_t inputs, std::uint64_t seed,
                                         bool fresh) {
  std::unique_ptr<nn::Module> network;
  if (settings.net == "mlp") {
    if (sizes.size() < 2 || sizes.front() != inputs || sizes.back() != 1) {
      fail("--sizes: an mlp on this data begins with {} and ends with 1: {}", inputs, fmt::join(sizes, ","));
    }
    for (const std::int64_t size : sizes) {
      if (size < 1 || size > 65536) fail("--sizes: a width must be between 1 and 65536: {}", size);
    }
    network = std::make_unique<nn::MLP>(sizes, activation);
  } else if (settings.net == "fourier") {
    network = std::make_unique<nn::FourierNet>(inputs);
  } else if (settings.net == "siren") {
    const bool sitzmann = settings.siren_init == "sitzmann";
    network = std::make_unique<nn::Siren>(inputs, 1, 64, sitzmann ? nn::SirenInit::sitzmann : nn::SirenInit::kaiming,
                                          sitzmann ? settings.omega0 : 1);
  } else {
    fail("--net: `{}` is not known: needs mlp, fourier or siren", settings.net);
  }
  network->initialise(seed);
  network->to(settings.dtype());
  if (fresh && !settings.common.init.empty()) {
    nn::load_weights(*network, settings.common.init, "--init");
  }
  return network;
}

losses::Network as_function(nn::Module& network) {
  return [&network](const Tensor& x) { return network(x); };
}

}  // namespace sg::regression

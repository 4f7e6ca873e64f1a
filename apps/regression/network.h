// The networks of the binary, by the names of their options.
#pragma once

#include <memory>

#include "apps/regression/settings.h"
#include "losses/route.h"
#include "nn/module.h"

namespace sg::regression {

/// The network that `settings` asks for, with `inputs` inputs and one output, its parameters filled from the seed or,
/// at a `fresh` start, from --init. Throws for an unknown network or activation, and for sizes that do not fit the
/// inputs.
std::unique_ptr<nn::Module> make_network(const Settings& settings, const std::vector<std::int64_t>& sizes,
                                         const std::string& activation, std::int64_t inputs, std::uint64_t seed,
                                         bool fresh = true);

/// The module as the losses see it.
losses::Network as_function(nn::Module& network);

}  // namespace sg::regression

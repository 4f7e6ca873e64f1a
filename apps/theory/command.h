// Command: what the binary does with its arguments.
#pragma once

#include "apps/common/run_app.h"

namespace sg::theory {

/// Parses the arguments (without the program's name), runs the experiments, and writes the run folder; throws what
/// run_app takes.
void run_command(const apps::Arguments& arguments);

}  // namespace sg::theory

// Command: what the binary does with its arguments.
#pragma once

#include "apps/common/run_app.h"

namespace sg::reproduce {

/// Runs the figures that the arguments name and writes index.html; throws what run_app takes.
void run_command(const apps::Arguments& arguments);

}  // namespace sg::reproduce

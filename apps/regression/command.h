// Command: what the binary does with its arguments.
#pragma once

#include "apps/common/run_app.h"

namespace sg::regression {

/// Parses the arguments (without the program's name), runs the task, and writes its run folder; throws what run_app
/// takes.
void run_command(const apps::Arguments& arguments);

}  // namespace sg::regression

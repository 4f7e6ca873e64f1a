// Command: what the binary does with its arguments.
#pragma once

#include "apps/common/run_app.h"

namespace sg::ddim {

/// Runs the command that the arguments name; without one, what they ask for; without any, samples from the shipped
/// network.
void run_command(const apps::Arguments& arguments);

/// Each parses the arguments behind its name; throws what run_app takes.
void train_command(const apps::Arguments& arguments);
void sample_command(const apps::Arguments& arguments);
void interpolate_command(const apps::Arguments& arguments);
void info_command(const apps::Arguments& arguments);

}  // namespace sg::ddim

// regression: learns functions with their derivatives, distils, solves differential equations, and looks at spectra.
#include "apps/common/run_app.h"
#include "apps/regression/command.h"

int main(int argc, char** argv) { return sg::apps::run_app("regression", argc, argv, sg::regression::run_command); }

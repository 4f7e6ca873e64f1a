// theory: the theorems of Sobolev acceleration, computed, simulated and drawn.
#include "apps/common/run_app.h"
#include "apps/theory/command.h"

int main(int argc, char** argv) { return sg::apps::run_app("theory", argc, argv, sg::theory::run_command); }

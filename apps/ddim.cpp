// ddim: a diffusion model of small pictures, trained with L2 and with Sobolev losses, and sampled.
#include "apps/common/run_app.h"
#include "apps/ddim/command.h"
#include "apps/ddim/settings.h"

int main(int argc, char** argv) { return sg::apps::run_app(sg::ddim::kName, argc, argv, sg::ddim::run_command); }

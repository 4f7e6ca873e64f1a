// reproduce: every figure of the paper by one command, with its numbers over seeds and a verdict by a written rule.
#include "apps/common/run_app.h"
#include "apps/reproduce/command.h"

int main(int argc, char** argv) { return sg::apps::run_app("reproduce", argc, argv, sg::reproduce::run_command); }

// Together: fused steps in a row that do not depend on each other run at once.
#pragma once

#include "engine/plan.h"

namespace sg {

/// Sets `together` of the plan's steps, whose lifetimes are known.
void find_together(Plan& plan);

}  // namespace sg

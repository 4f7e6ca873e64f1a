// Recomputing: where memory is limited, a step runs again for its late readers instead of keeping its result.
#pragma once

#include "engine/plan.h"

namespace sg {

/// The bytes that a plan of the calling thread's evaluations may have at once, its inputs included; 0: no limit. Above
/// it, tensors that wait long for their next reader are computed again for that reader, by the same kernels from the
/// same operands: to the same bits. What cannot be brought under the limit so runs with the least that was found.
void set_memory_limit(std::int64_t bytes);
std::int64_t memory_limit();

/// Brings the plan's tensors under `limit` bytes, as far as that goes. Called before lifetimes are known.
void recompute(Plan& plan, std::int64_t limit);

}  // namespace sg

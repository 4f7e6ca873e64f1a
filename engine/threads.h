// Threads: how many of them the engine's own pool has.
#pragma once

namespace sg {

/// The number of threads that one evaluation uses, the caller's included; by default the machine's cores. Results do
/// not depend on it.
int threads();
/// Sets it (at least 1); waits for work that runs.
void set_threads(int count);

}  // namespace sg

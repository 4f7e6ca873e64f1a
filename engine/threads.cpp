// Threads: the pool of kernels/parallel.h as programs see it.
#include "engine/threads.h"

#include "engine/kernels/parallel.h"

namespace sg {

int threads() { return kernels::threads(); }

void set_threads(int count) { kernels::set_threads(count); }

}  // namespace sg

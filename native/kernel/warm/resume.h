// Giving a frozen process its life back.
#pragma once

#include "linux/exec.h"
#include "warm/frozen_process.h"

namespace runtime {

/// Makes memory, files, signals and threads what they were, and the arguments and variables what this start has.
/// Threads do not run yet. Errors: NoMemory, Invalid when the state is damaged, as open(2).
Result<void> resume_process(const FrozenProcess& frozen, const ProgramStart& start);
/// Lets the threads of the resumed process run.
void run_resumed_threads();

}  // namespace runtime

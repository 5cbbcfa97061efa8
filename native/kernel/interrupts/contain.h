// Calls of code that is not ours and works on data that nobody vouches for (the firmware's byte code and its
// interpreter): a fault in one ends that call, not the machine.
#pragma once

#include <stdint.h>

#include "arch/x86_64/trap_frame.h"

namespace runtime {

/// Calls `function` with `argument`. Returns false when it was left because of a fault. What it had locked or
/// allocated by then stays so: it is not to be called again. Not nested.
bool contain(void (*function)(void* argument), void* argument);
/// A fault in the kernel: lets the thread's contained call end, and logs where it was. Returns false when
/// there is none, or when a spinlock may be held.
bool end_contained_call(TrapFrame* frame, uint64_t address);

}  // namespace runtime

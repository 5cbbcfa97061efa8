// A sampling profiler of the whole machine: the kernel, the application and the system isolate. The timer
// notes, so many times a second and on every CPU, which instruction and which thread it interrupted.
// The samples lie in one piece of physical memory, which the host reads (QEMU's `pmemsave`); the log
// tells where. A tool on the host joins them with the symbols.
//
//   u64 count of samples taken (the first capacity of them are kept), u64 capacity, u64 kernel's base,
//   u64 unused, then for each: u64 instruction pointer, u32 thread id (0: idle), u32 index of the CPU
#pragma once

#include <stdint.h>

#include "arch/x86_64/trap_frame.h"

namespace runtime {

/// Takes `frequency` samples per second and CPU from now on. Logs where they are, or that there is no
/// memory for them.
void profile_start(uint32_t frequency);
/// Called by the timer interrupt on each CPU: takes a sample when one is due, and sees to the next.
void profile_tick(const TrapFrame* frame);

}  // namespace runtime

// The CPUs that run threads, and messages between them.
#pragma once

#include "arch/x86_64/cpu.h"
#include "lib/types.h"

namespace runtime {

constexpr unsigned kMaximumCpus = 64;

/// How many CPUs run threads; their indices are 0 to count - 1. Only grows.
unsigned cpu_count();
CpuLocal& cpu_at(unsigned index);
/// One bit for each of them.
uint64_t cpu_mask();

/// Makes `cpu` look at its run queue again.
void request_reschedule(CpuLocal& cpu);
/// Runs on the CPU that was made to. Interrupts are off.
void receive_reschedule();
/// Waits until this CPU is made to look at its queue, an interrupt was handled, or the clock reads
/// `deadline` (monotonic nanoseconds); a CPU that waits so is made to look without an interrupt. Called
/// between begin_halt() and end_halt(), with interrupts off; they are on meanwhile. Returns false when
/// only time has passed.
bool poll_for_reschedule(uint64_t deadline);
/// Stops all others for good, for a report of this one's.
void stop_other_cpus();
/// Runs on a CPU that was told to stop.
[[noreturn]] void stop_this_cpu();

/// Wakes the other CPUs that firmware describes from reset; they wait for start_other_cpus().
void reset_other_cpus();
/// Lets them run; each joins the scheduler when it is ready. `low_page` is an unused page of memory below
/// 1 MiB, 0 when there is none.
void start_other_cpus(PhysAddr low_page);
/// Some time later: tells once more those that did not answer, or names them in the log.
void check_other_cpus();

}  // namespace runtime

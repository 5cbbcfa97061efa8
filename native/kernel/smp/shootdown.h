// Making the other CPUs forget translations. The memory lock is held throughout, so there is one
// request at a time. A CPU answers in its interrupt handler, or where it spins for a lock with
// interrupts off: so whoever waits for an answer always gets it.
#pragma once

#include <stdint.h>

namespace runtime {

/// Drops the translations of `count` pages on all CPUs, or all of the application's and of kernel stacks
/// when `count` is above kMostSinglePages. Returns when no CPU uses them any more.
constexpr unsigned kMostSinglePages = 16;
void flush_everywhere(const uint64_t* pages, unsigned count);

/// Returns when every other CPU has executed a memory barrier since the call: membarrier(2).
void membarrier_everywhere();

/// More than one CPU runs.
bool other_cpus_may_translate();

/// A CPU that waits for a lock, interrupts off, need not be waited for: it says so, and catches up before it
/// goes on. On a host with fewer processors than the machine it may be long until each has had its turn.
void begin_flush_deferral();
void end_flush_deferral();
/// Likewise one that halts, until it runs anything again, also an interrupt's handler.
void begin_halt();
void end_halt();

/// Does what another CPU asked for, if one did. Interrupts are off.
void serve_flush();

}  // namespace runtime

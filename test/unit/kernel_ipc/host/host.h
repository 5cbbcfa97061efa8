// A stand-in for the machine under the kernel's Linux personality: locks, sleeping threads, time
// and memory on an ordinary host process, so that linux/ipc and linux/fs run unchanged in tests.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace host {

/// Moves the clock forward and runs the timers that are due, on the calling thread.
void advance_clock(uint64_t nanoseconds);
/// How many threads sleep in the kernel now.
int sleeping_threads();

/// Makes `signal` pending for the process, as kill(2) would.
void send_signal(int signal, int code, uint64_t value);
/// Drops all pending signals.
void clear_signals();
/// How many SIGPIPEs were raised so far.
int broken_pipes();
/// The signal mask of the calling thread, and how often one was left for the handler to restore.
uint64_t signal_mask();
int masks_left_to_handlers();
/// Forgets the calling thread's mask.
void reset_thread();

/// Page frames that the kernel holds now.
int64_t frames_in_use();
/// Lets `count` more frames be taken; negative: no limit.
void limit_frames(int64_t count);

/// Ranks of the spinlocks that the calling thread holds, one bit each.
uint32_t held_lock_ranks();

}  // namespace host

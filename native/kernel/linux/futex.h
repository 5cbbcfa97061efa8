// Futexes for the rest of the kernel: waking, and what a thread's end owes to other threads.
#pragma once

#include <stdint.h>

namespace runtime {

class Thread;

/// Wakes at most `count` threads that wait on the word at `address`. No lock of rank Futex or above
/// may be held.
void futex_wake_address(uint64_t address, unsigned count);

/// What the end of `thread`, which is the calling one, owes: marks the robust mutexes that it holds
/// as ownerless (get_robust_list(2)), clears the word that set_tid_address(2) named, and wakes
/// waiters. Bad application memory is skipped.
void futex_thread_exit(Thread* thread);

}  // namespace runtime

// Bells: how threads of the application wake each other without a futex's word, and without the way of a system
// call. A bell is a reference to the thread that opened it, which alone waits for it.
//
// A ring is kept until the thread has waited: it ends the wait of this moment, or else the next one. Waits may end
// without a ring, too. What has to be true is with the two threads.
#pragma once

#include "sched/thread.h"
#include "time/clock.h"

namespace runtime {

/// Waits until the calling thread's bell is rung, or the deadline has passed. No lock may be held.
void wait_for_bell(Deadline deadline);
/// Ends the wait of a thread. A better claim of that thread's to this CPU is granted at once. No lock may be held.
void ring_bell(Thread* thread);

}  // namespace runtime

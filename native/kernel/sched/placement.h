// Which CPU runs a thread. Shared by the files that implement the scheduler; nobody else includes this.
//
// Every CPU has a queue with a lock of its own; no two are held at once. What the scheduler keeps of a
// thread is guarded by the lock of the queue that `Thread::cpu` names, whatever the thread's state:
//
//   Runnable  it is in that queue
//   Running   that CPU runs it, or is still leaving its stack: the lock is held across the switch to the
//             next thread, who releases it, so nobody takes up a thread that a CPU has not wholly left
//   Sleeping  it ran there last
//   Moving    it is in no queue: whoever gave it this state puts it into one, with `settle`
//
// `Thread::cpu` itself changes only under the lock of the queue that it names before.
#pragma once

#include <stdint.h>

#include "arch/x86_64/cpu.h"
#include "sched/run_queue.h"
#include "sched/thread.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace runtime {

constexpr uint64_t kTimeSlice = 4 * kNanosecondsPerMillisecond;

struct CpuQueue {
  SpinLock lock{LockRank::Scheduler};
  RunQueue threads;
};

CpuQueue& queue_of(const CpuLocal& cpu);

/// Locks the queue that a thread's scheduling state belongs to.
class ThreadQueueGuard {
 public:
  explicit ThreadQueueGuard(const Thread* thread);
  ~ThreadQueueGuard() { queue_->lock.unlock(interrupts_); }
  ThreadQueueGuard(const ThreadQueueGuard&) = delete;
  ThreadQueueGuard& operator=(const ThreadQueueGuard&) = delete;
  CpuQueue& operator*() const { return *queue_; }

 private:
  CpuQueue* queue_;
  bool interrupts_;
};

bool may_run_on(const Thread* thread, unsigned cpu);

/// Puts a thread that is Moving into the queue of a CPU that may run it. No queue is locked.
void settle(Thread* thread);

/// This CPU has nothing to do: from now on others send it threads, and whoever does wakes it. Interrupts are
/// off. It looks for work after this, not before.
void announce_idle(const CpuLocal& cpu);
/// It has work.
void withdraw_idle(const CpuLocal& cpu);
/// Takes a thread that waits for another CPU into this one's queue. Returns false when there is none.
/// Interrupts are off.
bool steal_for(CpuLocal& cpu);
/// While a thread runs here, others wait: has an idle CPU fetch one, or sends one to a CPU that has less to
/// do. Returns whether it did. Interrupts are off.
bool relieve(CpuLocal& cpu, uint64_t now);

}  // namespace runtime

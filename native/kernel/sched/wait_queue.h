// Wait queues: how threads block and how readiness reaches poll and epoll.
//
// Contract. A waiter first tries its condition; only when that fails does it queue itself and
// sleep, and it tries again after each wake-up, so spurious wake-ups are harmless. The queue's entry
// is linked before the condition is tried again, so a wake-up between the two is never lost.
#pragma once

#include <stdint.h>

#include "lib/list.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace runtime {

class Thread;
class WaitQueue;

/// Something that wants to hear when a queue is woken: a sleeping thread, a poll call, an epoll
/// registration. Lives as long as it is linked; `remove` it before it goes away.
struct WaitEntry {
  /// Called under the queue's lock with interrupts off: must not block, nor touch the queue.
  /// `events` are the poll(2) bits that became true (0: unknown). Returns true when it used up an
  /// exclusive wake-up (see `wake_one`).
  using Callback = bool (*)(WaitEntry* entry, uint32_t events);

  Callback callback = nullptr;
  void* context = nullptr;
  WaitQueue* queue = nullptr;
  ListNode node;
};

enum class WaitResult { Ready, TimedOut, Interrupted };

class WaitQueue {
 public:
  WaitQueue() : lock_(LockRank::WaitQueue) {}

  void add(WaitEntry* entry);
  void remove(WaitEntry* entry);
  /// Tells every entry. Usable in interrupt context.
  void wake_all(uint32_t events = 0);
  /// Tells entries in order until one reports that it used the wake-up.
  void wake_one(uint32_t events = 0);

  /// Blocks the calling thread until `condition()` is true, `deadline` passes, or, when
  /// `interruptible`, a signal for the thread is pending. No lock may be held.
  template <typename Condition>
  WaitResult wait(Condition condition, Deadline deadline = Deadline::never(),
                  bool interruptible = true);

 private:
  SpinLock lock_;
  List<WaitEntry, &WaitEntry::node> entries_;
};

/// The thread side of blocking; `WaitQueue::wait` and poll are made of it.
class Sleeper {
 public:
  Sleeper();
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  /// Declares that wake-ups count from now on; call before testing the condition.
  void prepare();
  /// Sleeps unless a wake-up came since `prepare`. Returns TimedOut when the deadline passed,
  /// Interrupted when a deliverable signal is pending and `interruptible`, else Ready.
  WaitResult sleep(Deadline deadline, bool interruptible);
  /// A WaitEntry callback that wakes the Sleeper in `entry->context`.
  static bool wake_callback(WaitEntry* entry, uint32_t events);
  void wake();
  /// Puts `entry` to use for this sleeper.
  void attach(WaitEntry* entry) {
    entry->callback = wake_callback;
    entry->context = this;
  }

 private:
  Thread* thread_;
};

template <typename Condition>
WaitResult WaitQueue::wait(Condition condition, Deadline deadline, bool interruptible) {
  if (condition()) return WaitResult::Ready;
  Sleeper sleeper;
  WaitEntry entry;
  sleeper.attach(&entry);
  add(&entry);
  WaitResult result = WaitResult::Ready;
  for (;;) {
    sleeper.prepare();
    if (condition()) {
      result = WaitResult::Ready;
      break;
    }
    result = sleeper.sleep(deadline, interruptible);
    if (result != WaitResult::Ready) {
      if (condition()) result = WaitResult::Ready;
      break;
    }
  }
  remove(&entry);
  return result;
}

}  // namespace runtime

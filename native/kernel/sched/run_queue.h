// A queue of runnable threads, those with the least weighted CPU time first. Pure: who owns the queue
// guards it with a lock.
#pragma once

#include <stdint.h>

#include "lib/list.h"

namespace runtime {

/// What a queue knows of a thread.
struct RunQueueEntry {
  ListNode run_node;
  uint64_t virtual_runtime =
      0;                      // weighted nanoseconds; between queues: ahead of its queue's minimum
  uint64_t affinity = ~0ull;  // one bit for each CPU that may run it
  int nice = 0;
};

/// Nanoseconds that `used` nanoseconds of the CPU count for a thread of that nice(2) value. Each step is
/// worth about 10 % of the CPU, a factor of 1.25.
uint64_t weighted_runtime(uint64_t used, int nice);
/// What `weighted` nanoseconds that counted for a thread of one nice value count for one of another.
uint64_t reweighted_runtime(uint64_t weighted, int before, int after);

class RunQueue {
 public:
  /// Queues an entry by its virtual runtime, behind those with the same.
  void add(RunQueueEntry* entry);
  void remove(RunQueueEntry* entry);
  RunQueueEntry* first() { return entries_.front(); }
  /// Takes the first entry out that CPU `cpu` may run; null when there is none.
  RunQueueEntry* take_for(unsigned cpu);
  /// Takes the last entry out that a CPU of the mask may run; null when there is none.
  RunQueueEntry* take_last_for(uint64_t cpus);
  /// How many are queued. May be read without the lock, and is then a hint.
  unsigned length() const { return __atomic_load_n(&length_, __ATOMIC_RELAXED); }

  /// An entry that is in no queue leaves this one's time, as virtual runtimes mean something within one
  /// queue only,
  void leave(RunQueueEntry* entry) const;
  /// and enters another's.
  void enter(RunQueueEntry* entry) const;
  /// One that slept keeps a small credit, so it is served soon and cannot hoard: what the heaviest of the others gets
  /// counted for a few milliseconds. Beside those of little weight, whose time counts a multiple, that is more.
  /// `running` is the nice value of what runs.
  void limit_credit(RunQueueEntry* entry, int running);
  /// Gives an entry another nice value, whether it is queued or not. What it is ahead is time that it has used: that counts
  /// as much as it would have from the beginning.
  void reweigh(RunQueueEntry* entry, int nice);
  /// The queue's time goes on to that of an entry that runs.
  void advance(const RunQueueEntry* entry);

 private:
  void set_length(unsigned length) { __atomic_store_n(&length_, length, __ATOMIC_RELAXED); }

  List<RunQueueEntry, &RunQueueEntry::run_node> entries_;
  unsigned length_ = 0;
  uint64_t minimum_ = 0;  // virtual runtime; never goes back
};

}  // namespace runtime
